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
  /// Ends run() with `cancelled`.
  void cancel() noexcept;
  /// TCP stands, TLS is under way.
  bool is_connected() const noexcept { return stream_ != nullptr; }

 private:
  void limit(std::chrono::milliseconds timeout, const std::shared_ptr<dial>& self);

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
