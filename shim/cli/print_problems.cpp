#include "cli/print_problems.hpp"

#include "problem_text.hpp"

#include <ostream>

namespace shim::cli {

using bunraku::severity;

void print(std::ostream& to, const bunraku::problems& found) {
  for (const auto& p : found) {
    to << p.where() << (p.where().empty() ? "" : ": ") << (p.level() == severity::error ? "error: " : "warning: ")
       << problem_text(p) << '\n';
  }
}

}  // namespace shim::cli
