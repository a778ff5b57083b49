#include "io/ares_channel.hpp"

#include "io/ares_lookup.hpp"
#include "policy/dns_forward.hpp"

#include <bunraku/error.hpp>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <cstring>
#include <utility>

namespace bunraku::io {
namespace {

using namespace std::chrono_literals;
constexpr std::size_t max_servers = 16;
/// Before they are asked once more when no name server can be reached at all, which shows at once. A shortage of this
/// host's own (descriptors, buffers) is over by then, and maybe the restart of a local one.
constexpr auto pause = 50ms;

std::string list_of(const std::vector<name_server>& servers) {
  std::string text;
  for (const auto& s : servers) text += (text.empty() ? "" : ", ") + s.to_string();
  return text;
}

std::string note_on_tcp(const ares_lookup& lookup) {
  return lookup.heard().truncated ? "; the answer is too large for UDP, and over TCP none came" : "";
}

ares_channel::failure failure_of(const ares_lookup& lookup, const std::string& question, const std::string& servers) {
  const auto asked = " about " + question + " (asked " + servers + ")" + note_on_tcp(lookup);
  switch (const int status = lookup.ares_status()) {
    case ARES_ETIMEOUT: return {errc::dns_timeout, "no name server answered" + asked};
    case ARES_ECONNREFUSED:
    case ARES_ESERVFAIL:
    case ARES_ENOTIMP:
    case ARES_EREFUSED:
      if (const int code = lookup.heard().response_code; code > 0)
        return {errc::dns_failed,
                "the name server said " + policy::response_code_text(static_cast<unsigned>(code)) + asked};
      if (const int error = lookup.heard().no_socket; error != 0)
        return {errc::dns_failed,
                "this host has no socket for it (" + std::string(std::strerror(error)) +
                    "): no name server could be reached" + asked,
                true};
      return {errc::dns_failed, "no name server could be reached" + asked};
    default: return {errc::dns_failed, "the question failed: " + std::string(ares_strerror(status)) + asked};
  }
}

bool reached_nobody(const ares_lookup& lookup) {
  return lookup.result() == ares_lookup::status::failed && lookup.ares_status() == ARES_ECONNREFUSED &&
         lookup.heard().response_code <= 0;
}

}  // namespace

struct ares_channel::state {
  state(boost::asio::any_io_executor ex, const dns_options& dns)
      : executor(std::move(ex)),
        deadline(std::clamp(dns.lookup_deadline, 100ms, 60000ms)),
        try_timeout(std::clamp(dns.try_timeout, 50ms, deadline)),
        file(dns.resolv_conf) {
    listed = parse(dns.nameservers);
    for (const auto& one : dns.forward) forward.emplace_back(one.domain, parse(one.nameservers));
    from_file = dns.nameservers.empty();
  }

  std::vector<name_server> parse(const std::vector<std::string>& texts) {
    std::vector<name_server> out;
    for (const auto& text : texts) {
      auto server = parse_name_server(text);
      if (!server) {
        invalid += (invalid.empty() ? "" : "; ") + server.error();
      } else if (out.size() < max_servers) {
        out.push_back(*server);
      }
    }
    return out;
  }

  /// Whom to ask about a name now, the one that answered last in front.
  std::vector<name_server> servers(std::string_view name) {
    std::vector<name_server> list;
    const auto* const own = policy::forward_for(name, forward);
    if (own != nullptr) {
      list = own->second;
    } else {
      list = from_file ? file.name_servers() : listed;
      last_asked = list;
    }
    for (const auto& good : last_good) {
      const auto best = std::ranges::find(list, good, &name_server::to_string);
      if (best == list.end()) continue;
      std::rotate(list.begin(), best, best + 1);
      break;
    }
    return list;
  }

  void note_good(const std::string& server) {
    std::erase(last_good, server);
    last_good.insert(last_good.begin(), server);
    last_good.resize(std::min(last_good.size(), max_servers));
  }

  std::chrono::milliseconds time_for_one(std::size_t servers) const {
    return std::max(50ms, std::min(try_timeout, deadline / static_cast<std::int64_t>(servers)));
  }

  std::shared_ptr<ares_lookup> add_lookup() {
    std::erase_if(under_way, [](const auto& each) { return each.expired(); });
    auto lookup = std::make_shared<ares_lookup>(executor);
    under_way.push_back(lookup);
    return lookup;
  }

