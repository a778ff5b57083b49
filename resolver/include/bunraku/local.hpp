#pragma once
#include <bunraku/connection.hpp>
#include <bunraku/identity.hpp>

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

namespace bunraku {

/// The local leg's TLS: shows the agent's own certificate and takes only clients that show it too (the same public
/// key). Whoever can talk through us could have talked without us. Threads: as connection, for copies as well, which
/// share everything; replaced whole when certificates change.
class local_tls {
 public:
  /// `own` is not null. Throws std::bad_alloc.
  explicit local_tls(std::shared_ptr<const identity> own);

  /// Handshake with a client that was just accepted. Signature: void(error_code, std::string reason, connection), where
  /// `reason` is one sentence for the log when there is an error. Errors: not_own_certificate, tls_timeout (at once for
  /// a `timeout` of 0 or less; one of more than a year is none), tls_failed, the system's. Cancellation of any kind by
  /// the handler's slot ends it with operation_aborted. Handlers run through their associated executor (the socket's by
  /// default).
  /// `already_read` are bytes of the client's that were taken from the socket before it was clear what they are.
  template <class CompletionToken>
  auto async_accept(boost::asio::ip::tcp::socket socket, std::string already_read, std::chrono::milliseconds timeout,
                    CompletionToken&& token) {
    return boost::asio::async_initiate<CompletionToken, void(boost::system::error_code, std::string, connection)>(
        [](auto handler, local_tls self, boost::asio::ip::tcp::socket s, std::string read,
           std::chrono::milliseconds limit) {
          self.start_accept(std::move(s), std::move(read), limit, std::move(handler));
        },
        token, *this, std::move(socket), std::move(already_read), timeout);
  }
  template <class CompletionToken>
  auto async_accept(boost::asio::ip::tcp::socket socket, std::chrono::milliseconds timeout, CompletionToken&& token) {
    return async_accept(std::move(socket), std::string(), timeout, std::forward<CompletionToken>(token));
  }

 private:
  using accept_handler = boost::asio::any_completion_handler<void(boost::system::error_code, std::string, connection)>;
  void start_accept(boost::asio::ip::tcp::socket socket, std::string already_read, std::chrono::milliseconds timeout,
                    accept_handler handler);

  struct context;
  std::shared_ptr<const context> context_;
};

/// Who is at the other end of a Unix socket, as the kernel says (SO_PEERCRED): who connected it, whoever has it now.
struct peer_credentials {
  std::uint32_t uid = 0xffffffff, gid = 0xffffffff;  ///< nobody's, not root's, where the kernel does not say
  std::int32_t pid = 0;
};
/// Error: of getsockopt; then the credentials are nobody's.
peer_credentials credentials_of(boost::asio::local::stream_protocol::socket& socket, boost::system::error_code& error);
/// A connection that is not encrypted, over a Unix socket whose caller was checked.
connection plain_connection(boost::asio::local::stream_protocol::socket socket, std::string peer);
/// The same over TCP, whose other end can be anybody: for loopback, and for what everybody on this host may see.
connection plain_connection(boost::asio::ip::tcp::socket socket, std::string peer);

}  // namespace bunraku
