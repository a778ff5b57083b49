#pragma once
#include <bunraku/problem.hpp>

#include <string>

namespace shim {

/// What is wrong and what to do, in one line. Those whose sentences have no full stop are told as one: "It is a
/// directory. Name a file.", "there is no PEM CRL in it; remove the file".
inline std::string problem_text(const bunraku::problem& p) {
  if (p.fix().empty()) return p.what();
  return p.what() + (p.what().ends_with('.') ? " " : "; ") + p.fix();
}

}  // namespace shim
