#pragma once
#include "policy/random.hpp"
#include "world.hpp"

#include <bunraku/options.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace sim {

/// The last octet of an address behind which nobody is.
inline constexpr std::uint8_t dead_address = 255;

/// What a seed says about the site, besides the hosts and the zone it put into the world.
struct site {
  std::string certname;
  std::vector<bunraku::service_options> services;  ///< what the daemon begins with
  std::vector<time_point> runs;                    ///< when the agent begins one
  std::uint64_t replay_bytes = 65u << 20;
  bool restarts = false;  ///< the daemon, between runs
  struct clock_jump {
    time_point at;
    duration ahead;
  };
  std::vector<clock_jump> clock_jumps;  ///< of the clock on the wall
  struct drain {
    bunraku::master who;
    time_point from, to;
    bool by_hand;  ///< the operator ends it, not its time
  };
  std::vector<drain> drains;  ///< at most one of each master
  struct reload {
    time_point at;
    std::vector<bunraku::service_options> services;
  };
  std::vector<reload> reloads;  ///< in order
  const std::vector<bunraku::service_options>& services_at(time_point now) const;
};

time_point between_times(bunraku::policy::random& chance, time_point least, time_point most);

/// Draws hosts, records and all that will go wrong with them.
site draw_site(world& into, bunraku::policy::random& chance);

/// Every master that all answers to this service's first source that knows any have named since the beginning, in each
/// configuration, and the questions which lead to them.
struct known_masters {
  std::vector<bunraku::master> always;
  std::vector<std::string> owner_names;  ///< empty: they are listed
};
known_masters masters_of(const world& in, const site& of, bunraku::service s);

}  // namespace sim
