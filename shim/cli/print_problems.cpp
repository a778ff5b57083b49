#include "cli/print_problems.hpp"

#include <ostream>

namespace shim::cli {

using bunraku::severity;

void print(std::ostream& to, const bunraku::problems& found) {
  for (const auto& p : found) {
    to << p.where() << (p.where().empty() ? "" : ": ") << (p.level() == severity::error ? "error: " : "warning: ")
       << p.what();
    // Those whose sentences have no full stop are told as one.
    if (!p.fix().empty()) to << (p.what().ends_with('.') ? " " : "; ") << p.fix();
    to << '\n';
  }
}

}  // namespace shim::cli
