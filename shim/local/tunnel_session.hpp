#pragma once
#include "config/configuration.hpp"
#include "http/head.hpp"
#include "tunnel/name_table.hpp"

#include <bunraku/resolver.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <chrono>
#include <memory>
#include <string>

namespace shim::local {

struct listener_shared;

/// What the ways in `connect` and `passthrough` go by; replaced whole by a reload.
struct tunnel_rules {
  bunraku::resolver& resolver;
  tunnel::name_table names;
  http::limits heads;
  std::chrono::milliseconds head_limit;   ///< for a whole CONNECT head
  std::chrono::milliseconds hello_limit;  ///< for a client's whole ClientHello
  std::chrono::milliseconds tls_limit;    ///< for a master's first byte of TLS
  std::chrono::milliseconds idle_limit;   ///< of a tunnel that stands
  bool log_each;
};

/// Serves one client that was just accepted until all is over. Masters are tried one after the other until one begins
/// its side of TLS: until then the client's first bytes are kept, afterwards the tunnel stays with that master.
boost::asio::awaitable<void> serve_connect(listener_shared& shared, boost::asio::ip::tcp::socket client);
boost::asio::awaitable<void> serve_passthrough(listener_shared& shared, config::listen_at listener,
                                               boost::asio::ip::tcp::socket client);

}  // namespace shim::local
