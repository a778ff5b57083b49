#include "cli/print_check.hpp"
#include "cli/print_problems.hpp"
#include "cli/verbs.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <iostream>

namespace shim::cli {

int check(const invocation& with) {
  auto made = daemon::load_setup(with);
  daemon::leg_identities legs;
  if (made.configuration && made.site) legs = daemon::load_identities(*made.configuration, *made.site);
  made.found.insert(made.found.end(), legs.found.begin(), legs.found.end());
  std::vector<bunraku::plugin_facts> plugins;
  if (made.configuration) {
    plugins = bunraku::check_plugins(daemon::plugins_of(*made.configuration), made.found);
    const auto misplaced = daemon::misplaced_plugins(*made.configuration, plugins);
    made.found.insert(made.found.end(), misplaced.begin(), misplaced.end());
  }
  if (with.json) {
    std::cout << boost::json::serialize(to_json(made, legs, plugins)) << '\n';
    return bunraku::has_error(made.found) ? not_done : good;
  }
  // Problems are what was asked for here, so they go where the answer goes, and before a table that may be long.
  print(std::cout, made.found);
  if (made.sound) {
    if (!made.found.empty()) std::cout << '\n';
    print(std::cout, made, legs, plugins);
  }
  const auto errors = std::ranges::count_if(
      made.found, [](const bunraku::problem& p) { return p.level() == bunraku::severity::error; });
  const auto warnings = static_cast<std::ptrdiff_t>(made.found.size()) - errors;
  std::cout << '\n'
            << errors << (errors == 1 ? " error, " : " errors, ") << warnings
            << (warnings == 1 ? " warning\n" : " warnings\n");
  return errors == 0 ? good : not_done;
}

}  // namespace shim::cli
