// The way back: exchange_answer and exchange_continue of shim/forward.
#include "exchange.hpp"

#include <bunraku/error.hpp>

#include <algorithm>

namespace sim {

using bunraku::mishap;
using bunraku::move;
using bunraku::stage;
using error_code = boost::system::error_code;

namespace {

const error_code timed_out = make_error_code(boost::system::errc::timed_out);
const error_code reset = make_error_code(boost::system::errc::connection_reset);

}  // namespace

task<exchange::step> exchange::relay() {
  auto how = ending::whole;
  bool lost = false;
  for (;;) {
    how = co_await relay_body();
    lost = how == ending::broken;
    if (!lost) break;
    up_.reset();
    if (!answer_begun_) co_return take_back();
    const bool on = co_await go_on_elsewhere();
    if (!on) break;
  }
  const bool whole = how == ending::whole;
  told_story_.got.cut = !whole && w().broken != mutation::short_answers;
  if (whole) tell(outcome::answered);
  if (w().broken == mutation::leak_connections && up_) {
    up_->open.leak();
    descriptor(w()).leak();
  }
  if (whole && course_.has_sent_whole()) shared_.idle.put(who_, std::move(*up_));
  up_.reset();
  co_return step::done;
}

task<exchange::ending> exchange::relay_body() {
  auto& got = told_story_.got;
  for (bool first = !answer_begun_;; first = false) {
    if (there_ <= got.bytes && there_ < reply_.body.length) {
      const bool more = co_await more_from_master();
      if (!more) co_return ending::broken;
    }
    if (first && there_ < reply_.body.length) provable_ = may_go_on();
    if (there_ <= got.bytes && there_ < reply_.body.length) continue;
    answer_begun_ = true;
    if (!to_client(reply_.status, there_, reply_.body)) co_return ending::client_left;
    if (there_ == reply_.body.length) co_return ending::whole;
  }
}

/// More of the body than `there_`. A master that lets it wait is asked how it is, if another one could go on.
task<bool> exchange::more_from_master() {
  error_code error = reset;
  for (bool waits = false;; waits = true) {
    const bool any = next_piece_ < reply_.pieces.size();
    const auto next = std::min(any ? reply_.pieces[next_piece_].at : never, reply_.broken);
    if (any && next <= now() && reply_.pieces[next_piece_].at <= now()) {
      there_ = reply_.pieces[next_piece_++].until;
      co_return true;
    }
    if (next <= now()) break;
    if (!waits) course_.progressed(now());
    auto patience = course_.wait({}, situation());
    if (w().broken == mutation::no_deadline) patience = {never, false};
    co_await fill(std::min(next, patience.until));
    if (next <= patience.until) continue;
    error = timed_out;
    if (!patience.ask_status) break;
    const bool lives = co_await ask_status();
    if (lives) continue;
    hangs_ = next > now();
    if (hangs_) break;
  }
  if (hangs_) shared_.idle.drop(who_);
  break_off(error);
  co_return false;
}

void exchange::break_off(error_code error) {
  w().trace([&] {
    return "broken  " + who_.to_string() + " after " + std::to_string(there_) + " bytes: " + error.message();
  });
  told_story_.sent.back().mishap = mishap::broken_answer;
  tell(outcome::broken_answer, error.message());
  note(stage::body, error, error.message(), reply_.status);
}

bool exchange::may_go_on() const {
  return request_.method == "GET" && request_.body == 0 &&
         request_.row->interrupted == bunraku::endpoint::repeat::anywhere && reply_.status == 200 &&
         situation().another;
}

exchange::step exchange::after_break() {
  const auto next = course_.failed(mishap::broken_answer, situation(), now(), [this] { return may_repeat(); });
  w().trace([&] { return "broken  -> " + std::string(name_of(next)); });
  if (next == move::same_master) ask_same_again();
  return next == move::next_master || next == move::same_master ? step::again : step::give_up;
}

/// The answer broke off before the client had anything of it: as if there had been none.
exchange::step exchange::take_back() { return after_break(); }

task<bool> exchange::go_on_elsewhere() {
  if (!provable_) co_return false;
  const content first = reply_.body;
  for (auto next = after_break(); next == step::again;) {
    const auto error = co_await connect();
    if (error) co_return false;
    next = co_await ask_again(first);
    if (next == step::done) co_return true;
  }
  co_return false;
}

/// Asks the master at up_ for the same answer and reads it as far as the client has it.
task<exchange::step> exchange::ask_again(content first) {
  hangs_ = false;
  course_.begin_attempt(reused_, now());
  tell(outcome::begun);
  begin_request();
  auto error = co_await send_request();
  if (!error) error = co_await read_head();
  if (error) {
    up_.reset();
    co_return judge_silence(error);
  }
  bool different = reply_.status != 200 || reply_.body.length != first.length;
  if (!different) {
    const auto failed = plan_.attempts().size();
    const bool same = co_await catch_up(first);
    if (same) co_return step::done;
    different = plan_.attempts().size() == failed;
  }
  up_.reset();
  if (different) {
    told_story_.proof_failed = true;
    const auto what = bunraku::mishap_of_status(*request_.row, reply_.status, reply_.retry_after.has_value());
    if (what) tell_status(*what);
    tell(outcome::cancelled);
    note(stage::body, {}, "another answer", reply_.status);
  }
  co_return after_break();
}

/// Reads what the client has already. False if it is not the same; if the master broke off, that is noted.
task<bool> exchange::catch_up(content first) {
  while (there_ < told_story_.got.bytes) {
    const bool more = co_await more_from_master();
    if (!more) co_return false;
  }
  co_return w().broken == mutation::mixed_bodies || same_begin(first, reply_.body, told_story_.got.bytes);
}

bool exchange::to_client(int status, std::uint64_t until, const content& of) {
  auto& got = told_story_.got;
  if (told_story_.client_left) {
    tell(outcome::cancelled);
    note(stage::body, reset, "the client left before the end", 0);
    got.cut = true;
    return false;
  }
  got.status = status;
  if (got.bytes != 0 && !same_begin(got.body, of, got.bytes))
    w().fail("the client was given bytes of two answers as one: " + request_.target);
  got.body = of;
  got.bytes = until;
  return true;
}

}  // namespace sim
