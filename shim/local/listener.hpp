#pragma once
#include "local/session.hpp"

#include <bunraku/local.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace shim::local {

/// What every listener needs to know of the daemon; it outlives them.
struct listener_shared {
  session_shared& sessions;
  std::shared_ptr<const bunraku::local_tls> tls{};  ///< replaced when the certificates are
  std::chrono::milliseconds handshake_limit{10000};
  std::function<void(std::string_view line)> info{}, warn{};
};

/// The way in `terminate`: TLS with the agent's own certificate on both sides.
/// accept() errors (no descriptors left) are waited out, longer each time, and said once.
class tls_listener : public std::enable_shared_from_this<tls_listener> {
 public:
  tls_listener(boost::asio::ip::tcp::acceptor acceptor, listener_shared& shared);
  void start();
  void stop() noexcept;
  boost::asio::ip::tcp::endpoint address() const;

 private:
  static boost::asio::awaitable<void> run(std::shared_ptr<tls_listener> self);
  static boost::asio::awaitable<void> welcome(std::shared_ptr<tls_listener> self, boost::asio::ip::tcp::socket socket);
  boost::asio::ip::tcp::acceptor acceptor_;
  boost::asio::steady_timer pause_;
  listener_shared& shared_;
};

/// The way in `socket`: plain HTTP/1.1 over a Unix socket, for callers whose uid the kernel vouches for.
class unix_listener : public std::enable_shared_from_this<unix_listener> {
 public:
  unix_listener(boost::asio::local::stream_protocol::acceptor acceptor, std::vector<std::uint32_t> allowed_uids,
                std::string path, listener_shared& shared);
  ~unix_listener();
  void start();
  void stop() noexcept;
  const std::string& path() const noexcept { return path_; }
  /// Who may come in from now on.
  void allow(std::vector<std::uint32_t> uids) noexcept { allowed_ = std::move(uids); }
  /// The file is somebody else's (inherited): not removed at the end.
  void leave_file() noexcept { owns_file_ = false; }

 private:
  static boost::asio::awaitable<void> run(std::shared_ptr<unix_listener> self);
  boost::asio::local::stream_protocol::acceptor acceptor_;
  boost::asio::steady_timer pause_;
  std::vector<std::uint32_t> allowed_;
  std::string path_;
  bool owns_file_ = true;
  listener_shared& shared_;
};

}  // namespace shim::local
