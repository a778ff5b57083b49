#pragma once
#include "forward/exchange.hpp"
#include "local/places.hpp"

#include <bunraku/connection.hpp>

#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <functional>
#include <list>
#include <optional>

namespace shim::local {

/// What all sessions share. The daemon owns it and outlives them.
struct session_shared {
  forward::forwarding& forwarding;
  std::function<forward::destination(const http::request_head&)> route{};
  std::chrono::milliseconds idle_limit{60000};    ///< between two requests; well above an agent's own 4 s
  std::chrono::milliseconds header_limit{10000};  ///< for a whole head, from its first byte
  std::function<void(std::string_view client, std::string_view what)> refused{};  ///< for the log

  std::list<forward::client_side*> idle{};  ///< those that wait for a request
  places room{};
  bool draining = false;

  /// From now on every answer is the last on its connection. Idle ones end when their agent, too, has given them up.
  void drain();
};

/// Serves one local connection until it ends: requests in, exchanges, answers out. `who` it is, if it did not show the
/// node's own key: one that has too many of the places is told so.
boost::asio::awaitable<void> serve(session_shared& shared, bunraku::connection client,
                                   std::optional<places::client> who = std::nullopt);

}  // namespace shim::local
