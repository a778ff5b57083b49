// The way back: a master's answer to the client, or one of our own.
#include "forward/exchange.hpp"
#include "http/error_body.hpp"
#include "http/head_writer.hpp"
#include "http/own_answer.hpp"

#include <bunraku/error.hpp>

#include <boost/asio/error.hpp>

#include <algorithm>

namespace shim::forward {
namespace net = boost::asio;
using bunraku::stage;

/// Relays response_ and its body. False when the client did not get all of it: its connection must end, so that it sees
/// that something is missing.
net::awaitable<bool> exchange::relay() {
  record_.status = response_.status;
  record_.master = who_.to_string();
  if (!body_.complete()) keep_client_ = false;
  const bool old_client = request_.minor == 0;
  auto framing = response_.body;
  if (framing.kind == http::body_kind::until_close && !old_client) framing.kind = http::body_kind::chunked;
  if (framing.kind == http::body_kind::chunked && old_client) framing.kind = http::body_kind::until_close;

  client_.out.clear();
  http::write_response_head(client_.out, response_, !keep_client_, framing);
  bool whole = false;
  switch (response_.body.kind) {
    case http::body_kind::none: whole = co_await to_client({}); break;
    case http::body_kind::length: whole = co_await relay_length(response_.body.length); break;
    case http::body_kind::chunked: whole = co_await relay_chunked(old_client); break;
    case http::body_kind::until_close: whole = co_await relay_until_close(!old_client); break;
  }
  record_.cut = !whole;
  if (whole && !told_) tell(outcome::answered);
  if (whole && response_.keep_alive && response_.body.kind != http::body_kind::until_close && sent_all_ &&
      client_.up_in.empty())
    shared_.pool.put(who_, up_.take());
  else up_.stream().close();
  co_return whole;
}

/// Sends what is pending in client_.out, then `bytes`; small ones together, as one TLS record.
net::awaitable<bool> exchange::to_client(std::string_view bytes) {
  boost::system::error_code error;
  if (!client_.out.empty()) {
    const auto joined = std::min(bytes.size(), byte_buffer::usual);
    client_.out.append(bytes.substr(0, joined));
    bytes.remove_prefix(joined);
    error = co_await client_.stream.write_all(client_.out, shared_.stall);
    client_.out.clear();
  }
  if (!error && !bytes.empty()) error = co_await client_.stream.write_all(bytes, shared_.stall);
  if (error) {
    const bool slow = error == net::error::timed_out;
    tell(outcome::cancelled);
    note(stage::body, error, slow ? "the client did not read the answer" : "the client left before the end", 0);
  }
  co_return !error;
}

/// More of the body into client_.up_in.
net::awaitable<bool> exchange::more_from_master() {
  const auto error = co_await up_.fill(client_.up_in, shared_.stall);
  if (!error) co_return true;
  if (error == net::error::eof && response_.body.kind == http::body_kind::until_close) co_return false;
  const bool slow = error == net::error::timed_out;
  const auto* reason = slow ? "the answer stopped coming" : "the connection broke inside the answer";
  tell(outcome::broken_answer, reason);
  note(stage::body, error, reason, response_.status);
  co_return false;
}

net::awaitable<bool> exchange::relay_length(std::uint64_t left) {
  if (left == 0) co_return co_await to_client({});
  while (left != 0) {
    if (client_.up_in.empty()) {
      // The head waits for the body's first bytes: one TLS record and one packet instead of two.
      const bool more = co_await more_from_master();
      if (!more) {
        if (!client_.out.empty()) co_await to_client({});
        co_return false;
      }
    }
    const auto piece = client_.up_in.view().substr(0, std::min<std::uint64_t>(left, client_.up_in.size()));
    const bool sent = co_await to_client(piece);
    if (!sent) co_return false;
    left -= piece.size();
    record_.bytes_down += piece.size();
    client_.up_in.consume(piece.size());
  }
  co_return true;
}

net::awaitable<bool> exchange::relay_chunked(bool decode) {
  http::chunked_decoder decoder;
  for (;;) {
    if (client_.up_in.empty()) {
      const bool more = co_await more_from_master();
      if (!more) {
        if (!client_.out.empty()) co_await to_client({});
        co_return false;
      }
    }
    const auto step = decode ? decoder.next_data(client_.up_in.view()) : decoder.next_wire(client_.up_in.view());
    if (!step) {
      tell(outcome::broken_answer, std::string(http::text_of(step.error())));
      note(stage::body, {EPROTO, boost::system::generic_category()}, std::string(http::text_of(step.error())),
           response_.status);
      co_return false;
    }
    if (!step->bytes.empty()) {
      const bool sent = co_await to_client(step->bytes);
      if (!sent) co_return false;
    }
    record_.bytes_down += step->bytes.size();
    client_.up_in.consume(step->consumed);
    if (!step->done) continue;
    const bool head_pending = !client_.out.empty();
    if (head_pending) co_return co_await to_client({});
    co_return true;
  }
}

net::awaitable<bool> exchange::relay_until_close(bool chunked) {
  std::array<char, 10> buffer;
  for (;;) {
    if (client_.up_in.empty()) {
      const auto failed = plan_.attempts().size();
      const bool more = co_await more_from_master();
      if (!more && plan_.attempts().size() != failed) co_return false;
      if (!more) break;
    }
    const auto piece = client_.up_in.view();
    if (chunked) {
      client_.out.append(http::chunk_start(buffer, static_cast<std::uint32_t>(piece.size())));
      client_.out.append(piece).append(http::chunk_end);
    } else {
      client_.out.append(piece);
    }
    const bool sent = co_await to_client({});
    if (!sent) co_return false;
    record_.bytes_down += piece.size();
    client_.up_in.consume(piece.size());
  }
  if (chunked) client_.out.append(http::last_chunk);
  co_return co_await to_client({});
}

/// An answer of our own, in the form that Puppet's masters give their errors.
net::awaitable<void> exchange::answer(int status, std::string_view message) {
  const auto body = http::error_body(message);
  // A client that was not told to send its body may send it now or not: what comes next could be either.
  if (!body_.complete() && (client_fault_ != 0 || awaits_continue_)) keep_client_ = false;
  client_.out.clear();
  http::write_own_answer(client_.out, status, body, request_.is_head, !keep_client_);
  record_.status = status;
  record_.own_answer = true;
  const bool sent = co_await to_client({});
  if (!sent) keep_client_ = false;
}

net::awaitable<void> exchange::answer_failure(error_code error) {
  using bunraku::errc;
  std::string message = "bunraku: ";
  int status = 503;
  const auto& attempts = plan_.attempts();
  if (error == errc::all_tried && !attempts.empty()) {
    const auto too_slow = [](const bunraku::attempt& a) {
      return a.error() == net::error::timed_out || a.error() == errc::connect_timeout || a.error() == errc::tls_timeout;
    };
    status = std::ranges::any_of(attempts, too_slow) ? 504 : 502;
    message += "no master of service " + std::string(to_.service_name) + " answered: " + join(attempts);
    if (!body_.replayable()) message += ". The request was too large to be kept for another master";
  } else {
    message += "service " + std::string(to_.service_name) + ": " + error.message() + ". 'bunraku resolve " +
               std::string(to_.service_name) + "' shows what was asked";
  }
  co_await answer(status, message);
}

}  // namespace shim::forward
