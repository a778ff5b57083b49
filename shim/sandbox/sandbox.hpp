#pragma once
#include "sandbox/needs.hpp"

#include <bunraku/problem.hpp>

#include <string>

namespace shim::sandbox {

/// What holds for the process now.
struct confinement {
  needs granted;
  /// For the ready line and `status`: "capabilities no-new-privileges landlock seccomp" as far as they are there;
  /// "none".
  std::string description = "none";
  bool files = false;  ///< Landlock holds: what is not in `granted` cannot be reached
  bool caps = false;   ///< capabilities are given up
  bool calls = false;  ///< system calls are filtered
};

/// Gives up all that a standing daemon does not need, for good. Each part that the kernel refuses is left out and told,
/// in one warning; the process can go on. To be called by the only thread, once everything is open.
confinement enter(const needs& what, bunraku::problems& found);

/// Errors for what a new configuration would need and the process cannot get any more; else nothing.
bunraku::problems refusals(const confinement& now, const needs& wanted);

}  // namespace shim::sandbox
