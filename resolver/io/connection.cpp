#include "io/stream.hpp"
#include "io/tls_context.hpp"
#include "io/x509_text.hpp"

#include <bunraku/connection.hpp>

#include <boost/asio/any_completion_executor.hpp>
#include <boost/asio/append.hpp>
#include <boost/asio/associated_allocator.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>

#include <optional>
#include <utility>

namespace bunraku {
namespace net = boost::asio;
using error_code = boost::system::error_code;

namespace {

using some_executor = net::any_completion_executor;

/// Where the handler runs, if that is elsewhere than what it waits for: with work there until it does.
template <class Handler>
std::optional<some_executor> elsewhere_of(const Handler& handler, const net::any_io_executor& here) {
  const some_executor own(here);
  auto executor = net::get_associated_executor(handler, own);
  if (executor == own) return std::nullopt;
  return net::prefer(std::move(executor), net::execution::outstanding_work.tracked);
}

/// What waits on a socket for a handler: it has the handler's allocator and cancellation slot, and a share of the
/// stream. The stream is touched on its own executor alone, and the handler's may be a pool of threads.
template <class Handler>
struct waiter {
  using allocator_type = net::associated_allocator_t<Handler>;
  using cancellation_slot_type = net::associated_cancellation_slot_t<Handler>;
  allocator_type get_allocator() const noexcept { return net::get_associated_allocator(handler); }
  cancellation_slot_type get_cancellation_slot() const noexcept {
    return net::get_associated_cancellation_slot(handler);
  }
  /// The wait may have ended well, and the stream been closed before this turn.
  error_code outcome(error_code error) const noexcept {
    return !error && !native->is_open() ? error_code(net::error::operation_aborted) : error;
  }

  template <class... Values>
  void finish(Values... values) {
    if (!elsewhere) return std::move(handler)(values...);
    net::dispatch(native->socket().get_executor(), net::append(std::move(handler), values...));
  }

  std::shared_ptr<io::stream> native;
  Handler handler;
  std::optional<some_executor> elsewhere{};
};

using wait_handler = net::any_completion_handler<void(error_code)>;
using transfer_handler = net::any_completion_handler<void(error_code, std::size_t)>;

struct readiness : waiter<wait_handler> {
  void operator()(error_code error) { finish(outcome(error)); }
};

/// One read or write that waits: try, wait, try again.
struct transfer : waiter<transfer_handler> {
  void* data;
  std::size_t size;
  direction which;