  boost::asio::any_io_executor executor;
  std::chrono::milliseconds deadline, try_timeout;
  resolv_conf file;
  bool from_file = true;
  bool closed = false;
  std::vector<name_server> listed, last_asked;
  std::string invalid;
  std::vector<std::string> last_good;  // the latest first
  std::vector<std::pair<std::string, std::vector<name_server>>> forward;
  std::vector<std::weak_ptr<ares_lookup>> under_way;
};

ares_channel::ares_channel(boost::asio::any_io_executor executor, const dns_options& dns)
    : state_(std::make_shared<state>(std::move(executor), dns)) {}

ares_channel::~ares_channel() { close(); }

std::chrono::milliseconds ares_channel::deadline() const noexcept { return state_->deadline; }

std::chrono::milliseconds ares_channel::try_timeout() const noexcept { return state_->try_timeout; }

bool ares_channel::has_other_servers() {
  auto& own = *state_;
  return own.from_file && !own.last_asked.empty() && own.file.name_servers() != own.last_asked;
}

void ares_channel::close() {
  state_->closed = true;
  for (const auto& each : state_->under_way)
    if (const auto lookup = each.lock()) lookup->cancel();
}

boost::asio::awaitable<std::expected<std::string, ares_channel::failure>> ares_channel::query(std::string name,
                                                                                              policy::dns_type type,
                                                                                              judge is_believed) {
  return run(state_, std::move(name), type, std::move(is_believed));
}

boost::asio::awaitable<std::expected<std::string, ares_channel::failure>> ares_channel::run(
    std::shared_ptr<state> shared, std::string name, policy::dns_type type, judge is_believed) {
  const auto question = name + " " + std::string(policy::name_of(type));
  if (shared->closed) co_return std::unexpected(failure{errc::cancelled, "the resolver is gone"});
  auto servers = shared->servers(name);
  if (servers.empty())
    co_return std::unexpected(failure{errc::dns_failed, "no name server to ask: " + shared->invalid});

  const failure cancelled{errc::cancelled, "the question about " + question + " was cancelled"};
  const auto until = std::chrono::steady_clock::now() + shared->deadline;
  std::shared_ptr<ares_lookup> lookup;
  // However this coroutine ends, nothing of the lookup stays open or armed.
  std::unique_ptr<ares_lookup, void (*)(ares_lookup*)> closer(nullptr, [](ares_lookup* l) { l->stop(); });
  bool expired = false, believed = false;
  std::string passed_over;
  for (bool again = true;;) {
    closer.reset();
    lookup = shared->add_lookup();
    closer.reset(lookup.get());
    lookup->over().expires_at(until);
    lookup->start(name, static_cast<int>(type), servers, shared->time_for_one(servers.size()));
    if (lookup->result() == ares_lookup::status::under_way) {
      const auto [stopped] = co_await lookup->over().async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
      expired = !stopped;
    }
    if (lookup->result() == ares_lookup::status::replied) {
      believed = is_believed(lookup->wire());
      const auto is_sender = [&](const name_server& s) { return s.to_string() == lookup->heard().sender; };
      if (believed || std::erase_if(servers, is_sender) == 0 || servers.empty()) break;
      passed_over += ", after " + lookup->heard().sender + " sent no usable answer";
      continue;
    }
    if (!std::exchange(again, false) || !reached_nobody(*lookup) || std::chrono::steady_clock::now() + pause >= until)
      break;
    lookup->over().expires_after(pause);
    const auto [stopped] = co_await lookup->over().async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
    if (stopped) co_return std::unexpected(cancelled);
  }

  switch (lookup->result()) {
    case ares_lookup::status::replied:
      if (believed) shared->note_good(lookup->heard().sender);
      co_return lookup->heard().sender;
    case ares_lookup::status::failed:
      co_return std::unexpected(failure_of(*lookup, question, list_of(servers) + passed_over));
    case ares_lookup::status::under_way:
      if (expired) {
        co_return std::unexpected(failure{errc::dns_timeout, "no answer about " + question + " from " +
                                                                 list_of(servers) + " within " +
                                                                 std::to_string(shared->deadline.count()) + " ms" +
                                                                 passed_over + note_on_tcp(*lookup)});
      }
      break;
    case ares_lookup::status::cancelled: break;
  }
  co_return std::unexpected(cancelled);
}

}  // namespace bunraku::io
