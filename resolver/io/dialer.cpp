#include "io/dialer.hpp"

#include "io/end_wait.hpp"
#include "io/handshake.hpp"

#include <bunraku/error.hpp>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <cerrno>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

namespace bunraku::io {
namespace net = boost::asio;

namespace {

void set_manners(int fd) noexcept {
  const int on = 1, idle = 30, interval = 10, count = 3;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  // A report may be processed for minutes without a byte: firewalls forget such connections unless kept alive.
  ::setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof count);
}

/// Not Asio's own way: its sockets go on in the programs that the process starts.
void open_for_us_alone(stream::socket_type& socket, const net::ip::tcp& protocol, boost::system::error_code& error) {
  const int fd = ::socket(protocol.family(), SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);
  if (fd < 0) {
    error.assign(errno, boost::system::system_category());
    return;
  }
  socket.assign(protocol, fd, error);
  if (error) ::close(fd);
}

/// Makes `socket` one that was never waited for. Asio watches for writing from the first wait for it on, and a connect
/// is one: after each later wait, whatever for, the loop would be woken to hear that one may write.
void begin_watching_anew(stream::socket_type& socket, const net::ip::tcp& protocol, boost::system::error_code& error) {
  const int fd = socket.release(error);
  if (error) return;
  socket.assign(protocol, fd, error);
  if (error) ::close(fd);
}

}  // namespace

dial::dial(net::any_io_executor executor, net::ip::tcp::endpoint address, std::string peer, ssl_ptr ssl)
    : executor_(std::move(executor)),
      address_(std::move(address)),
      peer_(std::move(peer)),
      ssl_(std::move(ssl)),
      socket_(executor_),
      timer_(executor_) {}

void dial::cancel() noexcept {
  cancelled_ = true;
  end_wait(timer_);
  boost::system::error_code ignored;
  socket_.cancel(ignored);
  if (stream_) stream_->cancel();
}

void dial::limit(std::chrono::milliseconds timeout, const std::shared_ptr<dial>& self) {
  const auto mine = ++limits_;
  timer_.expires_after(timeout);
  timer_.async_wait([self, mine](boost::system::error_code error) {
    if (error || mine != self->limits_) return;
    self->timed_out_ = true;
    boost::system::error_code ignored;
    self->socket_.cancel(ignored);
    if (self->stream_) self->stream_->cancel();
  });
}

void dial::unlimit() noexcept {
  ++limits_;
  end_wait(timer_);
}

net::awaitable<dial_result> dial::run(std::shared_ptr<dial> self, std::chrono::milliseconds connect_timeout,
                                      std::chrono::milliseconds tls_timeout) {
  auto result = co_await connect(self, connect_timeout);
  if (!result.error) result = co_await secure(self, tls_timeout);
  co_return result;
}

net::awaitable<dial_result> dial::connect(std::shared_ptr<dial> self, std::chrono::milliseconds timeout) {
  dial_result result;
  auto& error = result.error;
  open_for_us_alone(self->socket_, self->address_.protocol(), error);
  if (!error && !self->cancelled_) {
    set_manners(self->socket_.native_handle());
    self->limit(timeout, self);
    const stream::socket_type::endpoint_type to(self->address_);
    co_await self->socket_.async_connect(to, net::redirect_error(net::use_awaitable, error));
    if (!error) begin_watching_anew(self->socket_, self->address_.protocol(), error);
  }
  self->unlimit();
  if (self->cancelled_) error = errc::cancelled;
  else if (error && self->timed_out_) error = errc::connect_timeout;
  if (error) result.reason = error.message();
  else result.reached = stage::tls;
  co_return result;
}

net::awaitable<dial_result> dial::secure(std::shared_ptr<dial> self, std::chrono::milliseconds timeout) {
  dial_result result;
  result.reached = stage::tls;
  if (self->cancelled_) {
    result.error = errc::cancelled;
    result.reason = result.error.message();
    co_return result;
  }
  const bool plain = self->ssl_ == nullptr;
  self->stream_ = std::make_unique<stream>(std::move(self->socket_), std::move(self->ssl_), std::move(self->peer_));
  if (plain) {
    result.reached = stage::done;
    result.value = std::move(self->stream_);
    co_return result;
  }
  self->limit(timeout, self);
  auto shaken = co_await shake_hands(*self->stream_);
  result.error = shaken.error;
  self->unlimit();
  if (self->cancelled_) {
    result.error = errc::cancelled;
    result.reason = result.error.message();
  } else if (self->timed_out_ && result.error) {
    result.error = errc::tls_timeout;
    result.reason = result.error.message();
  } else if (result.error) {
    result.reason = std::move(shaken.reason);
  } else {
    result.reached = stage::done;
    result.value = std::move(self->stream_);
  }
  co_return result;
}

}  // namespace bunraku::io
