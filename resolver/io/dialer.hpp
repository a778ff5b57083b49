#pragma once
#include "io/openssl_ptr.hpp"
#include "io/stream.hpp"

#include <bunraku/outcome.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <memory>
#include <string>

namespace bunraku::io {

/// How one dial ended: a stream, or the stage it did not get through and why.
struct dial_result {
  std::unique_ptr<stream> value;
  stage reached = stage::connect;
  boost::system::error_code error;
  std::string reason;
};

/// One TCP connection with one address of one master, and the TLS handshake if there is to be one. Kept by shared_ptr
/// so that it can be cancelled from outside while it runs. No policy: whether to dial, and what a failure means, is
/// decided elsewhere.
class dial {
 public:
  /// `ssl` is fresh, prepared for this master's name (and perhaps with a session to resume). Null: no TLS, the dial is
  /// over when TCP stands, and the stream is a plain one.
  dial(boost::asio::any_io_executor executor, boost::asio::ip::tcp::endpoint address, std::string peer, ssl_ptr ssl);

  /// Runs once; `self` keeps the object alive meanwhile. Errors: the system's, connect_timeout, tls_timeout, the
  /// certificate codes, cancelled.
  static boost::asio::awaitable<dial_result> run(std::shared_ptr<dial> self, std::chrono::milliseconds connect_timeout,
                                                 std::chrono::milliseconds tls_timeout);
  /// The halves of run(), for who has something to do between them. Without an error connect() has no value yet.
  static boost::asio::awaitable<dial_result> connect(std::shared_ptr<dial> self, std::chrono::milliseconds timeout);
  static boost::asio::awaitable<dial_result> secure(std::shared_ptr<dial> self, std::chrono::milliseconds timeout);
  /// Ends run(), either half, or a wait on pause() with `cancelled`.
  void cancel() noexcept;
  bool is_cancelled() const noexcept { return cancelled_; }
  /// TCP stands, TLS is under way.
  bool is_connected() const noexcept { return stream_ != nullptr; }
  /// Between the halves: for the handshake to come (null without TLS), and for waiting before it.
  SSL* ssl() const noexcept { return ssl_.get(); }
  boost::asio::steady_timer& pause() noexcept { return timer_; }

 private:
  void limit(std::chrono::milliseconds timeout, const std::shared_ptr<dial>& self);
  void unlimit() noexcept;

  boost::asio::any_io_executor executor_;
  boost::asio::ip::tcp::endpoint address_;
  std::string peer_;
  ssl_ptr ssl_;
  stream::socket_type socket_;
  std::unique_ptr<stream> stream_;
  boost::asio::steady_timer timer_;
  unsigned limits_ = 0;  // which limit is current: an expiry that was already queued belongs to an older one
  bool timed_out_ = false, cancelled_ = false;
};

}  // namespace bunraku::io
