// The way there: a client's request to a master.
#include "forward/exchange.hpp"
#include "http/head_writer.hpp"

#include <boost/asio/error.hpp>

namespace shim::forward {
namespace net = boost::asio;

/// Sends the request, as far as nothing has to be waited for: all of it, if it has no body. `would_block`: send_rest()
/// is to go on, with `left`.
exchange::error_code exchange::send_now(std::string_view& left) {
  client_.out.clear();
  http::write_request_head(client_.out, request_, who_.to_string(), shared_.strip_headers);
  body_.rewind();
  left = client_.out;
  if (awaits_continue_ || !body_.given_out()) return net::error::would_block;
  const auto error = up_.write_now(left);
  if (error != net::error::would_block) sent(error);
  return error;
}

net::awaitable<exchange::error_code> exchange::send_rest(std::string_view left) {
  if (awaits_continue_) {
    awaits_continue_ = false;
    const auto told = co_await client_.stream.write_all("HTTP/1.1 100 Continue\r\n\r\n", shared_.stall);
    if (told) {
      client_fault_ = 400;
      last_failure_ = "the client left before it sent its request";
      co_return told;
    }
  }
  // Head and first bytes of the body in one write: one TLS record, one packet.
  error_code error = net::error::would_block;
  if (!body_.given_out()) {
    const auto first = co_await body_.next();
    if (!first) co_return blame_client(first.error());
    client_.out.append(*first);
    left = client_.out;
    error = up_.write_now(left);
  }
  if (error == net::error::would_block) error = co_await write_rest(left);
  if (!error && !body_.given_out()) error = co_await send_body();
  sent(error);
  co_return error;
}

/// No more of the request is sent now. What is in client_.out from here on goes to the client.
void exchange::sent(error_code error) {
  client_.out.clear();
  if (error || !body_.given_out() || !client_.up_in.empty()) return;
  sent_at_ = clock::now();
  course_.sent_whole(sent_at_);
}

net::awaitable<exchange::error_code> exchange::send_body() {
  while (!body_.given_out() && client_.up_in.empty()) {
    const auto piece = co_await body_.next();
    if (!piece) co_return blame_client(piece.error());
    auto bytes = *piece;
    auto error = up_.write_now(bytes);
    if (error == net::error::would_block) error = co_await write_rest(bytes);
    if (error) co_return error;
  }
  co_return error_code{};
}

/// Waits until the master takes more or begins to answer. One that does neither is asked how it is.
net::awaitable<exchange::error_code> exchange::await_room() {
  for (;;) {
    const auto patience = course_.wait({}, situation());
    const auto error = co_await up_.wait_either_until(patience.until);
    if (error != net::error::timed_out || !patience.ask_status) co_return error;
    const bool lives = co_await ask_status();
    if (lives) continue;
    hangs_ = true;
    co_return error;
  }
}

/// Writes to the master what write_now has left; stops without an error when its answer begins to come instead.
net::awaitable<exchange::error_code> exchange::write_rest(std::string_view bytes) {
  for (;;) {
    auto error = co_await await_room();
    if (error) co_return error;
    course_.progressed(clock::now());
    char* room = client_.up_in.room();
    const auto got = up_.stream().read_some(room, client_.up_in.room_size(), error);
    if (!error) {
      client_.up_in.filled(got);
      heard();
      co_return error;
    }
    if (error != net::error::would_block) co_return error;
    error = up_.write_now(bytes);
    if (error != net::error::would_block) co_return error;
  }
}

exchange::error_code exchange::blame_client(const request_body::failure& why) {
  client_fault_ = why.status;
  last_failure_ = why.reason.empty() ? "the request's body ended early or came too slowly" : std::string(why.reason);
  return net::error::connection_aborted;
}

}  // namespace shim::forward
