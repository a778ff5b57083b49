#pragma once
#include "forward/exchange.hpp"

#include <bunraku/connection.hpp>

#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <functional>
#include <list>

namespace shim::local {

/// What all sessions share. The daemon owns it and outlives them.
struct session_shared {
  forward::forwarding& forwarding;
  std::function<forward::destination(const http::request_head&)> route{};
  std::chrono::milliseconds idle_limit{60000};    ///< between two requests; well above an agent's own 4 s
  std::chrono::milliseconds header_limit{10000};  ///< for a whole head, from its first byte
  std::size_t most = 512;                         ///< sessions at once
  std::function<void(std::string_view client, std::string_view what)> refused{};  ///< for the log

  std::list<forward::client_side*> idle{};  ///< those that wait for a request
  std::size_t count = 0;
  bool draining = false;

  /// From now on every answer is the last on its connection. Idle ones end when their agent, too, has given them up.
  void drain();
};

/// Serves one local connection until it ends: requests in, exchanges, answers out.
boost::asio::awaitable<void> serve(session_shared& shared, bunraku::connection client);

}  // namespace shim::local
