#pragma once
#include "drill/step.hpp"

#include <bunraku/problem.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace shim::drill {

/// A drill's own plan, in TOML: [[step]] with `scenario` and, as far as they are not the scenario's own, `lasts`,
/// `served`, `within`, `another`, `traffic`, `file` and `start`; `start` above them is the first one's. `steps` is
/// usable exactly when `found` holds no error.
struct plan_reading {
  std::vector<step> steps;
  bunraku::problems found;
};
/// How a plan's times are written: "2026-12-01T02:00:00Z".
std::string to_string(std::chrono::sys_seconds moment);
/// Pure. Every problem at once, with file:line. `services` are those that there are.
plan_reading parse_plan(std::string_view text, const std::string& file, const std::vector<std::string>& services,
                        std::chrono::sys_seconds now);
/// What is wrong with a file to download, as a sentence; nothing: "modules/MODULE/PATH" or "plugins/PATH".
std::optional<std::string> refuse_file(std::string_view named);

}  // namespace shim::drill
