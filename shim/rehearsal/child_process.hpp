#pragma once
#include <chrono>
#include <functional>
#include <string>
#include <vector>

namespace shim::rehearsal {

/// How another program ended.
struct child_end {
  int status = -1;     ///< exit status; -1: a signal, or it could not be started
  bool late = false;   ///< it took longer than it may, and was ended
  std::string output;  ///< standard output and error, at most 8 MiB
};

/// Runs it to its end, in a process group of its own, without a terminal and without what leads HTTP or Ruby elsewhere
/// (`*_proxy`, RUBYOPT). When `interrupted` (asked ten times a second), after `limit`, or when we die, it is ended.
child_end run_child(const std::vector<std::string>& command, std::chrono::seconds limit,
                    const std::function<bool()>& interrupted);

/// The program's path by PATH, and then in `more`; empty: there is none.
std::string find_program(const std::string& name, const std::vector<std::string>& more);

}  // namespace shim::rehearsal