  std::size_t attempt(error_code& error) const noexcept {
    return which == direction::read ? native->read_some(data, size, error) : native->write_some(data, size, error);
  }
  void operator()(error_code error) {
    error = outcome(error);
    std::size_t n = 0;
    if (!error) {
      n = attempt(error);
      if (error == net::error::would_block) return again();
    }
    finish(error, n);
  }
  void again() {
    auto& stream = *native;
    const auto d = which;
    stream.async_wait(d, std::move(*this));
  }
};

void start_transfer(transfer op) {
  error_code error;
  std::size_t n = 0;
  if (op.native->is_open()) n = op.attempt(error);
  else error = net::error::bad_descriptor;
  if (error == net::error::would_block) {
    op.elsewhere = elsewhere_of(op.handler, op.native->socket().get_executor());
    return op.again();
  }
  net::post(op.native->socket().get_executor(), net::append(std::move(op.handler), error, n));
}

}  // namespace

connection::connection() noexcept = default;
connection::connection(std::unique_ptr<io::stream> native) noexcept : native_(std::move(native)) {}
connection::connection(connection&&) noexcept = default;
connection& connection::operator=(connection&& other) noexcept {
  if (this != &other) {
    close();
    native_ = std::move(other.native_);
  }
  return *this;
}
connection::~connection() { close(); }

bool connection::is_open() const noexcept { return native_ && native_->is_open(); }
connection::executor_type connection::get_executor() const { return native_->socket().get_executor(); }

std::size_t connection::read_some(void* data, std::size_t size, error_code& error) noexcept {
  return native_->read_some(data, size, error);
}
std::size_t connection::write_some(const void* data, std::size_t size, error_code& error) noexcept {
  return native_->write_some(data, size, error);
}
connection::native_readiness connection::native_wait(direction which) noexcept {
  native_->readable_again();
  return {native_->socket().native_handle(), native_->wants(which)};
}
bool connection::idle_and_alive() noexcept { return native_ && native_->idle_and_alive(); }
void connection::close() noexcept {
  if (native_) native_->close();
}
void connection::abort() noexcept {
  if (native_) native_->abort();
}
void connection::cancel() noexcept {
  if (native_) native_->cancel();
}
const std::string& connection::peer() const noexcept {
  static const std::string none;
  return native_ ? native_->peer() : none;
}
std::optional<peer_certificate> connection::certificate() const {
  if (!native_ || native_->ssl() == nullptr) return std::nullopt;
  const X509* const shown = SSL_get0_peer_certificate(native_->ssl());
  if (shown == nullptr) return std::nullopt;
  auto named = io::names_of(shown);
  peer_certificate out{.subject = io::subject_of(shown),
                       .issuer = io::issuer_of(shown),
                       .names = std::move(named.dns),
                       .serial = io::serial_of(shown),
                       .spki_sha256 = {},
                       .not_before = io::moment_of(X509_get0_notBefore(shown)),
                       .not_after = io::moment_of(X509_get0_notAfter(shown))};
  out.names.insert(out.names.end(), named.ip.begin(), named.ip.end());
  if (const auto key = io::spki_of(shown)) out.spki_sha256 = io::hex(*key);
  return out;
}
std::string connection::refusal() const {
  return native_ && native_->refusal() != 0 ? io::refusal_text(native_->refusal()) : std::string();
}
bool connection::resumed() const noexcept {
  return native_ && native_->ssl() != nullptr && SSL_session_reused(native_->ssl()) == 1;
}

void connection::start_wait(direction which, wait_handler handler) {
  auto elsewhere = elsewhere_of(handler, native_->socket().get_executor());
  native_->async_wait(which, readiness{{native_, std::move(handler), std::move(elsewhere)}});
}
void connection::start_wait(direction which, executor_type executor, wait_handler handler) {
  if (executor != native_->socket().get_executor()) return start_wait(which, std::move(handler));
  native_->async_wait(which, readiness{{native_, std::move(handler)}});
}
void connection::start_wait_either(wait_handler handler) {
  struct both : waiter<wait_handler> {
    error_code first{};
    int left = 2;
    void one_done(error_code error) {
      if (left-- == 2) {
        first = error;
        native->cancel();
        return;
      }
      auto slot = net::get_associated_cancellation_slot(handler);
      if (slot.is_connected()) slot.clear();
      finish(outcome(first));
    }
  };
  auto elsewhere = elsewhere_of(handler, native_->socket().get_executor());
  auto shared = std::make_shared<both>(both{{native_, std::move(handler), std::move(elsewhere)}});
  auto slot = net::get_associated_cancellation_slot(shared->handler);
  if (slot.is_connected())
    slot.assign([weak = std::weak_ptr<io::stream>(native_)](net::cancellation_type) {
      if (const auto native = weak.lock()) native->cancel();
    });
  native_->readable_again();
  for (const auto which : {direction::read, direction::write})
    native_->async_wait_socket(which, [shared](error_code e) { shared->one_done(e); });
}
void connection::start_read(net::mutable_buffer buffer, transfer_handler handler) {
  start_transfer({{native_, std::move(handler)}, buffer.data(), buffer.size(), direction::read});
}
void connection::start_write(net::const_buffer buffer, transfer_handler handler) {
  start_transfer({{native_, std::move(handler)}, const_cast<void*>(buffer.data()), buffer.size(), direction::write});
}

}  // namespace bunraku
