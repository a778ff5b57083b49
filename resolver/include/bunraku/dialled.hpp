#pragma once
#include <bunraku/master.hpp>

#include <boost/asio/ip/tcp.hpp>

#include <utility>

namespace bunraku {

/// A TCP connection to a master, and nothing on it yet: for callers that pass on somebody else's TLS, or make their
/// own. The socket is non-blocking, without delay (TCP_NODELAY) and kept alive. Move-only.
class dialled {
 public:
  dialled(boost::asio::ip::tcp::socket socket, master who) : socket_(std::move(socket)), who_(std::move(who)) {}

  boost::asio::ip::tcp::socket& socket() noexcept { return socket_; }
  const master& who() const noexcept { return who_; }

 private:
  boost::asio::ip::tcp::socket socket_;
  master who_;
};

}  // namespace bunraku
