#pragma once
#include "invariants.hpp"
#include "world.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sim {

/// What became of one seed.
struct history {
  std::optional<std::string> failure;
  invariants::counters counts;
  std::uint64_t events = 0, waits = 0;
  double seconds = 0;  ///< of virtual time
};

/// What else befalls the daemon, whenever the so many-th wait of it has begun; 0: nothing does.
struct interruption {
  enum class kind : std::uint8_t { client_leaves, process_stops } what = kind::client_leaves;
  std::uint64_t at = 0;
};

struct play {
  mutation broken = mutation::none;
  std::string_view expected = {};  ///< words of the rule that is to be broken; others do not count then
  bool tracing = false;            ///< every event is printed
  bool first_run_alone = false;
  interruption cancel = {};
};

/// One agent's host, some masters, DNS and whatever goes wrong: all of it from `seed`.
history simulate(std::uint64_t seed, const play& how);

}  // namespace sim
