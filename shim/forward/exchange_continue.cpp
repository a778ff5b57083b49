// An answer whose master died inside it: the rest of it from another one.
#include "forward/exchange.hpp"

#include <boost/asio/error.hpp>

namespace shim::forward {
namespace net = boost::asio;
using bunraku::mishap;
using bunraku::move;
using bunraku::stage;

/// Could another master go on with response_? If so, what the client gets is remembered from its first byte on.
bool exchange::may_go_on() {
  return request_.method == "GET" && request_.body.kind == http::body_kind::none &&
         to_.endpoint->interrupted == bunraku::endpoint::repeat::anywhere && answer_identity::can_go_on(response_) &&
         !request_.fields.find("Range") && situation().another;
}

exchange::step exchange::after_break() {
  const auto next = course_.failed(mishap::broken_answer, situation(), clock::now(), [this] { return may_repeat(); });
  if (next == move::same_master) ask_same_again();
  return next == move::next_master || next == move::same_master ? step::again : step::give_up;
}

/// The answer broke off before the client had anything of it: as if there had been none.
exchange::step exchange::take_back() {
  client_.out.clear();
  record_.status = 0;
  record_.master.clear();
  return after_break();
}

/// Finds a master whose answer is the one that the client has a part of, up to now byte for byte, so that the rest can
/// come from it. True: relay on. See contrib/adr/0008.
net::awaitable<bool> exchange::go_on_elsewhere(body_relay& body) {
  if (!body.watched() || body.content_ended()) co_return false;
  const answer_identity first(response_);
  const auto first_byte = record_.first_byte;
  for (auto next = after_break(); next == step::again;) {
    const auto error = co_await connect();
    if (error) co_return false;
    next = co_await ask_again(first, body);
    record_.first_byte = first_byte;
    if (next != step::done) continue;
    record_.master = who_.to_string();
    if (!record_.continued.empty()) record_.continued += ", ";
    record_.continued += "at byte " + std::to_string(body.given_bytes()) + " on " + record_.master;
    co_return true;
  }
  co_return false;
}

/// Asks the master at up_ for the same answer and reads it as far as the client has it. `done`: it is the same so far.
net::awaitable<exchange::step> exchange::ask_again(const answer_identity& first, body_relay& body) {
  client_.up_in.clear();
  hangs_ = plays_ = false;
  if (shared_.resolver.may_interfere()) co_await let_interfere();
  course_.begin_attempt(reused_, clock::now());
  tell(outcome::begun);
  std::string_view left;
  auto send_error = send_now(left);
  if (send_error == net::error::would_block) send_error = co_await send_rest(left);
  std::optional<error_code> error;
  if (send_error) error = send_error;
  else error = co_await read_head();
  if (error) {
    up_.stream().close();
    co_return judge_silence(*error);
  }
  auto difference = first.difference(response_);
  if (difference.empty()) {
    body.start_over(response_.body, shared_.proofs);
    const auto failed = plan_.attempts().size();
    const bool same = co_await catch_up(body);
    if (same) co_return step::done;
    if (plan_.attempts().size() == failed) difference = "its answer begins with other bytes";
  }
  up_.stream().close();
  if (!difference.empty()) {
    const auto what = bunraku::mishap_of_status(*to_.endpoint, response_.status, retry_after().has_value());
    if (what) tell_status(*what);
    tell(outcome::cancelled);
    note(stage::body, {}, "cannot go on with the answer: " + difference, response_.status);
  }
  co_return after_break();
}

/// Reads what the client has already. False if it is not the same; if the master broke off, that is noted.
net::awaitable<bool> exchange::catch_up(body_relay& body) {
  while (!body.caught_up()) {
    if (client_.up_in.empty()) {
      const auto came = co_await more_from_master(body);
      if (came != arrival::bytes) co_return false;
    }
    const auto skipped = body.skip(client_.up_in.view());
    if (!skipped) {
      break_off({EPROTO, boost::system::generic_category()}, std::string(http::text_of(skipped.error())));
      co_return false;
    }
    if (*skipped == 0) co_return false;
    client_.up_in.consume(*skipped);
  }
  co_return body.is_same();
}

}  // namespace shim::forward
