#pragma once
#include "engine/discovery.hpp"
#include "engine/ordering.hpp"
#include "policy/knowledge.hpp"

#include <bunraku/options.hpp>
#include <bunraku/snapshot.hpp>

#include <chrono>
#include <vector>

namespace bunraku::engine {

/// Puts together what the resolver's parts know at `now`, without changing any of it.
snapshot take_snapshot(const std::vector<service_options>& services, const discovery& names,
                       const policy::knowledge& learned, const ordering& orders, std::chrono::seconds patience,
                       snapshot::time_point now);

/// A run for whoever looks; `patience` as in policy::spared_in.
snapshot::run_view view_of(const policy::run_summary& from, std::chrono::seconds patience);

}  // namespace bunraku::engine
