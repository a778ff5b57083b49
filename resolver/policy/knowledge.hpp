#pragma once
#include "policy/health_table.hpp"
#include "policy/overdue.hpp"
#include "policy/random.hpp"
#include "policy/retry_budget.hpp"
#include "policy/run_affinity.hpp"
#include "policy/selection.hpp"

#include <bunraku/outcome.hpp>
#include <bunraku/plan.hpp>
#include <bunraku/resolution.hpp>
#include <bunraku/run.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace bunraku::policy {

/// What this process has learned of masters, the run that is on, and what it may still ask for: every decision a
/// resolver makes between two packets. All knowledge comes from what was asked for; what is worth a question of its own
/// is said by `take_due_probes`, and only while a run is on.
/// Threads: one at a time. No clock and no timers: `now` is the caller's, and never goes back.
class knowledge {
 public:
  using time_point = health_state::time_point;

  /// `certname` decides which master of a priority this node prefers; empty: chance does, each time anew.
  knowledge(std::string_view certname, random chance) : chance_(chance) { reloaded(certname); }

  /// Adds a source's masters to a plan, best first: the run's own, then by priority, health and preference.
  /// `given`: what a policy that is not built in thinks of each of them (see selection); empty: nothing.
  void add_in_order(plan& into, const source_answer& from, time_point now, bool exchangeable = false,
                    std::span<const std::int64_t> given = {});
  /// The order as it would be now, for that policy. Changes nothing. Valid until the next call.
  const std::vector<pick>& look_at_order(service of, std::span<const master> masters, time_point now);

  /// After each source that was added: does the plan begin with a master that is not known to be down, so that no
  /// further source needs to be asked? Those of earlier sources that are down come last then, and if that master is in
  /// probation, its trial is this plan's. `down`: how many of those left are down; 0 before the first source.
  bool is_worth_trying(plan& so_far, std::size_t& down, time_point now);

  /// A connection is about to be tried, or a request to be sent on one: a master in probation has its trial now.
  void trying(const master& who, service of, time_point now);
  /// No connection: `why` is connect_failed, bad_certificate, own_fault or cancelled.
  void connect_failed(const master& who, service of, health_event::kind why, std::string_view reason, time_point now);
  void lost_race(const master& who, service of, time_point now);
  /// What became of a request; teaches `overdue_after` too, if the outcome names its endpoint.
  void report(const master& who, service of, const outcome& what, time_point now);

  /// A TCP connection with it stood after so long: one round trip.
  void reached(const master& who, service of, std::chrono::microseconds after, time_point now) {
    health_.reached(who, of, after, now);
  }
  /// How long a status question's connection, handshake and answer may each take before the master counts as hanging:
  /// `least`, or three of its round trips, since a handshake may take two.
  std::chrono::milliseconds patience_with(const master& who, std::chrono::milliseconds least) const noexcept;
  /// The answer to a status question that an overdue answer caused. `why` as in connect_failed, or hangs; nothing: it
  /// lives, which says nothing about the request.
  void status_told(const master& who, service of, std::optional<health_event::kind> why, std::string_view reason,
                   time_point now);
  /// The wait for an answer's first byte, from the request's last, after which its master should be asked whether it
  /// lives; `asked`: how often it was for this request, and said that it does.
  std::chrono::microseconds overdue_after(const endpoint& row, std::uint32_t asked) const noexcept {
    return overdue_.after(row, asked);
  }

  /// May a further attempt be sent to a master now? If so, it is charged.
  bool spend_retry(time_point now) noexcept { return retries_.spend(now); }
  std::uint32_t retries_left(time_point now) const noexcept;

  run_ticket begin_exchange(const endpoint& row, std::string_view target, time_point now);
  void end_exchange(const run_ticket& ticket, const exchange_end& how, time_point now);
  /// Who compiled the catalog of the run this ticket belongs to; null if unknown. Valid until the next change.
  const master* catalog_master(const run_ticket& ticket) const noexcept;
  /// A run that is over and was not yet taken, oldest first. Sees idleness.
  std::optional<run_summary> take_finished(time_point now) { return runs_.take_finished(now); }

  /// Status questions that are due; none while no run is on. Each counts as begun until `probe_told`.
  std::vector<probe_wanted> take_due_probes(time_point now, std::size_t most = 8);
  /// When take_due_probes will have something if nothing else happens; nothing if it will not.
  std::optional<time_point> next_probe(time_point now) const noexcept;
  /// The answer to one of them. `what` is probe_answered, probe_failed, or as in connect_failed.
  void probe_told(const master& who, service of, health_event::kind what, std::string_view reason, time_point now);

  /// The operator wants no new runs on it, for so long; 0: until undrain.
  void drain(const master& who, std::chrono::seconds lasts, time_point now);
  bool undrain(const master& who, time_point now);  ///< false: it was not drained

  /// A configuration was read anew. What is known of each master stays, and so does the run: its masters are only
  /// preferred, so one that is no longer listed is no longer asked.
  void reloaded(std::string_view certname);
  /// It brought other numbers: what was learned of a service follows it, or goes with it.
  void renumber(const renumbering& to);
  /// Changes with each `renumber`: a number from before may mean another service now.
  std::uint64_t numbering() const noexcept { return numbering_; }
  /// What began for the service with the number `of`, when numbering() was `then`, is told under this one. Puppet's own
  /// keep theirs.
  service told_for(service of, std::uint64_t then) const noexcept {
    return then == numbering_ || index_of(of) < first_further_service ? of : gone_service;
  }

  /// A number by chance.
  std::uint64_t any_number() { return chance_.next(); }

  const health_table& health() const noexcept { return health_; }
  const run_affinity& runs() const noexcept { return runs_; }
  std::size_t open_exchanges() const noexcept { return open_exchanges_; }
  /// Which preference this node has: rendezvous_key(certname); nothing without a certname.
  std::optional<std::uint64_t> key() const noexcept { return key_; }

 private:
  bool is_down(const master& who, service of, time_point now) const noexcept;

  std::optional<std::uint64_t> key_;
  random chance_;
  health_table health_;
  run_affinity runs_;
  overdue overdue_;
  retry_budget retries_;
  std::size_t open_exchanges_ = 0;
  std::uint64_t numbering_ = 0;
  std::vector<health_view> views_;  // kept for their memory
  std::vector<pick> picks_;
};

}  // namespace bunraku::policy
