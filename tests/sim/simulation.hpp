#pragma once
#include "invariants.hpp"
#include "world.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace sim {

/// What became of one seed.
struct history {
  std::optional<std::string> failure;
  invariants::counters counts;
  std::uint64_t events = 0;
  double seconds = 0;  ///< of virtual time
};

/// One agent's host, some masters, DNS and whatever goes wrong: all of it from `seed`. With `tracing`, every event is
/// printed.
history simulate(std::uint64_t seed, mutation broken, bool tracing);

}  // namespace sim
