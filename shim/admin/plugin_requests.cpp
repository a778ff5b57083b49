#include "admin/control.hpp"
#include "log_value.hpp"

#include <boost/asio/async_result.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json.hpp>

#include <algorithm>

namespace shim::admin {
namespace {

namespace json = boost::json;
namespace net = boost::asio;
using bunraku::plugin_facts;
using bunraku::plugins;

std::string_view word_for(plugin_facts::state s) {
  switch (s) {
    case plugin_facts::state::running: return "running";
    case plugin_facts::state::late: return "late";
    case plugin_facts::state::refused: return "refused";
  }
  return {};
}

json::object json_of(const plugin_facts& f) {
  json::object o{{"name", f.name}, {"file", f.file}, {"state", word_for(f.now)}};
  if (f.now == plugin_facts::state::refused) {
    o["reason"] = f.reason;
    return o;
  }
  o["version"] = f.version;
  o["about"] = f.about;
  o["kinds"] = json::value_from(f.kinds);
  o["calls"] = f.calls;
  o["late"] = f.late;
  o["failed"] = f.failed;
  o["dropped"] = f.dropped;
  o["longest_ms"] = static_cast<double>(f.longest.count()) / 1000;
  if (!f.last_failure.empty()) o["last_failure"] = f.last_failure;
  return o;
}

net::awaitable<std::string> status_of(std::shared_ptr<plugins> all, std::string name) {
  const auto executor = co_await net::this_coro::executor;
  auto text = co_await net::async_initiate<const net::use_awaitable_t<>, void(std::string)>(
      [&all, &name, &executor](auto handler) { all->status(executor, name, std::move(handler)); }, net::use_awaitable);
  co_return text;
}

net::awaitable<plugins::control_reply> tell(std::shared_ptr<plugins> all, request what) {
  const auto executor = co_await net::this_coro::executor;
  auto reply = co_await net::async_initiate<const net::use_awaitable_t<>, void(plugins::control_reply)>(
      [&all, &what, &executor](auto handler) { all->control(executor, what.plugin, what.order, std::move(handler)); },
      net::use_awaitable);
  co_return reply;
}

}  // namespace

net::awaitable<json::array> describe_plugins(controlled& daemon) {
  json::array out;
  const auto all = daemon.plugins ? daemon.plugins() : nullptr;
  if (!all) co_return out;
  for (const auto& f : all->facts()) {
    auto one = json_of(f);
    if (f.now == plugin_facts::state::running) {
      const auto text = co_await status_of(all, f.name);
      boost::system::error_code error;
      auto status = json::parse(text, error);
      if (!error && status.is_object()) one["status"] = std::move(status);
    }
    out.push_back(std::move(one));
  }
  co_return out;
}

net::awaitable<std::expected<json::object, refusal>> order_plugin(controlled& daemon, request what,
                                                                  std::string caller) {
  const auto all = daemon.plugins ? daemon.plugins() : nullptr;
  refusal why{404, "unknown_plugin", "There is no plugin `" + what.plugin + "` running.", {}};
  bool running = false;
  if (all)
    for (const auto& f : all->facts()) {
      if (f.now != plugin_facts::state::refused) why.known.push_back(f.name);
      running = running || (f.name == what.plugin && f.now != plugin_facts::state::refused);
    }
  if (!running) co_return std::unexpected(std::move(why));
  const auto reply = co_await tell(all, what);
  daemon.say(bunraku::log_level::warning, "plugin.told plugin=" + what.plugin +
                                              (reply.done ? " done" : " refused reason=" + log_value(reply.text)) +
                                              " by=\"" + caller + '"');
  if (!reply.done) co_return std::unexpected(refusal{409, "plugin_refused", reply.text, {}});
  boost::system::error_code error;
  auto answer = json::parse(reply.text, error);
  if (error) co_return std::unexpected(refusal{502, "bad_plugin", "The plugin's answer is not JSON.", {}});
  co_return json::object{{"version", protocol_version}, {"plugin", what.plugin}, {"answer", std::move(answer)}};
}

}  // namespace shim::admin
