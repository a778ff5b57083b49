#pragma once
#include "sandbox/needs.hpp"

#include <string>

namespace shim::sandbox {

/// From now on this thread, and what it starts, reads and writes no files but those that `what` names; descriptors that
/// are open stay usable. By Landlock: needs no_new_privs or CAP_SYS_ADMIN, and Linux 5.13.
/// Returns what failed, empty if nothing; then nothing is restricted.
std::string confine_files(const needs& what);

}  // namespace shim::sandbox
