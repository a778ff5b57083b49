#include "connection.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include <array>

namespace lab {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::use_awaitable;
using boost::system::error_code;

namespace {

constexpr std::uint32_t most_header_bytes = 64U * 1024;
constexpr std::chrono::seconds handshake_time{20};

}  // namespace

connection::connection(std::shared_ptr<master> owner, asio::ip::tcp::socket socket, std::uint64_t number)
    : keeps_owner_(std::move(owner)),
      owner_(*keeps_owner_),
      number_(number),
      tls_(owner_.tls()),
      stream_(std::make_unique<asio::ssl::stream<asio::ip::tcp::socket>>(std::move(socket), *tls_)),
      timer_(stream_->get_executor()) {
  error_code ignored;
  this->socket().set_option(asio::ip::tcp::no_delay(true), ignored);
}

connection::~connection() { owner_.ended(this); }

asio::awaitable<void> connection::run(std::shared_ptr<connection> self) {
  std::string why = "done";
  try {
    co_await self->converse();
  } catch (const std::exception& error) {
    why = error.what();
  }
  auto line = self->log_line("close");
  line["requests"] = self->requests_;
  line["why"] = why;
  self->owner_.log().write(std::move(line));
  self->timer_.cancel();
  error_code ignored;
  self->socket().close(ignored);
}

void connection::arm(std::chrono::steady_clock::duration time) {
  timer_.expires_after(time);
  // The generation guards against an expiry that was queued before a later arm().
  timer_.async_wait([weak = weak_from_this(), generation = ++timer_generation_](error_code error) {
    const auto self = weak.lock();
    error_code ignored;
    if (!error && self && generation == self->timer_generation_) self->socket().cancel(ignored);
  });
}

void connection::end(drop_manner manner) {
  error_code ignored;
  if (manner == drop_manner::reset) socket().set_option(asio::socket_base::linger(true, 0), ignored);
  // A FIN even when bytes from the peer are unread (close alone would send RST then).
  if (manner == drop_manner::close) socket().shutdown(asio::socket_base::shutdown_send, ignored);
  socket().close(ignored);
  open_tls_ = false;
}

void connection::drop(drop_manner manner) { end(manner); }

asio::awaitable<void> connection::pause(std::chrono::milliseconds time) {
  ++timer_generation_;
  timer_.expires_after(time);
  co_await timer_.async_wait(use_awaitable);
}

// Reads and forgets until the peer gives up.
asio::awaitable<void> connection::hang() {
  ++timer_generation_;
  timer_.cancel();
  std::array<char, 4096> rest;
  error_code error;
  while (!error) {
    co_await socket().async_read_some(asio::buffer(rest), asio::redirect_error(use_awaitable, error));
  }
}

asio::awaitable<void> connection::say_goodbye() {
  if (!open_tls_) co_return;
  constexpr std::chrono::seconds patience{2};
  error_code ignored;
  arm(patience);
  co_await stream_->async_shutdown(asio::redirect_error(use_awaitable, ignored));
}

asio::awaitable<void> connection::put(const std::string& bytes) {
  arm(owner_.options().idle);
  co_await asio::async_write(*stream_, asio::buffer(bytes), use_awaitable);
}

asio::awaitable<void> connection::converse() {
  auto spoil = owner_.faults().on_connection();
  const bool ready = co_await handshake(spoil);
  if (!ready) co_return;
  bool again = true;
  while (again) again = co_await exchange_one();
  co_await say_goodbye();
}

asio::awaitable<bool> connection::handshake(std::optional<fault> spoil) {
  if (spoil && spoil->has("reset_after_accept")) {
    end(drop_manner::reset);
    co_return false;
  }
  if (spoil && spoil->has("plain_text")) {
    const std::string line = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    co_await asio::async_write(socket(), asio::buffer(line), use_awaitable);
    end(drop_manner::close);
    co_return false;
  }
  if (spoil && spoil->has("hang_after_accept")) {
    co_await hang();
    co_return false;
  }
  error_code error;
  arm(handshake_time);
  co_await stream_->async_handshake(asio::ssl::stream_base::server, asio::redirect_error(use_awaitable, error));
  learn_peer();
  if (error) {
    ++owner_.counters().handshakes_failed;
    auto line = log_line("handshake_failed");
    line["error"] = error.message();
    owner_.log().write(std::move(line));
    end(drop_manner::close);
    co_return false;
  }
  open_tls_ = true;
  auto line = log_line("open");
  line["tls"] = SSL_get_version(stream_->native_handle());
  line["resumed"] = SSL_session_reused(stream_->native_handle()) == 1;
  owner_.log().write(std::move(line));
  if (spoil && spoil->has("reset_after_handshake")) {
    end(drop_manner::reset);
    co_return false;
  }
  if (spoil && spoil->has("hang_after_handshake")) {
    co_await hang();
    co_return false;
  }
  co_return true;
}

void connection::learn_peer() {
  auto* ssl = stream_->native_handle();
  if (const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name)) sni_ = name;
  client_certificate_.reset(SSL_get1_peer_certificate(ssl));
  if (client_certificate_ && SSL_get_verify_result(ssl) == X509_V_OK) {
    client_name_ = common_name(X509_get_subject_name(client_certificate_.get()));
  }
}

boost::json::object connection::log_line(const char* event) const {
  return {{"event", event},
          {"master", owner_.options().name},
          {"connection", number_},
          {"client", client_name_},
          {"sni", sni_}};
}

asio::awaitable<bool> connection::read_head(parser& from) {
  from.header_limit(most_header_bytes);
  from.body_limit(boost::none);
  error_code error;
  arm(owner_.options().idle);
  co_await http::async_read_header(*stream_, input_, from, asio::redirect_error(use_awaitable, error));
  if (!error) co_return true;
  if (error.category() == http::make_error_code(http::error::bad_method).category() &&
      error != http::error::end_of_stream && error != http::error::partial_message) {
    co_await refuse_request(error);
  }
  co_return false;
}

asio::awaitable<void> connection::refuse_request(error_code why) {
  auto line = log_line("bad_request");
  line["error"] = why.message();
  owner_.log().write(std::move(line));
  co_await put("HTTP/1.1 400 Bad Request\r\nContent-Type: text/html\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
}

bool connection::host_fits(std::string_view host) const {
  // Jetty 9: only when SNI chose the certificate.
  if (sni_.empty() || !owner_.has_name(sni_)) return true;
  return owner_.has_name(std::string(host.substr(0, host.find(':'))));
}

}  // namespace lab
