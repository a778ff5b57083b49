#include "doctor/finding.hpp"

#include <algorithm>
#include <array>
#include <iterator>

namespace shim::doctor {

std::vector<finding> diagnose(const facts& of) {
  static constexpr std::array<check_function, 6> checks{check_files, check_puppet_settings, check_way_in,
                                                        check_node,  check_names,           check_masters};
  std::vector<finding> found, sorted;
  for (const auto check : checks) check(of, found);
  for (const auto level : {gravity::error, gravity::warning, gravity::note})
    std::ranges::copy_if(found, std::back_inserter(sorted), [level](const finding& f) { return f.level == level; });
  return sorted;
}

}  // namespace shim::doctor
