#pragma once
#include "sandbox/needs.hpp"

#include <string>

namespace shim::sandbox {

/// From now on the kernel answers every system call that is not on the list with EPERM (newer ones than the list knows
/// with ENOSYS, as an older kernel would, so that the C library falls back), in all threads. Needs no_new_privs or
/// CAP_SYS_ADMIN. A token leaves what PKCS#11 modules commonly need (threads, locks, devices); plugins leave threads,
/// and processes without another program in them, and ending those. Returns what failed, empty if nothing; then there
/// is no filter at all.
std::string filter_system_calls(const needs& what);

}  // namespace shim::sandbox
