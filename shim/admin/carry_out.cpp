#include "admin/control.hpp"
#include "admin/metrics.hpp"
#include "admin/page.hpp"
#include "config/keys.hpp"
#include "config/values.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json.hpp>

#include <algorithm>
#include <array>
#include <ctime>
#include <set>

namespace shim::admin {
namespace {

namespace json = boost::json;
namespace net = boost::asio;
using answer = std::expected<json::object, refusal>;
using bunraku::master;
using bunraku::snapshot;

std::vector<std::string> names_of(const std::vector<master>& masters) {
  std::vector<std::string> out;
  for (const auto& m : masters) out.push_back(m.to_string());
  return out;
}

std::string listed(const std::vector<std::string>& names) {
  std::string out;
  for (const auto& n : names) out += (out.empty() ? "" : ", ") + n;
  return out;
}

/// Every master that a source names or that something is known of, each once.
std::vector<master> masters_in(const snapshot& from) {
  std::set<master> all;
  for (const auto& s : from.services)
    for (const auto& c : s.candidates) all.insert(c.who);
  for (const auto& m : from.masters) all.insert(m.who);
  return {all.begin(), all.end()};
}

std::vector<master> drained_in(const snapshot& from) {
  std::vector<master> out;
  for (const auto& m : from.masters)
    if (!m.service && m.what.state == bunraku::health::draining) out.push_back(m.who);
  return out;
}

std::vector<master> fitting(const std::vector<master>& all, const config::host_and_port& name) {
  std::vector<master> out;
  for (const auto& m : all)
    if (m.host() == name.host && (!name.port || *name.port == m.port())) out.push_back(m);
  return out;
}

refusal unknown_master(const std::string& given, const std::vector<master>& all) {
  refusal why{404, "unknown_master", "There is no master `" + given.substr(0, 300) + "`.", names_of(all)};
  std::vector<std::string_view> hosts;
  for (const auto& m : all) hosts.push_back(m.host());
  if (const auto meant = config::nearest(given, hosts); !meant.empty())
    why.message += " Did you mean `" + std::string(meant) + "`?";
  why.message += all.empty() ? " No master of any service is known now: see `bunraku resolve`."
                             : " Known are " + listed(why.known) + ".";
  return why;
}

/// Asks those sources whose answers are not known, or over.
net::awaitable<void> learn(controlled& daemon, std::optional<bunraku::service> only) {
  const auto before = daemon.resolver.snapshot();
  for (const auto& s : before.services) {
    if (only && s.service != *only) continue;
    const bool known = std::ranges::all_of(s.sources, [](const auto& one) { return one.known && one.fresh; });
    if (!known) co_await daemon.resolver.async_resolve(s.service, net::as_tuple(net::use_awaitable));
  }
}

json::object document(controlled& daemon, const snapshot& from) {
  return to_json(from, daemon.facts(), std::chrono::system_clock::now());
}

json::object status(controlled& daemon) {
  const auto now = daemon.resolver.snapshot();
  auto o = document(daemon, now);
  add_history(o, now, daemon.so_far, std::chrono::system_clock::now());
  return o;
}

net::awaitable<answer> explain(controlled& daemon, std::string name) {
  auto now = daemon.resolver.snapshot();
  const auto found = std::ranges::find(now.services, name, &snapshot::service_view::name);
  if (found == now.services.end()) {
    refusal why{404, "unknown_service", "There is no service `" + name + "`.", {}};
    std::vector<std::string_view> names;
    for (const auto& s : now.services) {
      names.push_back(s.name);
      why.known.push_back(s.name);
    }
    if (const auto meant = config::nearest(name, names); !meant.empty())
      why.message += " Did you mean `" + std::string(meant) + "`?";
    why.message += " There are " + listed(why.known) + ".";
    co_return std::unexpected(std::move(why));
  }
  const auto service = found->service;
  co_await learn(daemon, service);
  now = daemon.resolver.snapshot();
  std::erase_if(now.services, [&](const auto& s) { return s.service != service; });
  std::erase_if(now.masters, [&](const auto& m) { return m.service && *m.service != service; });
  co_return document(daemon, now);
}

/// Those masters that `given` names; DNS is asked only for a name that is not known yet.
net::awaitable<std::expected<std::vector<master>, refusal>> find_masters(controlled& daemon, std::string given) {
  const auto name = config::parse_host_and_port(given);
  auto all = masters_in(daemon.resolver.snapshot());
  auto found = name ? fitting(all, *name) : std::vector<master>{};
  if (found.empty()) {
    co_await learn(daemon, std::nullopt);
    all = masters_in(daemon.resolver.snapshot());
    if (name) found = fitting(all, *name);
  }
  if (found.empty()) co_return std::unexpected(unknown_master(given, all));
  co_return found;
}

std::string utc(std::chrono::system_clock::time_point when) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(when);
  std::tm parts{};
  std::array<char, 32> out{};
  if (::gmtime_r(&seconds, &parts) == nullptr) return {};
  return {out.data(), std::strftime(out.data(), out.size(), "%Y-%m-%dT%H:%M:%SZ", &parts)};
}

net::awaitable<answer> drain(controlled& daemon, request what, std::string caller) {
  const auto found = co_await find_masters(daemon, what.master);
  if (!found) co_return std::unexpected(found.error());
  for (const auto& m : *found) daemon.resolver.drain(m, what.lasts);
  const auto names = names_of(*found);
  const bool ends = what.lasts.count() != 0;
  daemon.say(bunraku::log_level::warning, "master.drained masters=\"" + listed(names) +
                                              "\" for=" + (ends ? config::to_string(what.lasts) : "ever") + " by=\"" +
                                              caller + '"');
  json::object o{{"version", protocol_version}, {"drained", json::value_from(names)}};
  o["until"] = ends ? json::value(utc(std::chrono::system_clock::now() + what.lasts)) : json::value(nullptr);
  if (ends) o["until_seconds"] = what.lasts.count();
  const auto now = daemon.resolver.snapshot();
  json::array alone;  // where it goes on being used all the same
  for (const auto& s : now.services) {
    const auto is_drained = [](const auto& c) { return c.state == bunraku::health::draining; };
    if (!s.candidates.empty() && std::ranges::all_of(s.candidates, is_drained)) alone.emplace_back(s.name);
  }
  o["nobody_else_for"] = std::move(alone);
  co_return o;
}

net::awaitable<answer> undrain(controlled& daemon, request what, std::string caller) {
  const auto found = co_await find_masters(daemon, what.master);
  if (!found) co_return std::unexpected(found.error());
  std::vector<master> done;
  for (const auto& m : *found)
    if (daemon.resolver.undrain(m)) done.push_back(m);
  if (done.empty()) {
    const auto drained = names_of(drained_in(daemon.resolver.snapshot()));
    refusal why{409, "not_drained", "`" + what.master + "` is not being drained.", drained};
    why.message += drained.empty() ? " No master is." : " Those that are: " + listed(drained) + ".";
    co_return std::unexpected(std::move(why));
  }
  const auto names = names_of(done);
  daemon.say(bunraku::log_level::warning, "master.undrained masters=\"" + listed(names) + "\" by=\"" + caller + '"');
  co_return json::object{{"version", protocol_version}, {"undrained", json::value_from(names)}};
}

answer reload(controlled& daemon, const std::string& caller) {
  daemon.say(bunraku::log_level::info, "reload asked for by=\"" + caller + '"');
  const auto result = daemon.reload();
  return json::object{{"version", protocol_version},
                      {"reloaded", result.done},
                      {"listen", daemon.facts().listen},
                      {"problems", to_json(result.found)}};
}

net::awaitable<answer> in_json(controlled& daemon, request what, std::string caller) {
  switch (what.what) {
    case request::kind::page:
    case request::kind::metrics: break;
    case request::kind::status: {
      auto plugins = co_await describe_plugins(daemon);
      auto whole = status(daemon);
      whole["plugins"] = std::move(plugins);
      co_return whole;
    }
    case request::kind::explain: co_return co_await explain(daemon, what.service);
    case request::kind::reload: co_return reload(daemon, caller);
    case request::kind::drain: co_return co_await drain(daemon, std::move(what), std::move(caller));
    case request::kind::undrain: co_return co_await undrain(daemon, std::move(what), std::move(caller));
    case request::kind::plugin: co_return co_await order_plugin(daemon, std::move(what), std::move(caller));
  }
  co_return std::unexpected(refusal{500, "error", "There is no such request.", {}});
}

}  // namespace

net::awaitable<std::expected<reply, refusal>> carry_out(controlled& daemon, request what, std::string caller) {
  if (what.what == request::kind::page) co_return reply{"text/html; charset=utf-8", std::string(page_html())};
  if (what.what == request::kind::metrics)
    co_return reply{
        "text/plain; version=0.0.4; charset=utf-8",
        metrics_text(daemon.resolver.snapshot(), daemon.facts(), daemon.so_far, std::chrono::system_clock::now())};
  auto done = co_await in_json(daemon, std::move(what), std::move(caller));
  if (!done) co_return std::unexpected(std::move(done.error()));
  co_return reply{{}, json::serialize(*done) + '\n'};
}

}  // namespace shim::admin
