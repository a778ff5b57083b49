#pragma once
#include "policy/health_state.hpp"

#include <bunraku/health.hpp>
#include <bunraku/master.hpp>
#include <bunraku/service.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace bunraku::policy {

/// The number that the service with this one has from now on; gone_service: it is no more.
using renumbering = std::function<service(service)>;

/// What choosing needs to know of one master for one service. A master nobody ever spoke of is up.
struct health_view {
  health state = health::up;
  bool trial_is_free = false;                      ///< in probation only
  std::uint32_t share = health_state::full_share;  ///< slow start, 1 to full_share
  std::optional<health_state::time_point> until;   ///< of down, saturated, draining
};

/// One line of `status` and `explain`.
struct health_line {
  master who;
  std::optional<bunraku::service> of;  ///< nothing: the master as a whole, whatever the service
  health state;
  health_state::time_point since;
  std::optional<health_state::time_point> until;
  std::uint32_t failures, own_faults;  ///< in a row
  std::string reason;                  ///< of the last failure, perhaps long ago
  health_state::counters counts;
  std::chrono::microseconds first_byte;
  std::uint32_t share;
};

/// A status question that should be asked now.
struct probe_wanted {
  master who;
  bunraku::service of;
};

/// The health of all masters, by host and port, so that a changed priority or weight forgets nothing.
/// Model:   two layers. What says whether a master can be reached (connections, certificates, races, the operator)
///          belongs to the master as a whole and counts for every service; what it does with a request belongs to that
///          service: a broken catalog compiler may serve files well. A master is as healthy for a service as the worse
///          of both says. An answer is good news for both layers, and any complete HTTP answer, even an error, shows
///          that the master can be reached.
/// Bounds:  `capacity` masters, the one longest not asked about is forgotten (drained ones last); at most 64 services
///          of a master.
/// Threads: one at a time. No timers: ask `next_probe` while a run is on, and only then.
class health_table {
 public:
  using time_point = health_state::time_point;

  explicit health_table(health_limits limits = {}, std::size_t capacity = 4096)
      : limits_(limits), capacity_(capacity == 0 ? 1 : capacity) {}

  void report(const master& who, service of, const health_event& e, time_point now, random& chance);

  /// A TCP connection stood after so long.
  void reached(const master& who, service of, std::chrono::microseconds after, time_point now);
  /// Its moving mean; 0 while there is none. Bounded by 10 s.
  std::chrono::microseconds round_trip(const master& who) const noexcept;

  /// For choosing: notes that the master is still of interest, and what for: so it is asked if a status is.
  health_view consult(const master& who, service of, time_point now) noexcept;
  /// The same for onlookers.
  health_view look(const master& who, service of, time_point now) const noexcept;

  /// What was learned for a service goes with it, to its new number or away. Masters that were last asked about for one
  /// that is gone are not probed until they are asked about again.
  void renumber(const renumbering& to);

  /// The operator wants no new runs on it, whatever else is the matter with it.
  bool is_drained(const master& who, time_point now) const noexcept;

  /// Status questions that are due, at most `most`; each counts as begun. Its result is reported as probe_answered,
  /// probe_failed or connect_failed. Only masters that were consulted during the last 15 minutes are asked.
  std::vector<probe_wanted> take_due_probes(time_point now, random& chance, std::size_t most = 8);
  /// When take_due_probes will have something; nothing if it will not.
  std::optional<time_point> next_probe(time_point now) const noexcept;

  /// Every state of every master, ordered by master; the master as a whole first.
  std::vector<health_line> snapshot(time_point now) const;

  std::size_t size() const noexcept { return entries_.size(); }
  const health_limits& limits() const noexcept { return limits_; }

 private:
  struct entry {
    health_state whole;
    std::vector<std::pair<service, health_state>> services;
    service last_service;  // that it was consulted or told about for
    time_point seen;       // when it was last consulted; what is learned of it is no interest in it
    std::chrono::microseconds round_trip{0};
  };
  struct hash {
    std::size_t operator()(const master& m) const noexcept { return std::hash<std::string>{}(m.host()) ^ m.port(); }
  };

  entry& entry_of(const master& who, service of, time_point now);
  static health_state* service_state(entry& e, service of) noexcept;
  static const health_state* service_state(const entry& e, service of) noexcept;
  struct due_probe {
    time_point at;
    service of;
  };
  static std::optional<due_probe> probe_of(const entry& e, time_point now) noexcept;
  static bool is_in_doubt(const entry& e, time_point now) noexcept;
  health_view view(const entry& e, service of, time_point now) const noexcept;
  health_line line(const master& who, std::optional<service> of, const health_state& s, time_point now) const;
  void forget_one(time_point now);

  health_limits limits_;
  std::size_t capacity_;
  bool doubts_ = false;  // in some master: mostly there are none, and next_probe is asked for each request
  std::unordered_map<master, entry, hash> entries_;
};

}  // namespace bunraku::policy
