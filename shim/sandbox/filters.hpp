#pragma once
#include <cstddef>
#include <linux/filter.h>
#include <optional>
#include <span>

namespace shim::sandbox {

/// Whose code is in the process besides the daemon's.
enum class company { none, token, plugins };

/// What the kernel runs for each system call (seccomp(2)), for the architecture that it was built for. It names the
/// numbers of others as wrong ones, and those end the process.
struct filter {
  std::span<const sock_filter> instructions;
  std::optional<std::size_t> own_pid;  ///< whose `k` the process's own number belongs in
};

/// The build makes it (filters/make.cpp has the lists); libseccomp is not there when it is used. With plugins it is
/// enough for a token too.
filter filter_for(company with);

}  // namespace shim::sandbox
