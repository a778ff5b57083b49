#include "cli/print_problems.hpp"
#include "cli/verbs.hpp"
#include "daemon/daemon.hpp"
#include "log_spdlog.hpp"

#include <iostream>

namespace shim::cli {

int run(const invocation& with) {
  auto setup = daemon::load_setup(with);
  daemon::leg_identities who;
  if (setup.configuration && setup.site) {
    who = daemon::load_identities(*setup.configuration, *setup.site);
    setup.found.insert(setup.found.end(), who.found.begin(), who.found.end());
  }
  print(std::cerr, setup.found);
  if (has_error(setup.found)) {
    std::cerr << "bunraku: not started, because of the errors above.\n";
    return not_done;
  }
  daemon::daemon one(with, setup, who, std::make_shared<log_spdlog>(setup.configuration->log));
  const auto found = one.start(setup, who);
  print(std::cerr, found);
  if (has_error(found)) {
    std::cerr << "bunraku: not started, because of the errors above.\n";
    return not_done;
  }
  return one.run();
}

}  // namespace shim::cli
