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
  enum class end : std::uint8_t {
    orderly,
    killed,        ///< what was not written yet is lost
    file_damaged,  ///< killed, and so is what was
  };
  /// A new process; it knows what DNS said from the file the old one left.
  void restart(end how);
  /// A process that was told to end still does something, other than what its clients wait for.
  bool has_restless_leftovers() const;
  /// Every client that waits for an answer goes away.
  void clients_leave();
  resolver& with() noexcept { return processes_.back().with; }
  pool& idle() noexcept { return processes_.back().idle; }
  forwarding& shared() noexcept { return processes_.back().shared; }
  std::uint64_t restarts() const noexcept { return processes_.size() - 1; }

 private:
  struct process {
    process(world& of, const site& about, answer_disk& disk, std::uint64_t seed);
    resolver with;
    pool idle;
    forwarding shared;
  };
  world& world_;
  const site& site_;
  std::uint64_t seed_;
  answer_disk disk_;
  time_point restarted_ = beginning;
  std::list<process> processes_;  // connections that lost their race may still know an old one
};

}  // namespace sim
