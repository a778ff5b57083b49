// The way back: a master's answer to the client, or one of our own.
#include "forward/exchange.hpp"
#include "forward/pool_sharing.hpp"
#include "http/error_body.hpp"
#include "http/head_writer.hpp"
#include "http/own_answer.hpp"

#include <bunraku/error.hpp>

#include <boost/asio/error.hpp>

#include <algorithm>

namespace shim::forward {
namespace net = boost::asio;
using bunraku::stage;

/// Relays response_ and its body. Unless the client gets all of it, its connection must end, so that it sees that
/// something is missing; if it has nothing of it yet, another master may be asked.
net::awaitable<exchange::step> exchange::relay() {
  record_.status = response_.status;
  record_.master = who_.to_string();
  if (!body_.complete()) keep_client_ = false;
  const bool old_client = request_.minor == 0;
  auto framing = response_.body;
  if (framing.kind == http::body_kind::until_close && !old_client) framing.kind = http::body_kind::chunked;
  if (framing.kind == http::body_kind::chunked && old_client) framing.kind = http::body_kind::until_close;

  client_.out.clear();
  http::write_response_head(client_.out, response_, !keep_client_, framing);
  auto how = ending::whole;
  bool lost = false;  // the connection to the master
  if (framing.kind == http::body_kind::none) {
    const bool sent = co_await to_client({});
    if (!sent) how = ending::client_left;
  } else {
    body_relay body(response_.body, framing.kind);
    for (;;) {
      how = co_await relay_body(body);
      lost = how == ending::broken;
      if (!lost) break;
      up_.stream().close();
      if (!answer_begun_) co_return take_back();
      const bool on = co_await go_on_elsewhere(body);
      if (!on) break;
    }
    if (lost && body.content_ended()) {
      body.finish(client_.out);
      const bool sent = co_await to_client({});
      how = sent ? ending::whole : ending::client_left;
    }
  }
  const bool whole = how == ending::whole;
  record_.cut = !whole;
  record_.unserved = how == ending::broken;
  if (!whole) cut_client();
  if (whole && !lost) tell(outcome::answered);
  if (whole && !lost && response_.keep_alive && response_.body.kind != http::body_kind::until_close &&
      course_.has_sent_whole() && client_.up_in.empty() && !plays_ &&
      shares_connections(shared_.resolver.options(), told_for()))
    shared_.pool.put(who_, up_.take(), era_);
  else up_.stream().close();
  co_return step::done;
}

/// The client has a part of an answer. Ruby's Net::HTTP, which an agent has, takes an orderly end for the end of the
/// answer, whatever Content-Length said; a reset it reports.
void exchange::cut_client() {
  keep_client_ = false;
  client_.stream.stream().abort();
}

/// Sends what is pending in client_.out, then `bytes`, as far as nothing has to be waited for: mostly all of it. What
/// is small goes together, as one TLS record. `would_block`: to_client() is to go on, with what is left of both.
exchange::error_code exchange::to_client_now(std::string_view& bytes) {
  auto& out = client_.out;
  answer_begun_ = true;
  if (!out.empty()) {
    const auto joined = std::min(bytes.size(), byte_buffer::usual);
    out.append(bytes.substr(0, joined));
    bytes.remove_prefix(joined);
    std::string_view left = out;
    const auto error = client_.stream.write_now(left);
    out.erase(0, out.size() - left.size());
    if (error) return error;
  }
  return client_.stream.write_now(bytes);
}

net::awaitable<bool> exchange::to_client(std::string_view bytes) {
  auto error = to_client_now(bytes);
  while (error == net::error::would_block) {
    error = co_await client_.stream.wait(bunraku::direction::write, shared_.stall);
    if (!error) error = to_client_now(bytes);
  }
  if (error) {
    const bool slow = error == net::error::timed_out;
    const std::string_view why = slow ? "the client did not read the answer" : "the client left before the end";
    tell(outcome::cancelled);
    if (record_.own_answer) unheard_ = why;
    else note(stage::body, error, std::string(why), 0);
  }
  co_return !error;
}

/// `bytes` with what is pending in client_.out in front of them, if they begin client_.up_in and the master's own head
/// left room there: one write, and no copy of the body.
std::string_view exchange::with_head(std::string_view bytes) {
  auto& in = client_.up_in;
  const auto head = client_.out.size();
  if (head == 0 || bytes.empty() || bytes.data() != in.view().data()) return bytes;
  const auto both = in.behind(client_.out);
  if (both.empty()) return bytes;
  client_.out.clear();
  return both.substr(0, head + bytes.size());
}

/// Relays what comes of the body from the master at up_.
net::awaitable<exchange::ending> exchange::relay_body(body_relay& body) {
  auto& in = client_.up_in;
  for (bool first = !answer_begun_;; first = false) {
    body_relay::piece last{.bytes = {}, .consumed = 0, .last = true};
    std::expected<body_relay::piece, http::framing_error> piece = last;
    auto came = arrival::bytes;
    // The head waits for the body's first bytes: one TLS record and one packet instead of two.
    if (in.empty() && !body.is_empty()) came = co_await more_from_master(body);
    else if (first && in.size() > byte_buffer::usual / 2)
      up_.add_body_now(in, body.left().value_or(timed_stream::unknown));
    if (came == arrival::broken) co_return ending::broken;
    if (came == arrival::bytes) piece = body.read(in.view());
    if (!piece) {
      break_off({EPROTO, boost::system::generic_category()}, std::string(http::text_of(piece.error())));
      co_return ending::broken;
    }
    if (first && !piece->last && may_go_on()) {
      body.watch(shared_.proofs);
      provable_ = body.watched();
    }
    const auto direct = body.write(*piece, client_.out);
    if (!direct) {
      break_off({EPROTO, boost::system::generic_category()}, "its answer is shorter than the one that was begun");
      co_return ending::broken;
    }
    if (!piece->bytes.empty() || piece->last) {
      auto bytes = with_head(*direct);
      bool sent = !to_client_now(bytes);
      if (!sent) sent = co_await to_client(bytes);
      if (!sent) co_return ending::client_left;
    }
    body.given(*piece);
    record_.bytes_down += piece->bytes.size();
    in.consume(piece->consumed);
    if (piece->last) co_return ending::whole;
  }
}

/// More of the body into client_.up_in. A master that lets it wait is asked how it is, if another one could go on. The
/// time counts from when the master is waited for: it is not to blame for a client that reads slowly.
net::awaitable<exchange::arrival> exchange::more_from_master(const body_relay& body) {
  error_code error;
  for (bool waits = false;; waits = true) {
    error = up_.fill_body_now(client_.up_in, body.left().value_or(timed_stream::unknown));
    if (!error && up_.hogs()) co_await up_.let_others_run();
    if (!error) co_return arrival::bytes;
    if (error != net::error::would_block) break;
    if (!waits) course_.progressed(clock::now());
    const auto patience = course_.wait({}, situation());
    error = co_await up_.wait_until(bunraku::direction::read, patience.until);
    if (error != net::error::timed_out) {
      if (error) break;
      continue;
    }
    if (!patience.ask_status) break;
    const bool lives = co_await ask_status();
    if (lives) continue;
    error = up_.fill_now(client_.up_in);  // it may have come meanwhile
    if (!error) co_return arrival::bytes;
    hangs_ = error == net::error::would_block;
    if (hangs_) error = net::error::timed_out;
    break;
  }
  if (error == net::error::eof && body.ends_by_close()) co_return arrival::end;
  const auto* reason = hangs_                           ? "the answer stopped coming, and so did its status"
                       : error == net::error::timed_out ? "the answer stopped coming"
                                                        : "the connection broke inside the answer";
  if (hangs_) shared_.pool.drop(who_);
  break_off(error, reason);
  co_return arrival::broken;
}

void exchange::break_off(error_code error, std::string reason) {
  tell(outcome::broken_answer, reason);
  note(stage::body, error, std::move(reason), response_.status);
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
    const auto repeat = to_.endpoint->unanswered;
    const bool once = repeat == bunraku::endpoint::repeat::unsent_only || repeat == bunraku::endpoint::repeat::never;
    const auto& last = attempts.back();
    const bool taken =
        course_.has_sent_whole() && last.reached() == stage::first_byte && last.error() != errc::refused_us;
    if (once && taken) message += ". It may have arrived there, so no other master was sent it";
    else if (!body_.replayable())
      message += ". The request could not be kept for another master: " + body_.kept().why_not();
  } else {
    auto why = error.message();
    auto hint = "'bunraku resolve " + std::string(to_.service_name) + "' shows what was asked";
    if (own_service() == nullptr) {
      why = "a reload of bunraku.toml took it away while this request was under way";
      hint = "Ask again";
    } else if (error == errc::credentials_invalid) {
      hint = "'bunraku check' says why";
    }
    add_why(why);
    message += "service " + std::string(to_.service_name) + ": " + why + ". " + hint;
  }
  record_.unserved = true;
  co_await answer(status, message);
}

}  // namespace shim::forward
