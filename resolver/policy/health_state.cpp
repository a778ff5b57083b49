#include "policy/health_state.hpp"

#include <algorithm>

namespace bunraku::policy {

std::string_view name_of(health_event::kind k) noexcept {
  using enum health_event::kind;
  switch (k) {
    case connect_failed: return "connect_failed";
    case bad_certificate: return "bad_certificate";
    case hangs: return "hangs";
    case unanswered: return "unanswered";
    case broken_answer: return "broken_answer";
    case server_error: return "server_error";
    case probe_failed: return "probe_failed";
    case saturated: return "saturated";
    case lost_race: return "lost_race";
    case probe_begun: return "probe_begun";
    case trial_begun: return "trial_begun";
    case own_fault: return "own_fault";
    case cancelled: return "cancelled";
    case answered: return "answered";
    case probe_answered: return "probe_answered";
    case drain: return "drain";
    case undrain: return "undrain";
  }
  return {};
}

void health_state::enter(health next, time_point now) noexcept {
  if (next != state_) since_ = now;
  state_ = next;
}

void health_state::let_time_pass(time_point now) noexcept {
  if (now < until_) return;
  if (state_ == health::down) {
    enter(health::probation, until_);
  } else if (state_ == health::saturated) {
    enter(health::up, until_);
  } else if (state_ == health::draining) {
    become_up(until_);
  }
}

void health_state::become_up(time_point now) noexcept {
  if (state_ == health::down || state_ == health::probation || state_ == health::draining) recovered_ = now;
  enter(health::up, now);
}

void health_state::become_down(time_point now, random& chance, const health_limits& limits) {
  ++times_down_;
  until_ = trial_until_ = now + limits.down.delay(times_down_, chance);
  enter(health::down, now);
}

void health_state::become_saturated(const health_event& e, time_point now, const health_limits& limits) noexcept {
  until_ = now + std::clamp(e.retry_after, limits.saturated_floor, limits.saturated_ceiling);
  enter(health::saturated, now);
}

void health_state::become_suspect(time_point now, random& chance, const health_limits& limits) {
  if (state_ != health::suspect) next_probe_ = now + backoff::jittered(limits.first_probe, chance);
  enter(health::suspect, now);
}

void health_state::fail(const health_event& e, time_point now, random& chance, const health_limits& limits) {
  if (state_ == health::down) return;
  failures_ = std::min(failures_ + 1, 1'000'000u);
  const bool enough = failures_ >= limits.failures_until_down;
  const bool certain = e.what == kind::bad_certificate || e.what == kind::hangs;
  if (enough || certain || state_ == health::probation) become_down(now, chance, limits);
  else become_suspect(now, chance, limits);
}

void health_state::on_lost_race(time_point now, random& chance, const health_limits& limits) {
  // Slow is no failure: a far master may lose every race and still be all there is. So it never counts towards down,
  // except for a trial, which has to be passed.
  if (state_ == health::up) become_suspect(now, chance, limits);
  if (state_ == health::probation) become_down(now, chance, limits);
}

void health_state::answered(const health_event& e, time_point now) noexcept {
  failures_ = own_faults_ = 0;
  times_down_ = 0;
  const auto measured = e.first_byte;
  if (measured.count() > 0)
    first_byte_ = first_byte_.count() == 0 ? measured : first_byte_ + (measured - first_byte_) / 8;
  if (state_ != health::draining && state_ != health::saturated) become_up(now);
}

void health_state::release_trial(time_point now) noexcept { trial_until_ = std::min(trial_until_, now); }

void health_state::remember(std::string_view reason) {
  if (!reason.empty()) reason_ = reason.substr(0, 200);
}

void health_state::on(const health_event& e, time_point now, random& chance, const health_limits& limits) {
  let_time_pass(now);
  const bool heeds = state_ != health::draining;
  switch (e.what) {
    case kind::connect_failed:
    case kind::bad_certificate:
    case kind::hangs:
    case kind::unanswered:
    case kind::broken_answer:
    case kind::server_error:
    case kind::probe_failed:
      ++counts_.failed;
      remember(e.reason);
      if (heeds) fail(e, now, chance, limits);
      break;
    case kind::saturated:
      ++counts_.saturated;
      remember(e.reason);
      if (heeds) become_saturated(e, now, limits);
      break;
    case kind::lost_race:
      ++counts_.lost_races;
      on_lost_race(now, chance, limits);
      break;
    case kind::trial_begun:
    case kind::probe_begun:
      if (state_ == health::probation) trial_until_ = now + limits.trial_limit;
      if (e.what == kind::probe_begun) next_probe_ = now + backoff::jittered(limits.next_probe, chance);
      break;
    case kind::own_fault:
      ++counts_.own_faults;
      own_faults_ = std::min(own_faults_ + 1, 1'000'000u);
      if (state_ == health::up) remember(e.reason);
      release_trial(now);
      break;
    case kind::cancelled:
      ++counts_.cancelled;
      release_trial(now);
      break;
    case kind::answered:
      ++counts_.answered;
      answered(e, now);
      break;
    case kind::probe_answered:
      if (heeds && state_ != health::saturated) become_up(now);
      break;
    case kind::drain:
      until_ = e.drain_for.count() > 0 ? now + e.drain_for : time_point::max();
      enter(health::draining, now);
      break;
    case kind::undrain:
      if (!heeds) become_up(now);
      break;
  }
}

health health_state::at(time_point now) const noexcept {
  if (now < until_) return state_;
  if (state_ == health::down) return health::probation;
  if (state_ == health::saturated || state_ == health::draining) return health::up;
  return state_;
}

health_state::time_point health_state::since(time_point now) const noexcept {
  return at(now) == state_ ? since_ : until_;
}

std::optional<health_state::time_point> health_state::until(time_point now) const noexcept {
  switch (at(now)) {
    case health::down:
    case health::saturated: return until_;
    case health::probation:
      if (!trial_is_free(now)) return trial_until_;
      break;
    case health::draining:
      if (until_ != time_point::max()) return until_;
      break;
    case health::up:
    case health::suspect: break;
  }
  return std::nullopt;
}

bool health_state::trial_is_free(time_point now) const noexcept {
  return at(now) == health::probation && now >= trial_until_;
}

std::uint32_t health_state::share(time_point now, const health_limits& limits) const noexcept {
  const auto recovered = state_ == health::draining ? until_ : recovered_;
  if (!recovered || at(now) != health::up) return full_share;
  const auto whole = std::chrono::milliseconds(limits.slow_start).count();
  const auto grown = std::chrono::duration_cast<std::chrono::milliseconds>(now - *recovered).count();
  if (grown >= whole) return full_share;
  constexpr std::int64_t least = full_share / 10;
  return static_cast<std::uint32_t>(std::max(least, full_share * grown / whole));
}

std::optional<health_state::time_point> health_state::probe_due(time_point now) const noexcept {
  switch (at(now)) {
    case health::suspect: return next_probe_;
    case health::down: return until_;
    // Not sooner than next_probe_: a question that failed through our own fault leaves the trial free.
    case health::probation: return std::max(trial_until_, next_probe_);
    case health::up:
    case health::saturated:
    case health::draining: break;
  }
  return std::nullopt;
}

}  // namespace bunraku::policy
