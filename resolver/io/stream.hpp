#pragma once
#include "io/gathered_records.hpp"
#include "io/openssl_ptr.hpp"

#include <bunraku/connection.hpp>

#include <boost/asio/generic/stream_protocol.hpp>

#include <cstddef>
#include <string>

namespace bunraku::io {

/// One connected, non-blocking socket with TLS on it, or without.
///
/// OpenSSL reads and writes the socket itself through a BIO of ours (MSG_NOSIGNAL, read-ahead); Asio only tells when
/// the socket is ready. Why not asio::ssl::stream: it copies every byte twice more and doubles the memory per
/// connection. The BIO remembers that a short read has drained the socket, so that no read is made which is known to
/// fail. Large writes leave as several TLS records in one send.
class stream {
 public:
  using socket_type = boost::asio::generic::stream_protocol::socket;
  using error_code = boost::system::error_code;

  /// `ssl` may be null: plain. It must be fresh, with its role (connect or accept) and verification set.
  stream(socket_type socket, ssl_ptr ssl, std::string peer);
  stream(const stream&) = delete;
  stream& operator=(const stream&) = delete;
  ~stream();

  /// One step of the handshake. True when TLS stands. False with would_block: wait for `handshake_wants()` and call
  /// again. False with another error: over; ask explain_failure(ssl()) why.
  bool handshake(error_code& error) noexcept;
  direction handshake_wants() const noexcept { return wants_; }

  /// Bytes of the peer's that somebody else has read from the socket: with TLS, the next ones that are read. Before the
  /// first operation only.
  void put_back(std::string already_read) noexcept { put_back_ = std::move(already_read); }

  std::size_t read_some(void* data, std::size_t size, error_code& error) noexcept;
  std::size_t write_some(const void* data, std::size_t size, error_code& error) noexcept;
  bool idle_and_alive() noexcept;
  void close() noexcept;
  void abort() noexcept;  ///< as connection::abort
  void cancel() noexcept;

  /// Waits for what the last read (or write) that would have blocked was waiting for.
  template <class Handler>
  void async_wait(direction which, Handler&& handler) {
    const auto wants = which == direction::read ? read_wants_ : write_wants_;
    async_wait_socket(wants, std::forward<Handler>(handler));
  }
  template <class Handler>
  void async_wait_socket(direction which, Handler&& handler) {
    if (which == direction::read) readable_again();
    socket_.async_wait(which == direction::read ? socket_type::wait_read : socket_type::wait_write,
                       std::forward<Handler>(handler));
  }

  /// Call before waiting on socket() directly: when the wait is over, the next read asks the socket again.
  void readable_again() noexcept { drained_ = false; }

  /// What the last read (or write) that would have blocked was waiting for.
  direction wants(direction which) const noexcept { return which == direction::read ? read_wants_ : write_wants_; }

  bool is_open() const noexcept { return socket_.is_open(); }
  socket_type& socket() noexcept { return socket_; }
  SSL* ssl() const noexcept { return ssl_.get(); }
  const std::string& peer() const noexcept { return peer_; }
  /// The alert behind errc::refused_us; 0: there was none.
  int refusal() const noexcept { return refusal_; }

 private:
  friend struct socket_bio;
  bool holds_nothing() const noexcept;
  std::size_t take_put_back(char* data, std::size_t size) noexcept;
  std::size_t write_records(const char* data, std::size_t size, error_code& error) noexcept;
  ssize_t send(const char* data, std::size_t size) const noexcept;
  bool send_gathered() noexcept;
  std::size_t refuse_write(error_code& error) noexcept;
  static std::size_t refuse_closed(error_code& error) noexcept;
  void shut() noexcept;
  std::size_t fail(int result, direction natural, direction& wants, error_code& error) noexcept;

  socket_type socket_;
  int fd_;
  int bio_errno_ = 0;     // why the BIO failed last, if the socket said so
  bool drained_ = false;  // the last recv was short: another one would only say EAGAIN
  bool settled_ = false;  // the last read through TLS gave data: tickets come before it
  int refusal_ = 0;
  bool broken_ = false;  // after a fatal TLS error nothing may be sent any more, close_notify included
  direction wants_ = direction::read, read_wants_ = direction::read, write_wants_ = direction::write;
  std::string peer_, put_back_;
  std::size_t put_back_used_ = 0;
  gathered_records gathered_;
  std::size_t owed_ = 0;  // payload of gathered_ that write_some has not told as written
  ssl_ptr ssl_;           // last: goes first, while the socket is still there
};

}  // namespace bunraku::io
