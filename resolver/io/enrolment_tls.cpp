#include "io/credentials.hpp"
#include "io/handshake.hpp"
#include "io/stream.hpp"
#include "io/tls_context.hpp"
#include "io/tls_verify.hpp"

#include <bunraku/enrolment.hpp>
#include <bunraku/error.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <new>

namespace bunraku {
namespace net = boost::asio;
using error_code = boost::system::error_code;

struct enrolment_tls::context {
  io::ssl_ctx_ptr native;
};

namespace {

io::ssl_ctx_ptr make_context() {
  io::ssl_ctx_ptr context(SSL_CTX_new(TLS_client_method()));
  if (!context || SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION) != 1) throw std::bad_alloc();
  SSL_CTX_set_options(context.get(), SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_mode(context.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_read_ahead(context.get(), 1);
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  return context;
}

struct connecting {
  std::unique_ptr<io::stream> stream;
  net::steady_timer timer;
  bool timed_out = false, over = false;
};

net::awaitable<void> shake_hands(std::shared_ptr<connecting> c, std::chrono::milliseconds timeout,
                                 net::any_completion_handler<void(error_code, std::string, connection)> handler) {
  c->timer.expires_after(timeout);
  c->timer.async_wait([c](error_code error) {
    if (error || c->over) return;
    c->timed_out = true;
    c->stream->cancel();
  });
  auto [error, reason] = co_await io::shake_hands(*c->stream);
  c->over = true;
  c->timer.cancel();
  connection made;
  if (error && c->timed_out) {
    error = errc::tls_timeout;
    reason = "the TLS handshake was not finished in time";
  } else if (!error) {
    made = connection(std::move(c->stream));
  }
  std::move(handler)(error, std::move(reason), std::move(made));
}

net::awaitable<void> refuse(net::any_completion_handler<void(error_code, std::string, connection)> handler,
                            std::string reason) {
  std::move(handler)(make_error_code(errc::tls_failed), std::move(reason), connection());
  co_return;
}

}  // namespace

enrolment_tls::enrolment_tls(const ca_trust& trust) {
  auto made = make_context();
  io::verify_masters(made.get(), trust.native());
  context_ = std::make_shared<const context>(context{std::move(made)});
}

enrolment_tls enrolment_tls::unverified() {
  auto made = make_context();
  SSL_CTX_set_verify(made.get(), SSL_VERIFY_NONE, nullptr);
  enrolment_tls out;
  out.context_ = std::make_shared<const context>(context{std::move(made)});
  return out;
}

void enrolment_tls::start_connect(dialled to, std::chrono::milliseconds timeout, connect_handler handler) const {
  const auto executor = to.socket().get_executor();
  io::ssl_ptr ssl{SSL_new(context_->native.get())};
  if (!ssl) throw std::bad_alloc();
  if (!io::prepare_upstream(ssl.get(), to.who().host())) {
    auto reason = "\"" + to.who().host() + "\" cannot be a certificate's name";
    net::co_spawn(executor, refuse(std::move(handler), std::move(reason)), net::detached);
    return;
  }
  SSL_set_connect_state(ssl.get());
  auto stream = std::make_unique<io::stream>(io::stream::socket_type(std::move(to.socket())), std::move(ssl),
                                             to.who().to_string());
  auto c = std::make_shared<connecting>(connecting{std::move(stream), net::steady_timer(executor)});
  net::co_spawn(executor, shake_hands(std::move(c), timeout, std::move(handler)), net::detached);
}

}  // namespace bunraku
