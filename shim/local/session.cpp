#include "local/session.hpp"

#include "http/error_body.hpp"
#include "http/own_answer.hpp"

#include <boost/asio/error.hpp>

#include <algorithm>

namespace shim::local {
namespace net = boost::asio;
using forward::byte_buffer;

namespace {

/// A Puppet agent drops a connection that was idle for 4 s (http_keepalive_timeout), so behind that nothing is lost.
constexpr std::chrono::milliseconds agent_gave_up{4500};

class session {
 public:
  session(session_shared& shared, bunraku::connection client)
      : shared_(shared), client_{forward::timed_stream(std::move(client), shared.forwarding.limits), {}, {}, {}} {
    ++shared_.count;
  }
  ~session() { --shared_.count; }
  session(const session&) = delete;
  session& operator=(const session&) = delete;

  net::awaitable<void> run() {
    for (;;) {
      const std::size_t length = co_await read_head();
      if (length == 0) break;
      // The head is copied out: its buffer takes the body while the head is still needed.
      head_.assign(client_.in.view().substr(0, length));
      client_.in.consume(length);
      const auto request = http::parse_request(head_, shared_.forwarding.heads);
      if (!request) {
        co_await refuse(request.error());
        break;
      }
      const bool again = co_await exchange(*request);
      if (!again) break;
    }
    client_.stream.stream().close();
  }

 private:
  net::awaitable<bool> exchange(const http::request_head& request) {
    const auto to = shared_.route(request);
    forward::exchange one(shared_.forwarding, client_, request, to);
    const bool again = co_await one.run(shared_.draining);
    if (one.client_failed()) co_await linger();
    co_return again;
  }

  /// Length of the head at the front of client_.in, or 0 when the connection has to end (all has been said then).
  net::awaitable<std::size_t> read_head() {
    http::head_scanner scanner(shared_.forwarding.heads);
    if (client_.in.empty()) {
      const bool arrived = co_await await_request();
      if (!arrived) co_return 0;
    }
    const auto until = std::chrono::steady_clock::now() + shared_.header_limit;
    for (;;) {
      const auto length = scanner.scan(client_.in.view());
      if (!length) {
        co_await refuse(length.error());
        co_return 0;
      }
      if (*length != 0) co_return *length;
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
      // Bytes that keep trickling in must not put the end off.
      auto error = boost::system::error_code(net::error::timed_out);
      if (left.count() > 0) {
        error =
            co_await client_.stream.fill(client_.in, left, byte_buffer::usual + shared_.forwarding.heads.head_bytes);
      }
      if (error == net::error::timed_out) {
        co_await answer(408, "the request's head was not complete in time");
        co_return 0;
      }
      if (error) co_return 0;
    }
  }

  /// Waits, without holding any buffer, for the first byte of a request.
  net::awaitable<bool> await_request() {
    client_.release();
    head_ = {};
    auto limit = shared_.idle_limit;
    for (;;) {
      if (shared_.draining) limit = std::min(limit, agent_gave_up);
      const auto place = shared_.idle.insert(shared_.idle.end(), &client_);
      const auto error = co_await client_.stream.fill_after_idling(client_.in, limit);
      shared_.idle.erase(place);
      if (!error) co_return true;
      if (error != net::error::operation_aborted || !shared_.draining || limit <= agent_gave_up) co_return false;
    }
  }

  net::awaitable<void> refuse(http::framing_error why) {
    if (shared_.refused) shared_.refused(client_.stream.stream().peer(), http::text_of(why));
    co_await answer(http::status_of(why), http::text_of(why));
  }

  net::awaitable<void> answer(int status, std::string_view message) {
    client_.out.clear();
    http::write_own_answer(client_.out, status, http::error_body("bunraku: " + std::string(message)), false, true);
    co_await client_.stream.write_all(client_.out, shared_.header_limit);
    co_await linger();
  }

  /// Reading what still comes keeps the answer from being lost to a reset; bounded, then the connection ends.
  net::awaitable<void> linger() {
    for (int i = 0; i < 64; ++i) {
      client_.in.clear();
      const auto error = co_await client_.stream.fill(client_.in, std::chrono::milliseconds(500));
      if (error) break;
    }
  }

  session_shared& shared_;
  forward::client_side client_;
  std::string head_;
};

}  // namespace

void session_shared::drain() {
  draining = true;
  for (auto* waiting : idle) waiting->stream.stream().cancel();
}

net::awaitable<void> serve(session_shared& shared, bunraku::connection client) {
  session one(shared, std::move(client));
  co_await one.run();
}

}  // namespace shim::local
