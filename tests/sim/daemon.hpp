#pragma once
#include "exchange.hpp"
#include "pool.hpp"
#include "resolver.hpp"
#include "site.hpp"

#include <cstdint>
#include <list>

namespace sim {

/// The daemon as the agent sees it, over its restarts.
class daemon {
 public:
  daemon(world& of, const site& about, std::uint64_t seed);
  /// A new process; it knows what DNS said from the file the old one left. `wall_error`: how far the clock on the wall
  /// jumped since.
  void restart(duration wall_error);
  resolver& with() noexcept { return processes_.back().with; }
  pool& idle() noexcept { return processes_.back().idle; }
  forwarding& shared() noexcept { return processes_.back().shared; }
  std::uint64_t restarts() const noexcept { return processes_.size() - 1; }

 private:
  struct process {
    process(world& of, const site& about, std::uint64_t seed);
    resolver with;
    pool idle;
    forwarding shared;
  };
  world& world_;
  const site& site_;
  std::uint64_t seed_;
  std::list<process> processes_;  // connections that lost their race may still know an old one
};

}  // namespace sim
