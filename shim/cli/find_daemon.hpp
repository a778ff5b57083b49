#pragma once
#include "cli/verbs.hpp"

#include <string>

namespace shim::cli {

struct place_of_daemon {
  std::string socket;
  std::string doubt;  ///< why it may be elsewhere, one sentence; mostly empty
};
/// --socket, else what bunraku.toml says, as far as it can be read: a mistake elsewhere in it must not keep anybody
/// from the daemon.
place_of_daemon find_daemon(const invocation& with);

}  // namespace shim::cli
