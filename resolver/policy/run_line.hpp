#pragma once
#include "policy/run_affinity.hpp"

#include <chrono>
#include <functional>
#include <string>
#include <string_view>

namespace bunraku::policy {

/// One line for the log about a run that is over: "run over end=report requests=412 unserved=0 failovers=1 moves=1
/// up=31744 down=1204331 seconds=24.8 lost_s=0.2 spared_s=0.0 catalog=compile1.example.com:8140*2 files=..." with how
/// often each master answered, per service, the busiest first. `name` gives a service's name. Before them `lost_s` is
/// what was spent on masters that did not answer, and `spared_s` what an agent alone would have waited for silent ones
/// beyond that: `patience` (http_connect_timeout) for each service that met one, an estimate that takes a master for
/// silent when another one was connected before it.
std::string line_of(const run_summary& run, std::chrono::seconds patience,
                    const std::function<std::string_view(service)>& name);
/// Of that estimate.
std::chrono::microseconds spared_in(const run_summary& run, std::chrono::seconds patience) noexcept;

}  // namespace bunraku::policy
