#pragma once
#include "exchange.hpp"
#include "site.hpp"
#include "world.hpp"

#include <bunraku/master.hpp>
#include <bunraku/service.hpp>

#include <optional>
#include <string>

namespace sim {

/// Where each request of a run has to go first, worked out a second time and from nothing but the site: to the run's
/// own master, and at the begin of a run to the one that this node prefers.
class preference {
 public:
  preference(world& of, const site& about);

  /// The agent begins a run. Beside another one its requests cannot be told from those of that one.
  void run_begins(bool alone) {
    pins_[0] = pins_[1] = std::nullopt;
    taken_along_[0] = taken_along_[1] = false;
    alone_ = alone;
  }
  /// What was drained is not, for the next process.
  void process_stopped() noexcept { forgotten_ = true; }
  /// What is wrong with where this exchange went; empty: nothing.
  std::string objection(const story& s) const;
  void ended(const story& s);

 private:
  const std::optional<bunraku::master>* pinned(bunraku::service s) const noexcept;
  std::optional<bunraku::master> preferred(bunraku::service s) const;
  bool is_blameless(const bunraku::master& who, time_point until) const;
  bool is_far(const bunraku::master& who) const;
  bool is_drained(const bunraku::master& who, const story& s) const;
  bool may_be_drained(const bunraku::master& who, const story& s) const;
  std::string objection_to_drained(const story& s) const;

  world& world_;
  const site& site_;
  bool undisturbed_;  // nothing will ever be wrong with anybody
  bool alone_ = true;
  bool forgotten_;
  std::optional<bunraku::master> pins_[2];  // of catalog and files
  bool taken_along_[2] = {};                // by the other one's move, and not asked there yet
};

}  // namespace sim
