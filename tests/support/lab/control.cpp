#include "control.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/json.hpp>

#include <functional>

namespace lab {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;
using unix_socket = asio::local::stream_protocol;
using asio::use_awaitable;
constexpr std::size_t longest_order = std::size_t{1} << 20U;

// Reads orders until the other side hangs up.
asio::awaitable<void> serve(unix_socket::socket peer, std::function<json::object(const json::object&)> obey) {
  std::string input;
  for (;;) {
    boost::system::error_code error;
    const auto size = co_await asio::async_read_until(peer, asio::dynamic_buffer(input, longest_order), '\n',
                                                      asio::redirect_error(use_awaitable, error));
    if (error) co_return;
    json::object reply;
    try {
      reply = obey(json::parse(std::string_view(input).substr(0, size)).as_object());
      reply["ok"] = true;
    } catch (const std::exception& problem) {
      reply = {{"ok", false}, {"error", problem.what()}};
    }
    input.erase(0, size);
    const auto line = json::serialize(reply) + "\n";
    co_await asio::async_write(peer, asio::buffer(line), asio::redirect_error(use_awaitable, error));
  }
}

}  // namespace

void control::listen(const std::filesystem::path& socket) {
  asio::co_spawn(io_, accept_all(this, socket), asio::detached);
}

asio::awaitable<void> control::accept_all(control* self, std::filesystem::path socket) {
  unix_socket::acceptor acceptor(self->io_, unix_socket::endpoint(socket.string()));
  for (;;) {
    auto peer = co_await acceptor.async_accept(use_awaitable);
    asio::co_spawn(self->io_, serve(std::move(peer), [self](const json::object& order) { return self->obey(order); }),
                   asio::detached);
  }
}

master& control::named(const json::object& order) {
  const std::string name(order.at("master").as_string());
  for (const auto& each : masters_) {
    if (each->options().name == name) return *each;
  }
  throw failure("no master \"" + name + "\"");
}

json::object control::obey(const json::object& order) {
  const std::string verb(order.at("do").as_string());
  if (verb == "fault") {
    auto& target = named(order);
    const auto id = target.faults().add(parse_fault(order));
    target.apply_faults();
    return {{"id", id}};
  }
  if (verb == "clear") {
    for (const auto& each : masters_) {
      if (order.contains("master") && each.get() != &named(order)) continue;
      if (const auto* id = order.if_contains("id")) {
        if (!each->faults().remove(json::value_to<std::uint64_t>(*id))) throw failure("no such fault");
      } else {
        each->faults().clear();
      }
      each->apply_faults();
    }
    return {};
  }
  if (verb == "counters") {
    auto& target = named(order);
    const auto& counted = target.counters();
    return {{"connections", counted.connections},
            {"open", target.open_connections()},
            {"handshakes_failed", counted.handshakes_failed},
            {"requests", counted.requests}};
  }
  if (verb == "drop") {
    named(order).drop_all(order.at("how").as_string() == "close" ? drop_manner::close : drop_manner::reset);
    return {};
  }
  if (verb == "reload") {
    for (const auto& each : masters_) each->reload();
    return {};
  }
  throw failure("no order \"" + verb + "\"");
}

}  // namespace lab
