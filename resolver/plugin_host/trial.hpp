#pragma once
#include "plugin_host/plugin_file.hpp"

#include <chrono>
#include <expected>
#include <string>
#include <vector>

namespace bunraku::plugin_host {

/// What a plugin says of itself.
struct trial_report {
  std::string version, about;
  std::vector<std::string> kinds;
};

/// Loads and makes a plugin in a process of its own, which then ends. Errors: it refused, crashed, left, or was not
/// done within `limit`. Blocking.
std::expected<trial_report, refusal> try_out(const std::string& path, const std::string& name,
                                             const std::string& settings, std::chrono::milliseconds limit);

}  // namespace bunraku::plugin_host
