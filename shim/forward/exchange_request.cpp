// The way there: a client's request to a master.
#include "forward/exchange.hpp"
#include "http/head_writer.hpp"

#include <boost/asio/error.hpp>

namespace shim::forward {
namespace net = boost::asio;

net::awaitable<exchange::error_code> exchange::send_request() {
  client_.out.clear();
  http::write_request_head(client_.out, request_, who_.to_string(), shared_.strip_headers);
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
  body_.rewind();
  if (!body_.given_out()) {
    const auto first = co_await body_.next();
    if (!first) co_return blame_client(first.error());
    client_.out.append(*first);
  }
  std::string_view bytes = client_.out;
  auto error = up_.write_now(bytes);
  if (error == net::error::would_block) error = co_await write_rest(bytes);
  client_.out.clear();  // what is in it from now on goes to the client
  if (!error && !body_.given_out()) error = co_await send_body();
  if (!error && body_.given_out() && client_.up_in.empty()) {
    sent_at_ = clock::now();
    course_.sent_whole(sent_at_);
  }
  co_return error;
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
    const auto error = co_await up_.wait_either(left_until(patience.until));
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
      course_.heard(clock::now());
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
