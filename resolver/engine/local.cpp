#include "engine/unattended.hpp"
#include "io/handshake.hpp"
#include "io/stream.hpp"
#include "io/tls_context.hpp"

#include <bunraku/error.hpp>
#include <bunraku/local.hpp>

#include <boost/asio/append.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <sys/socket.h>

namespace bunraku {
namespace net = boost::asio;
using error_code = boost::system::error_code;

struct local_tls::context {
  io::ssl_ctx_ptr native;
};

local_tls::local_tls(std::shared_ptr<const identity> own)
    : context_(std::make_shared<const context>(context{io::make_local_context(own->native())})) {}

namespace {

struct accepting {
  std::unique_ptr<io::stream> stream;
  net::steady_timer timer;
  bool timed_out = false, over = false;
  bool given_up = false;  ///< by whoever asked for it
};

net::awaitable<void> shake_hands(std::shared_ptr<accepting> a, std::chrono::milliseconds timeout,
                                 net::any_completion_handler<void(error_code, std::string, connection)> handler) {
  // Its signature (RSA 4096: 3 ms) keeps the loop to itself: what is ready by now comes first.
  co_await net::post(a->timer.get_executor(), net::use_awaitable);
  constexpr std::chrono::milliseconds longest = std::chrono::days(365);  // what is added to now must not overflow
  if (timeout <= longest) a->timer.expires_after(std::max(timeout, std::chrono::milliseconds(0)));
  else a->timer.expires_at(net::steady_timer::time_point::max());
  a->timer.async_wait([a](error_code error) {
    if (error || a->over) return;
    a->timed_out = true;
    a->stream->cancel();
  });
  io::handshake_result how{net::error::operation_aborted, "the TLS handshake was given up"};
  if (!a->given_up) how = co_await io::shake_hands(*a->stream);
  auto& [error, reason] = how;
  a->over = true;
  a->timer.cancel();
  net::get_associated_cancellation_slot(handler).clear();
  connection made;
  if (error && a->timed_out) {
    error = errc::tls_timeout;
    reason = "the TLS handshake was not finished in time";
  } else if (!error) {
    made = connection(std::move(a->stream));
  }
  const auto executor = a->timer.get_executor();
  net::dispatch(executor, net::append(std::move(handler), error, std::move(reason), std::move(made)));
}

}  // namespace

void local_tls::start_accept(net::ip::tcp::socket socket, std::string already_read, std::chrono::milliseconds timeout,
                             accept_handler handler) {
  error_code ignored;
  const auto from = socket.remote_endpoint(ignored);
  const auto executor = socket.get_executor();
  socket.set_option(net::ip::tcp::no_delay(true), ignored);
  io::ssl_ptr ssl{SSL_new(context_->native.get())};
  if (!ssl) throw std::bad_alloc();
  SSL_set_accept_state(ssl.get());
  auto peer = from.address().to_string() + ":" + std::to_string(from.port());
  auto a = std::make_shared<accepting>(accepting{
      std::make_unique<io::stream>(io::stream::socket_type(std::move(socket)), std::move(ssl), std::move(peer)),
      net::steady_timer(executor)});
  a->stream->put_back(std::move(already_read));
  auto slot = net::get_associated_cancellation_slot(handler);
  if (slot.is_connected()) {
    slot.assign([w = std::weak_ptr(a)](net::cancellation_type) {
      const auto handshake = w.lock();
      if (!handshake || handshake->over) return;
      handshake->given_up = true;
      handshake->stream->cancel();
    });
  }
  net::co_spawn(executor, shake_hands(std::move(a), timeout, std::move(handler)), unattended{});
}

peer_credentials credentials_of(net::local::stream_protocol::socket& socket, error_code& error) {
  ucred found{};
  socklen_t size = sizeof found;
  error = {};
  if (::getsockopt(socket.native_handle(), SOL_SOCKET, SO_PEERCRED, &found, &size) == 0)
    return {found.uid, found.gid, found.pid};
  error = error_code(errno, boost::system::system_category());
  return {};
}

connection plain_connection(net::local::stream_protocol::socket socket, std::string peer) {
  return connection(std::make_unique<io::stream>(io::stream::socket_type(std::move(socket)), nullptr, std::move(peer)));
}

connection plain_connection(net::ip::tcp::socket socket, std::string peer) {
  return connection(std::make_unique<io::stream>(io::stream::socket_type(std::move(socket)), nullptr, std::move(peer)));
}

}  // namespace bunraku
