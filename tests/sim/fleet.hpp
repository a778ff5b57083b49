#pragma once
#include "world.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace sim {

struct fleet_options {
  std::size_t agents = 50'000;
  std::uint64_t seed = 1;
  bool blackhole = false;  ///< how the lost master is lost: no answer at all, instead of refused connections
  mutation broken = mutation::none;
  bool quiet = false;  ///< prints nothing
};

/// Many agents at once, each with its own knowledge and answer book, and five masters of unequal weight, of which one
/// is lost for an hour. Prints what each master got and what each rule says of it; the rules that are broken.
std::vector<std::string> run_fleet(const fleet_options& how);

}  // namespace sim
