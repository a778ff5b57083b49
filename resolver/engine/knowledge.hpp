#pragma once
#include "policy/health_table.hpp"
#include "policy/run_affinity.hpp"
#include "policy/selection.hpp"

#include <bunraku/outcome.hpp>
#include <bunraku/plan.hpp>
#include <bunraku/resolution.hpp>
#include <bunraku/run.hpp>

#include <boost/system/error_code.hpp>

#include <string_view>
#include <vector>

namespace bunraku::engine {

/// What this process has learned of masters, and the run that is on: the decisions of policy/ with the clock and the
/// chance they need. All knowledge comes from what was asked for; nothing is sent to learn more.
/// Threads: the loop's only.
class knowledge {
 public:
  explicit knowledge(std::uint64_t seed) : seed_(seed), chance_(seed) {}

  /// Adds a source's masters to a plan, best first: the run's own, then as RFC 2782 (or the list) says, and those that
  /// failed lately behind the others.
  void add_in_order(plan& into, const source_answer& from);

  void connect_failed(const master& who, service of, boost::system::error_code error, std::string_view reason);
  void lost_race(const master& who, service of);
  void report(const master& who, service of, const outcome& what);

  run_ticket begin_exchange(const endpoint& row, std::string_view target);
  void end_exchange(const run_ticket& ticket, const exchange_end& how);

  /// The masters may be others now: the run's choice is forgotten, what is known of each master is not.
  void reloaded(std::uint64_t seed);

 private:
  using clock = std::chrono::steady_clock;
  std::uint64_t seed_;
  policy::random chance_;
  policy::health_table health_;
  policy::run_affinity runs_;
  std::vector<policy::health_view> views_;  // kept for their memory
  std::vector<policy::pick> picks_;
};

}  // namespace bunraku::engine
