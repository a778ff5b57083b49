#pragma once
#include "local/session.hpp"
#include "local/tunnel_counts.hpp"
#include "local/tunnel_session.hpp"

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
  /// Replaced when the certificates are; null while the node has none.
  std::shared_ptr<const bunraku::local_tls> tls{};
  std::function<void()> before_use{};  ///< before `tls` is looked at: sets it anew if there is cause to
  std::shared_ptr<const tunnel_rules> tunnels{};
  tunnel_counts tunnelled{};
  std::function<void()> tunnel_ended{};  ///< after each one that has stood
  std::vector<char> scratch{};           ///< for all splices; the first one gives it its size
  std::chrono::milliseconds handshake_limit{10000};
  std::function<void(std::string_view line)> info{}, warn{};
  std::function<void(std::string_view line)> refused{};  ///< one line for each caller that is turned away
};

/// Why one was turned away that had not shown what it wants.
inline constexpr std::string_view gave_way =
    "limits.connections are in use, and of those that had shown nothing yet it was the oldest";

/// TLS with the agent's own certificate on both sides, and then its requests, until the connection ends.
/// `already_read` are the client's first bytes, if somebody else had to look at them.
boost::asio::awaitable<void> terminate(listener_shared& shared, boost::asio::ip::tcp::socket client,
                                       std::string already_read);

/// The ways in over TCP: `terminate`, `connect` and `passthrough`.
/// accept() errors (no descriptors left) are waited out, longer each time, and said once.
class tcp_listener : public std::enable_shared_from_this<tcp_listener> {
 public:
  tcp_listener(boost::asio::ip::tcp::acceptor acceptor, config::listen_at what, listener_shared& shared);
  void start();
  void stop() noexcept;
  boost::asio::ip::tcp::endpoint address() const;
  /// The same place with other rules.
  void adopt(config::listen_at what) { what_ = std::move(what); }

 private:
  static boost::asio::awaitable<void> run(std::shared_ptr<tcp_listener> self);
  boost::asio::awaitable<void> welcome(boost::asio::ip::tcp::socket client) const;
  boost::asio::ip::tcp::acceptor acceptor_;
  config::listen_at what_;
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
  /// The file is somebody else's (inherited): its mode stays, and it is not removed at the end.
  void leave_file() noexcept { owns_file_ = false; }
  /// False if the file in that place is not our socket any more: somebody who may write in its directory put another
  /// there. Whatever that is, or leads to, is not touched; at the end neither.
  bool set_mode(unsigned mode) const;

 private:
  static boost::asio::awaitable<void> run(std::shared_ptr<unix_listener> self);
  boost::asio::local::stream_protocol::acceptor acceptor_;
  boost::asio::steady_timer pause_;
  std::vector<std::uint32_t> allowed_;
  std::string path_;
  bool owns_file_ = true;
  dev_t device_ = 0;  // which file the socket was when it was made
  ino_t inode_ = 0;
  listener_shared& shared_;
};

}  // namespace shim::local
