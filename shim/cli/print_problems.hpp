#pragma once
#include <bunraku/problem.hpp>

#include <iosfwd>

namespace shim::cli {

/// "file:line: error: what fix", one line each.
void print(std::ostream& to, const bunraku::problems& found);

}  // namespace shim::cli
