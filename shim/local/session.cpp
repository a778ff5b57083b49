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

/// In the list of those that wait, however the wait ends.
class idle_one {
 public:
  idle_one(std::list<forward::client_side*>& all, forward::client_side* one)
      : all_(all), place_(all.insert(all.end(), one)) {}
  ~idle_one() { all_.erase(place_); }
  idle_one(const idle_one&) = delete;
  idle_one& operator=(const idle_one&) = delete;

 private:
  std::list<forward::client_side*>& all_;
  std::list<forward::client_side*>::iterator place_;
};

class session {
 public:
  session(session_shared& shared, bunraku::connection client)
      : shared_(shared),
        place_(shared.room),
        client_{forward::timed_stream(std::move(client), shared.forwarding.limits), {}, {}, {}} {}
  /// The daemon ends: a client that has a part of an answer must not take it for all.
  ~session() {
    if (answers_) client_.stream.stream().abort();
  }
  session(const session&) = delete;
  session& operator=(const session&) = delete;

  bool may_stay(places::client who) { return place_.belongs_to(who); }

  net::awaitable<void> turn_away() {
    static constexpr std::string_view why =
        "this client has half of limits.connections in use, or all but the node's own have three quarters";
    // Saying so must not keep others out.
    place_.wait([this] { client_.stream.stream().cancel(); });
    if (shared_.refused) shared_.refused(client_.stream.stream().peer(), why);
    co_await answer(503, why);
    client_.stream.stream().close();
  }

  net::awaitable<void> run() {
    for (;;) {
      const std::size_t length = co_await read_head();
      if (length == 0) break;
      // The head is copied out: its buffer takes the body while the head is still needed.
      head_.assign(client_.in.view().substr(0, length));
      client_.in.consume(length);
      const bool again = co_await exchange();
      if (!again) break;
    }
    client_.stream.stream().close();
  }

 private:
  /// The request whose head is in head_. What was made of that is 4 KiB, in this frame: a connection that is idle has
  /// none.
  net::awaitable<bool> exchange() {
    const auto request = http::parse_request(head_, shared_.forwarding.heads);
    if (!request) {
      co_await refuse(request.error());
      co_return false;
    }
    const auto to = shared_.route(*request);
    forward::exchange one(shared_.forwarding, client_, *request, to);
    answers_ = true;
    const bool again = co_await one.run(shared_.draining);
    answers_ = false;
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
    std::optional<std::chrono::steady_clock::time_point> until;  // most heads come whole
    for (;;) {
      const auto length = scanner.scan(client_.in.view());
      if (!length) {
        co_await refuse(length.error());
        co_return 0;
      }
      if (*length != 0) co_return *length;
      const auto now = std::chrono::steady_clock::now();
      if (!until) until = now + shared_.header_limit;
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(*until - now);
      // Bytes that keep trickling in must not put the end off.
      auto error = boost::system::error_code(net::error::timed_out);
      if (left.count() > 0) {
        error =
            co_await client_.stream.fill(client_.in, left, byte_buffer::usual + shared_.forwarding.heads.head_bytes);
      }
      if (error == net::error::timed_out) {
        constexpr std::string_view why = "the request's head was not complete in time";
        if (shared_.refused) shared_.refused(client_.stream.stream().peer(), why);
        co_await answer(408, why);
        co_return 0;
      }
      if (error) co_return 0;
    }
  }

  /// Waits, without holding any buffer, for the first byte of a request.
  net::awaitable<bool> await_request() {
    auto limit = shared_.idle_limit;
    for (;;) {
      auto error = client_.stream.fill_now(client_.in);
      if (!error) co_return true;
      client_.release();
      head_ = {};
      if (error != net::error::would_block) co_return false;
      if (shared_.draining) limit = std::min(limit, agent_gave_up);
      {
        const idle_one listed(shared_.idle, &client_);
        error = co_await client_.stream.wait(bunraku::direction::read, limit);
      }
      if (!error) continue;
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
  places::place place_;
  forward::client_side client_;
  std::string head_;
  bool answers_ = false;
};

}  // namespace

void session_shared::drain() {
  draining = true;
  for (auto* waiting : idle) waiting->stream.stream().cancel();
}

net::awaitable<void> serve(session_shared& shared, bunraku::connection client, std::optional<places::client> who) {
  session one(shared, std::move(client));
  if (!who || one.may_stay(*who)) co_await one.run();
  else co_await one.turn_away();
}

}  // namespace shim::local
