#pragma once
#include "cli/verbs.hpp"
#include "drill/step.hpp"

#include <string>
#include <vector>

namespace shim::cli {

// Faults that are held in the running daemon, which is asked over its control socket.

/// The name of one that is on; empty: none is, or there is no daemon to have one.
std::string held_now(const std::string& socket);
/// Ends all that is held, whatever is wrong with the configuration.
int end_held(const invocation& with);
/// The one step of `steps`, for the time of --for.
int hold(const invocation& with, const std::string& socket, const std::vector<drill::step>& steps);

}  // namespace shim::cli
