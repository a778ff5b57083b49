#pragma once
#include "engine/discovery.hpp"
#include "policy/knowledge.hpp"

#include <bunraku/options.hpp>
#include <bunraku/snapshot.hpp>

#include <vector>

namespace bunraku::engine {

/// Puts together what the resolver's parts know at `now`, without changing any of it.
snapshot take_snapshot(const std::vector<service_options>& services, const discovery& names,
                       const policy::knowledge& learned, snapshot::time_point now);

}  // namespace bunraku::engine
