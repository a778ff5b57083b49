#pragma once
#include "policy/run_affinity.hpp"

#include <functional>
#include <string>
#include <string_view>

namespace bunraku::policy {

/// One line for the log about a run that is over: "run over end=report requests=412 unserved=0 failovers=1 moves=1
/// up=31744 down=1204331 seconds=24.8 catalog=compile1.example.com:8140*2 files=..." with how often each master
/// answered, per service, the busiest first. `name` gives a service's name.
std::string line_of(const run_summary& run, const std::function<std::string_view(service)>& name);

}  // namespace bunraku::policy
