#include "exchange.hpp"

#include <bunraku/error.hpp>

#include <algorithm>

namespace sim {

using bunraku::errc;
using bunraku::mishap;
using bunraku::move;
using bunraku::silence;
using bunraku::stage;
using error_code = boost::system::error_code;

namespace {

constexpr duration keep_limit = 1s;

const error_code timed_out = make_error_code(boost::system::errc::timed_out);
const error_code reset = make_error_code(boost::system::errc::connection_reset);
const error_code not_http = make_error_code(boost::system::errc::protocol_error);

std::chrono::microseconds micros(duration d) { return std::chrono::duration_cast<std::chrono::microseconds>(d); }

}  // namespace

exchange::exchange(forwarding& shared, const request& what, std::chrono::milliseconds first_byte, unsigned leaves_at,
                   story& told)
    : shared_(shared),
      told_story_(told),
      request_(what),
      sleep_(shared.with.of().time),
      leaves_at_(leaves_at),
      replayable_(what.body <= shared.replay_bytes),
      began_(now()),
      attempt_began_(began_),
      sent_at_(began_),
      heard_at_(began_),
      course_(*what.row, {.first_byte = first_byte, .progress = shared.stall, .deadline = shared.deadline}, began_) {
  told.what = what;
  told.began = began_;
  told.deadline = course_.deadline();
  shared.under_way.push_back(this);
}

/// Waits until then; every wait of an exchange is a moment at which its client may go away.
task<bool> exchange::fill(time_point when) {
  if (++waits_ == leaves_at_) told_story_.client_left = true;
  if (when <= now()) co_return true;
  co_return co_await sleep_.until(when);
}

task<nothing> exchange::run() {
  ticket_ = shared_.with.begin_exchange(*request_.row, request_.target);
  if (w().broken == mutation::asks_everything)
    co_await shared_.with.named().find("x" + std::to_string(request_.exchange) + ".sim.test");
  for (;;) {
    const auto error = co_await connect();
    if (!error) {
      const auto next = co_await attempt_once();
      if (next == step::done) break;
      if (next == step::again) continue;
    }
    const bool anew = co_await wait_for_room();
    if (anew) continue;
    told_story_.no_connection = error;
    if (kept_) {
      who_ = kept_->who;
      to_client(kept_->status, kept_->body.length, kept_->body);
    } else {
      answer_failure();
    }
    break;
  }
  conclude();
  co_return nothing{};
}

void exchange::conclude() {
  const auto& got = told_story_.got;
  const bool answered = got.status != 0 && !got.own && !got.cut;
  const auto& failed = plan_.attempts();
  const auto* const failed_first = !failed.empty() && failed.front().who() != who_ ? &failed.front().who() : nullptr;
  told_story_.ended = now();
  if (answered) told_story_.answered_by = who_;
  if (failed_first != nullptr) told_story_.failed_first = *failed_first;
  leave_litter();
  if (w().broken == mutation::forgotten_ends) return;
  shared_.with.end_exchange(ticket_, {.row = *request_.row,
                                      .of = request_.of,
                                      .answered_by = answered && w().broken != mutation::no_pins ? &who_ : nullptr,
                                      .failed_first = failed_first,
                                      .lag_checked = told_story_.doubts_not_found,
                                      .status = got.status,
                                      .bytes_up = request_.body,
                                      .bytes_down = got.bytes});
}

/// What mutations leave behind.
void exchange::leave_litter() {
  if (w().broken == mutation::no_pins) shared_.with.learned().reloaded(request_.target);
  if (w().broken == mutation::leak_coroutines)
    for (int i = 0; i < 8; ++i) []() -> detached { co_await std::suspend_always{}; }();
  if (w().broken != mutation::leak_timers) return;
  w().litter.push_back(std::make_unique<sleeper>(w().time));
  w().litter.back()->set(never);
}

task<error_code> exchange::connect() {
  error_code error;
  if (!planned_) {
    planned_ = true;
    if (!shared_.with.try_plan(request_.of, plan_)) {
      auto made = co_await shared_.with.plan(request_.of);
      plan_ = std::move(made.value);
      error = made.error;
      co_await fill(now());
    }
    if (error) co_return error;
    if (w().broken == mutation::skip_master && plan_.front() != nullptr) plan_.take_front();
  }
  attempt_began_ = now();
  reused_ = false;
  if (plan_.front() != nullptr && course_.may_reuse(replayable_)) {
    auto idle = shared_.idle.take(*plan_.front());
    if (idle) {
      who_ = plan_.take_front();
      up_ = std::move(*idle);
      reused_ = true;
      co_return error;
    }
  }
  auto made = co_await shared_.with.connect(plan_);
  co_await fill(now());
  if (made.error) co_return made.error;
  who_ = made.who;
  up_ = std::move(made.value);
  co_return error;
}

/// The kernel is handed the request: from here on it is known what the master will do.
void exchange::begin_request() {
  reply_ = up_->at->serve(request_, now(), up_->since, up_->kept, w().salt());
  next_piece_ = 0;
  there_ = 0;
  w().sends(packet::request);
  told_story_.sent.push_back({who_, reused_, false, false});
  w().trace([&] {
    return "send    " + request_.method + ' ' + request_.target + " to " + who_.to_string() +
           (reused_ ? " (kept connection)" : "");
  });
}

task<exchange::step> exchange::attempt_once() {
  hangs_ = false;
  course_.begin_attempt(reused_, now());
  tell(outcome::begun);
  begin_request();
  const auto send_error = co_await send_request();
  error_code error = send_error;
  if (send_error != timed_out) error = co_await read_head();
  if (error) {
    const bool own = send_error && error != timed_out;
    up_.reset();
    co_return judge_silence(own ? send_error : error);
  }
  const auto next = co_await judge_status();
  if (next != step::done) co_return next;
  const auto relayed = co_await relay();
  co_return relayed;
}

/// Large bodies wait for the master to read.
task<error_code> exchange::send_request() {
  while (reply_.taken > now()) {
    const auto patience = course_.wait({}, situation());
    const auto next = std::min({reply_.taken, reply_.head, reply_.broken});
    co_await fill(std::min(next, patience.until));
    if (next <= patience.until) {
      if (reply_.broken <= now()) co_return reset;
      course_.progressed(now());
      if (reply_.head <= now()) co_return error_code{};
      continue;
    }
    if (!patience.ask_status) co_return timed_out;
    const bool lives = co_await ask_status();
    if (lives) continue;
    hangs_ = true;
    co_return timed_out;
  }
  sent_at_ = now();
  course_.sent_whole(sent_at_);
  told_story_.sent.back().may_have_processed = reply_.may_have_processed;
  co_return error_code{};
}

task<error_code> exchange::read_head() {
  for (;;) {
    const auto overdue = shared_.with.learned().overdue_after(*request_.row, course_.asked());
    auto patience = course_.wait(overdue, situation());
    if (w().broken == mutation::no_deadline) patience = {never, false};
    const auto next = std::min(reply_.head, reply_.broken);
    co_await fill(std::min(next, patience.until));
    if (next > patience.until && patience.ask_status) {
      const bool lives = co_await ask_status();
      if (lives) continue;
      hangs_ = next > now();
      if (hangs_) co_return timed_out;
    }
    if (next > now()) co_return timed_out;
    if (reply_.head > now()) co_return reset;
    heard_at_ = now();
    course_.heard(heard_at_);
    if (!reply_.readable) co_return not_http;
    co_return error_code{};
  }
}

task<bool> exchange::ask_status() {
  const auto error = co_await shared_.with.ask_status(who_, request_.of);
  co_await fill(now());
  const bool lives = !error || error == errc::cancelled || error == errc::credentials_invalid;
  if (lives) course_.lives();
  co_return lives;
}

bunraku::course::situation exchange::situation() const {
  auto& with = shared_.with;
  const auto* of_catalog = with.learned().catalog_master(ticket_);
  const bool is_another = of_catalog != nullptr && *of_catalog != who_;
  const bool failed =
      is_another && std::ranges::any_of(plan_.attempts(), [&](const auto& a) { return a.who() == *of_catalog; });
  return {.replayable = replayable_,
          .another = plan_.front() != nullptr || with.may_know_more(plan_),
          .another_known = plan_.front() != nullptr,
          .answer_begun = answer_begun_,
          .provable = provable_,
          .catalog_from_another = is_another && !failed,
          .catalog_unheard = failed,
          .holds_not_found = kept_ && kept_->status == 404};
}

exchange::step exchange::judge_silence(error_code error) {
  auto how = silence::closed;
  if (hangs_) how = silence::hung;
  else if (error == timed_out) how = silence::late;
  else if (error == errc::refused_us) how = silence::refused;
  else if (error == not_http) how = silence::unreadable;
  auto next = course_.unanswered(how, situation(), now(), [this] { return may_repeat(); });
  w().trace(
      [&] { return "silence " + error.message() + (hangs_ ? " (hangs)" : "") + " -> " + std::string(name_of(next)); });
  if (w().broken == mutation::report_twice && request_.row->name == "report" && plan_.front() != nullptr)
    next = move::next_master;
  if (w().broken == mutation::csr_elsewhere && next == move::same_master && plan_.front() != nullptr)
    next = move::next_master;
  if (w().broken == mutation::stubborn && next == move::next_master) ask_same_again();
  if (w().broken == mutation::same_master_twice && next == move::next_master) plan_.retry(who_);
  if (next == move::same_master) {
    ask_same_again();
    shared_.idle.drop(who_);
  }
  if (next == move::same_master && how == silence::closed && reused_) {
    told_story_.sent.back().stale = true;
    return step::again;
  }
  if (how == silence::hung) shared_.idle.drop(who_);
  told_story_.sent.back().mishap = how == silence::refused || (!course_.has_sent_whole() && !course_.has_heard())
                                       ? mishap::unsent
                                       : mishap::unanswered;
  tell(how == silence::refused      ? outcome::refused_us
       : how == silence::unreadable ? outcome::broken_answer
                                    : outcome::unanswered,
       "silence");
  note(stage::first_byte, error, error.message(), 0);
  return next == move::next_master || next == move::same_master ? step::again : step::give_up;
}

task<exchange::step> exchange::judge_status() {
  const auto what = bunraku::mishap_of_status(*request_.row, reply_.status, reply_.retry_after.has_value());
  if (!what) co_return step::done;
  tell_status(*what);
  if (*what == mishap::saturated) course_.full(*reply_.retry_after, now());
  auto next = course_.failed(*what, situation(), now(), [this] { return may_repeat(); });
  if (w().broken == mutation::believes_not_found && next == move::ask_catalog_master) next = move::deliver;
  w().trace([&] { return "status  " + std::to_string(reply_.status) + " -> " + std::string(name_of(next)); });
  told_story_.sent.back().mishap = what;
  if (next == move::deliver && !prefers_full(*what)) co_return step::done;
  note(stage::first_byte, {}, "status " + std::to_string(reply_.status), reply_.status);
  if (next == move::same_master) ask_same_again();
  if (next == move::ask_catalog_master) {
    told_story_.doubts_not_found = true;
    plan_.put_next(*shared_.with.learned().catalog_master(ticket_));
  }
  const auto whole_at = reply_.pieces.empty() ? now() : reply_.pieces.back().at;
  const bool worse = kept_ && ((kept_->status == 404 && *what != mishap::not_found) ||
                               (kept_->full && *what != mishap::saturated && prefers_full(*what)));
  const bool whole = !worse && whole_at <= now() + keep_limit && reply_.broken > whole_at;
  if (whole) {
    co_await fill(whole_at);
    kept_ = {who_, reply_.status, *what == mishap::saturated, reply_.body};
  }
  tell(whole ? outcome::answered : outcome::cancelled);
  up_.reset();
  co_return next == move::give_up || next == move::deliver ? step::give_up : step::again;
}

bool exchange::prefers_full(mishap what) const {
  return (what == mishap::saturated || what == mishap::server_error) && course_.room_at().has_value();
}

/// The simulated agents are of a version that crashes on Retry-After.
task<bool> exchange::wait_for_room() {
  if (!course_.may_wait_for_room(situation())) co_return false;
  co_await fill(now());
  const auto until = *course_.room_at();
  w().trace([&] { return "full    all masters of " + std::string(request_.row->name); });
  while (!told_story_.process_stopped && now() < until) co_await sleep_.until(std::min(until, now() + 1s));
  if (told_story_.process_stopped) co_return false;
  course_.begin_anew();
  plan_ = bunraku::plan();
  planned_ = told_story_.doubts_not_found = false;
  ++told_story_.rounds;
  co_return true;
}

void exchange::tell_status(mishap what) {
  if (what == mishap::saturated) tell(outcome::saturated, "status");
  else if (what == mishap::server_error) tell(outcome::server_error, "status");
}

/// What belongs to one master goes nowhere else, even if that one takes no connection any more.
void exchange::ask_same_again() {
  ++told_story_.same_again;
  if (request_.row->unanswered == bunraku::endpoint::repeat::same_master) plan_.narrow_to(who_);
  else plan_.retry(who_);
}

bool exchange::may_repeat() {
  const bool granted = shared_.with.learned().spend_retry(now());
  if (!granted) told_story_.budget_denied = true;
  return granted;
}

void exchange::answer_failure() {
  if (w().broken == mutation::no_answer) return;
  auto& got = told_story_.got;
  got.status = 502;
  got.own = true;
  got.cut = told_story_.client_left;
}

void exchange::tell(outcome what, std::string reason) {
  if (what != outcome::begun && !owes_outcome_) return;
  owes_outcome_ = what == outcome::begun;
  bunraku::outcome news(what, std::move(reason));
  if (what == outcome::answered) news.set_first_byte(micros(heard_at_ - sent_at_)).set_endpoint(*request_.row);
  if (what == outcome::saturated) news.set_retry_after(std::min(*reply_.retry_after, std::chrono::seconds(86400)));
  shared_.with.report(who_, request_.of, news);
  if (w().broken == mutation::blame_all && what == outcome::unanswered)
    for (const auto& each : w().hosts) shared_.with.report(each.who, request_.of, news);
  if (w().broken == mutation::blame_strangers && what == outcome::unanswered)
    shared_.with.report({"stranger", 1, bunraku::source_kind::list}, request_.of, news);
}

void exchange::note(stage reached, error_code error, std::string reason, int status) {
  plan_.add(bunraku::attempt(who_, reached, error, std::move(reason), micros(now() - attempt_began_), status));
}

}  // namespace sim
