#pragma once
#include <string>

namespace shim::sandbox {

/// Gives up every capability but that of reading files whoever owns them (the key may be replaced by one of the user
/// puppet's) and, if asked for, that of binding ports below 1024: from the effective, permitted, inheritable, ambient
/// and bounding sets. One that this process did not have is not gained.
/// Returns what the kernel refused, empty if nothing. Of the calling thread.
std::string give_up_capabilities(bool keep_low_ports);

/// No program that this process starts gains anything, by set-uid bits or file capabilities. Empty if done.
std::string give_up_new_privileges();

/// No core dump, and no other user may attach a debugger or read /proc/PID/mem. To be called before secrets are read.
/// Root's debugger still can. No effect in builds with sanitizers, whose leak check attaches to its own process.
void hide_memory();

}  // namespace shim::sandbox
