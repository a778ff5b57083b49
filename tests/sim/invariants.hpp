#pragma once
#include "exchange.hpp"
#include "preference.hpp"
#include "site.hpp"
#include "world.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace sim {

class daemon;

/// What must always be true, whatever goes wrong.
class invariants {
 public:
  invariants(world& of, const site& about);

  std::uint64_t next_exchange() noexcept { return ++exchanges_; }
  void begins();
  void ended(const story& s, daemon& through);
  /// The agent begins a run. Beside another one its requests cannot be told from those of that one.
  /// After one that died without a report, its first requests may still count as of the old one.
  void run_begins(bool alone, bool after_death) {
    preferred_.run_begins(alone && !after_death);
    catalog_from_.reset();
    alone_ = alone;
  }
  /// In the middle of a run: what the old process knew of it is lost.
  void process_stopped() {
    run_begins(false, false);
    preferred_.process_stopped();
    quiet_since_ = world_.now();
  }
  /// May such a packet leave now?
  bool may_send(packet what, daemon& through) const;
  /// After each thing that happens.
  void check(daemon& through);
  /// When all runs are over and long enough has passed.
  void check_idle(daemon& through);

  struct counters {
    std::uint64_t exchanges = 0, answered = 0, failed = 0, failovers = 0, questions = 0;
    std::uint64_t nobody_able = 0;  ///< failed: every master had a fault meanwhile
    std::uint64_t not_found = 0;    ///< failed: one had none, but DNS never named it

    std::map<std::string, std::uint64_t> excused;  ///< failed, although a master could have served: by reason
    void add(const counters& other);
  };
  const counters& counts() const noexcept { return counts_; }

 private:
  void check_answer(const story& s);
  void check_sent(const story& s);
  void check_health(daemon& through);
  void check_lag(const story& s);
  void check_success(const story& s, daemon& through);

  world& world_;
  const site& site_;
  std::uint64_t exchanges_ = 0;
  std::size_t under_way_ = 0;
  time_point quiet_since_ = beginning;
  std::optional<bunraku::master> catalog_from_;
  bool alone_ = true;
  preference preferred_;
  counters counts_;
};

}  // namespace sim
