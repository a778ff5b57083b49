#include "enroll/question.hpp"
#include "examine/examine.hpp"

#include <bunraku/error.hpp>
#include <bunraku/resolver.hpp>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <map>

namespace shim::examine {
namespace {

namespace net = boost::asio;
using bunraku::errc;
using bunraku::master;
using trouble = doctor::master_facts::trouble;
using error_code = boost::system::error_code;

constexpr std::chrono::seconds answer_limit{10};
constexpr std::size_t most_masters = 64;

trouble trouble_of(const bunraku::attempt& failed) {
  const auto& error = failed.error();
  if (error.category() != bunraku::category()) {
    const bool stood = failed.reached() > bunraku::stage::connect || error == net::error::connection_reset;
    return stood ? trouble::broken : trouble::refused;
  }
  switch (static_cast<errc>(error.value())) {
    case errc::no_address:
      return failed.reason().find("own listener") != std::string::npos ? trouble::ourselves : trouble::no_address;
    case errc::dns_timeout:
    case errc::dns_failed:
    case errc::dns_malformed: return trouble::no_address;
    case errc::connect_timeout: return trouble::silent;
    case errc::tls_timeout:
    case errc::tls_failed: return trouble::no_tls;
    case errc::certificate_untrusted: return trouble::untrusted;
    case errc::certificate_expired: return trouble::expired;
    case errc::certificate_revoked: return trouble::revoked;
    case errc::certificate_wrong_name: return trouble::wrong_name;
    case errc::certificate_wrong_purpose: return trouble::wrong_purpose;
    case errc::certificate_no_master:
    case errc::certificate_not_pinned:
    case errc::outside_domain: return trouble::no_master;
    case errc::crl_missing:
    case errc::crl_expired: return trouble::crl;
    case errc::refused_us: return trouble::refused_us;
    default: return trouble::broken;
  }
}

/// RFC 9110, 5.6.7, the one form that is sent today.
std::optional<std::chrono::sys_seconds> moment_in(const std::string& date) {
  std::tm parts{};
  const char* const end = ::strptime(date.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
  if (end == nullptr || *end != '\0') return std::nullopt;
  return std::chrono::sys_seconds(std::chrono::seconds(::timegm(&parts)));
}

/// A question on a connection of its own, to this master alone.
class questioner {
 public:
  questioner(bunraku::resolver& resolver, master who, bunraku::service of)
      : resolver_(resolver), who_(std::move(who)), of_(of) {}

  net::awaitable<doctor::http_fact> ask(std::string target, std::string accept, doctor::master_facts& into) {
    bunraku::plan plan(of_);
    plan.narrow_to(who_);
    auto [error, made] = co_await resolver_.async_connect(plan, net::as_tuple(net::use_awaitable));
    if (error) {
      into.what = trouble::broken;
      into.error = error.message();
      if (!plan.attempts().empty()) {
        into.what = trouble_of(plan.attempts().front());
        into.error = std::string(name_of(plan.attempts().front().reached())) + ": " + plan.attempts().front().reason();
      }
      co_return doctor::http_fact{.status = 0, .error = into.error};
    }
    if (const auto shown = made.stream().certificate()) into.certificate_ends = shown->not_after;
    const std::string host = who_.to_string();
    const auto said = co_await enroll::ask(made.stream(), "GET", std::move(target), host, {}, answer_limit, accept);
    if (const auto theirs = moment_in(said.date))
      into.clock_ahead = *theirs - std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
    if (!said.puppet_version.empty()) into.puppet_version = said.puppet_version;
    const auto told = said.error.empty()               ? bunraku::outcome::kind::answered
                      : said.cause == errc::refused_us ? bunraku::outcome::kind::refused_us
                                                       : bunraku::outcome::kind::unanswered;
    resolver_.report(who_, of_, bunraku::outcome(told, said.error));
    if (said.cause == errc::refused_us) {  // in TLS 1.3 the handshake does not show it
      into.what = trouble::refused_us;
      into.error = "tls: " + made.stream().refusal();
    }
    co_return doctor::http_fact{.status = said.error.empty() ? said.status : 0, .error = said.error};
  }

 private:
  bunraku::resolver& resolver_;
  master who_;
  bunraku::service of_;
};

bool serves(const doctor::master_facts& m, std::string_view service) {
  return std::ranges::find(m.services, service) != m.services.end();
}

net::awaitable<void> examine(bunraku::resolver& resolver, master who, bunraku::service first, std::string environment,
                             doctor::master_facts& into) {
  questioner to(resolver, who, first);
  into.status = co_await to.ask("/status/v1/simple/server", "*/*", into);
  if (into.what != trouble::none) {
    into.status.reset();
    co_return;
  }
  // What an agent asks before anything else, and what any node may be told: it compiles and changes nothing.
  if (serves(into, "catalog") || serves(into, "files"))
    into.environment = co_await to.ask(
        "/puppet/v3/file_metadatas/plugins?recurse=false&links=manage&checksum_type=sha256&source_permissions=ignore&"
        "environment=" +
            environment,
        "application/json", into);
  if (serves(into, "ca")) into.ca = co_await to.ask("/puppet-ca/v1/certificate/ca", "text/plain", into);
}

doctor::source_fact fact_of(const bunraku::source_answer& said) {
  using from = bunraku::source_answer::status;
  using to = doctor::source_fact::state;
  doctor::source_fact out;
  out.srv = said.kind == bunraku::source_kind::srv;
  out.asked = said.asked;
  out.what = said.state == from::answered ? to::answered
             : said.state == from::empty  ? to::empty
             : said.state == from::absent ? to::absent
                                          : to::failed;
  if (said.error) out.error = said.error.message();
  for (const auto& m : said.masters) out.masters.push_back(m.to_string());
  return out;
}

struct one_master {
  bunraku::service first;
  doctor::master_facts facts;
};

}  // namespace

void ask_masters(doctor::facts& into, bunraku::resolver_options options,
                 std::shared_ptr<const bunraku::identity> identity) {
  net::io_context loop(1);
  const auto names = options.services;
  const bool can_connect = identity != nullptr;
  bunraku::resolver resolver(loop.get_executor(), std::move(options), std::move(identity));
  std::map<master, one_master> found;
  into.services.resize(names.size());
  for (std::size_t i = 0; i != names.size(); ++i) {
    into.services[i].name = names[i].name;
    const auto service = static_cast<bunraku::service>(i);
    resolver.async_resolve(service, [&, i, service](error_code, const bunraku::resolution& said) {
      for (const auto& answer : said.answers) {
        into.services[i].sources.push_back(fact_of(answer));
        for (const auto& m : answer.masters) {
          if (found.size() >= most_masters && !found.contains(m)) continue;
          auto& one = found.try_emplace(m, one_master{service, {}}).first->second;
          if (!serves(one.facts, names[i].name)) one.facts.services.push_back(names[i].name);
        }
      }
    });
  }
  loop.run();
  if (!can_connect) return;
  loop.restart();
  for (auto& [who, one] : found) {
    one.facts.name = who.to_string();
    one.facts.host = who.host();
    net::co_spawn(loop, examine(resolver, who, one.first, into.site->environment, one.facts), net::detached);
  }
  loop.run();
  for (auto& [who, one] : found) into.masters.push_back(std::move(one.facts));
}

}  // namespace shim::examine
