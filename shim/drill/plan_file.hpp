#pragma once
#include "drill/step.hpp"

#include <bunraku/problem.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace shim::drill {

/// A drill's own plan, in TOML: [[step]] with `scenario` and, as far as they are not the scenario's own, `lasts`,
/// `served`, `within` and `another`. `steps` is usable exactly when `found` holds no error.
struct plan_reading {
  std::vector<step> steps;
  bunraku::problems found;
};
/// Pure. Every problem at once, with file:line. `services` are those that there are.
plan_reading parse_plan(std::string_view text, const std::string& file, const std::vector<std::string>& services);

}  // namespace shim::drill
