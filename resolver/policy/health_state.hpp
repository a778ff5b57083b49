#pragma once
#include "policy/backoff.hpp"
#include "policy/random.hpp"

#include <bunraku/health.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace bunraku::policy {

/// Something that was learned about a master. `reason` is one sentence for people; it is copied and cut to 200 bytes.
struct health_event {
  enum class kind : std::uint8_t {
    // The master's fault.
    connect_failed,   ///< no TCP connection or no TLS within the limits, or its address cannot be found
    bad_certificate,  ///< it showed a certificate that must not be accepted; no further try makes that better
    hangs,            ///< an answer is overdue, and a fresh connection brought no answer to a status question either
    unanswered,       ///< a request was sent and got no answer
    broken_answer,    ///< an answer began and broke off, or broke the rules
    server_error,     ///< 502, 503 without Retry-After, 504
    probe_failed,     ///< connected, but the status was not "running" or did not come
    // Neither good nor bad by itself.
    saturated,    ///< 503 with Retry-After: see `retry_after`
    lost_race,    ///< its connection was not ready before another one that was started later
    probe_begun,  ///< a status question is on its way
    trial_begun,  ///< a request is on its way to a master in probation
    own_fault,    ///< it failed because of us: no descriptors, no network, the master refused our certificate
    cancelled,    ///< the caller went away
    // Good.
    answered,        ///< a whole answer of any other kind came, see `first_byte`
    probe_answered,  ///< status says "running"
    // The operator.
    drain,
    undrain,
  };
  kind what;
  // The initializer lets `{kind}` alone stand for an event.
  std::string_view reason{};  // NOLINT(readability-redundant-member-init)
  std::chrono::seconds retry_after{0};
  std::chrono::microseconds first_byte{0};  ///< 0: not measured
  std::chrono::seconds drain_for{0};        ///< 0: until undrain
};
std::string_view name_of(health_event::kind k) noexcept;

/// The numbers behind the transitions. All are positive.
struct health_limits {
  std::uint32_t failures_until_down = 3;  ///< in a row
  backoff down{std::chrono::seconds(5), std::chrono::minutes(5)};
  std::chrono::milliseconds first_probe{1000};   ///< after becoming suspect; jittered
  std::chrono::milliseconds next_probe{5000};    ///< after a probe of a suspect; jittered
  std::chrono::milliseconds trial_limit{30000};  ///< a trial that nobody concluded ends after this
  std::chrono::seconds saturated_floor{1};       ///< Retry-After is kept within these; puppetserver draws it from 0
  std::chrono::seconds saturated_ceiling{300};   ///< to 1800 s, and other masters can take the work meanwhile
  std::chrono::seconds slow_start{60};           ///< after recovery the weight grows to its full value in this time
};

/// Health of one thing: of a master as a whole (can it be reached?) or of one service on it (does it answer there?).
/// Model:
///   up --failure--> suspect --failures_until_down in a row--> down --its time is over--> probation (one trial)
///   probation: a good trial leads to up, a bad one to down for a longer time (backoff). Good news lead to up from
///   these three; a bad certificate, or being found to hang, leads to down at once. Failures while down change nothing:
///   when all masters are down all are tried, and that must not send them away for ever longer. A probe's good answer
///   leads to up too, but only a real answer clears the count of failures and the backoff: a master whose status is
///   fine and whose work is not comes back ever more seldom. saturated ends by time or by a failure: an answer to a
///   request that was sent before proves nothing. draining takes notice of nothing until undrain, or until its time is
///   over. Time passes by itself: down becomes probation, saturated and a drain with an end become up, when looked at
///   later.
/// Only the master's own faults hurt; our own, and the caller's cancellation, are counted apart.
/// Source: circuit breaker with a probation of one trial (linkerd), passive ejection (Envoy).
/// Threads: none of its own. No clock: `now` never goes back (steady).
class health_state {
 public:
  using time_point = std::chrono::steady_clock::time_point;
  using kind = health_event::kind;
  struct counters {
    std::uint64_t answered = 0, failed = 0, saturated = 0, lost_races = 0, own_faults = 0, cancelled = 0;
  };
  static constexpr std::uint32_t full_share = 1024;

  explicit health_state(time_point now) noexcept : since_(now) {}

  void on(const health_event& e, time_point now, random& chance, const health_limits& limits);
  /// The trial under way, if any, will teach nothing about this: it is free again.
  void release_trial(time_point now) noexcept;

  health at(time_point now) const noexcept;
  time_point since(time_point now) const noexcept;  ///< when at(now) began
  /// The end of down, saturated or a drain that has one, or of the trial under way; nothing for the other states.
  std::optional<time_point> until(time_point now) const noexcept;
  /// Probation, and nobody is trying: a request or a probe may.
  bool trial_is_free(time_point now) const noexcept;
  /// How much of its weight it may carry (slow start): 1 to full_share.
  std::uint32_t share(time_point now, const health_limits& limits) const noexcept;
  /// When a status question is of use; nothing if none is.
  std::optional<time_point> probe_due(time_point now) const noexcept;

  std::uint32_t failures() const noexcept { return failures_; }      ///< in a row, since the last real answer
  std::uint32_t own_faults() const noexcept { return own_faults_; }  ///< likewise
  /// Of the last failure; kept after recovery. Of an own fault while it is up: else it says why it is not.
  const std::string& reason() const noexcept { return reason_; }
  const counters& counts() const noexcept { return counts_; }
  std::chrono::microseconds first_byte() const noexcept { return first_byte_; }  ///< moving mean; 0: none yet

 private:
  void let_time_pass(time_point now) noexcept;
  void enter(health next, time_point now) noexcept;
  void become_up(time_point now) noexcept;
  void become_down(time_point now, random& chance, const health_limits& limits);
  void become_saturated(const health_event& e, time_point now, const health_limits& limits) noexcept;
  void become_suspect(time_point now, random& chance, const health_limits& limits);
  void fail(const health_event& e, time_point now, random& chance, const health_limits& limits);
  void on_lost_race(time_point now, random& chance, const health_limits& limits);
  void answered(const health_event& e, time_point now) noexcept;
  void remember(std::string_view reason);

  health state_ = health::up;
  time_point since_;
  time_point until_;        ///< of down, saturated and draining
  time_point trial_until_;  ///< of down and probation: from then on a trial is free
  time_point next_probe_;   ///< of suspect and probation
  std::optional<time_point> recovered_;
  std::uint32_t failures_ = 0, own_faults_ = 0, times_down_ = 0;
  std::chrono::microseconds first_byte_{0};
  counters counts_;
  std::string reason_;
};

}  // namespace bunraku::policy
