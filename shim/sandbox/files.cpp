#include "sandbox/files.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace shim::sandbox {
namespace {

// The kernel headers of Debian 12 end with Linux 6.1.
constexpr std::uint64_t truncate = 1ULL << 14, ioctl_dev = 1ULL << 15;  // since Landlock's versions 3 and 5

constexpr std::uint64_t read_file = LANDLOCK_ACCESS_FS_READ_FILE;
constexpr std::uint64_t reading = read_file | LANDLOCK_ACCESS_FS_READ_DIR;
constexpr std::uint64_t writing = reading | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG |
                                  LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_REMOVE_FILE | truncate;
// What a key's module may do with the files that were named for it.
constexpr std::uint64_t anything = writing | ioctl_dev | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_REMOVE_DIR |
                                   LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_SYM;
constexpr std::uint64_t of_files = read_file | LANDLOCK_ACCESS_FS_WRITE_FILE | truncate | ioctl_dev;

struct descriptor {
  int fd;
  explicit descriptor(long opened) noexcept : fd(static_cast<int>(opened)) {}
  ~descriptor() {
    if (fd >= 0) ::close(fd);
  }
  descriptor(const descriptor&) = delete;
  descriptor& operator=(const descriptor&) = delete;
};

/// All that this kernel can restrict.
std::uint64_t all_rights(long version) {
  std::uint64_t all = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1;
  if (version >= 2) all |= LANDLOCK_ACCESS_FS_REFER;
  if (version >= 3) all |= truncate;
  if (version >= 5) all |= ioctl_dev;
  return all;
}

std::string failed(const std::string& what) { return what + ": " + std::strerror(errno); }

std::string grant(int ruleset, const std::string& path, std::uint64_t rights) {
  const descriptor place(::open(path.c_str(), O_PATH | O_CLOEXEC));
  struct stat about{};
  if (place.fd < 0 || ::fstat(place.fd, &about) != 0) return failed("cannot open " + path);
  landlock_path_beneath_attr rule{};
  rule.allowed_access = S_ISDIR(about.st_mode) ? rights : rights & of_files;
  rule.parent_fd = place.fd;
  if (::syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0) return {};
  return failed("cannot allow " + path);
}

/// What is only read may come into being later: that is allowed from the nearest directory that exists on. Where there
/// is nothing to write in yet, there is nothing to allow.
std::string grant_all(int ruleset, const std::vector<std::string>& places, std::uint64_t rights) {
  for (const auto& one : places) {
    const auto path = nearest_existing(one);
    if (rights != reading && path != one) continue;
    if (auto why = grant(ruleset, path, rights); !why.empty()) return why;
  }
  return {};
}

}  // namespace

std::string confine_files(const needs& what) {
  const long version = ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  if (version < 1)
    return errno == EOPNOTSUPP ? "Landlock is turned off in this kernel (its lsm= parameter)"
                               : failed("this kernel has no Landlock");
  landlock_ruleset_attr attributes{};
  attributes.handled_access_fs = all_rights(version);
  const descriptor ruleset(::syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes, 0));
  if (ruleset.fd < 0) return failed("Landlock makes no ruleset");
  const auto handled = attributes.handled_access_fs;
  auto why = grant_all(ruleset.fd, what.read, reading & handled);
  if (why.empty()) why = grant_all(ruleset.fd, what.write, writing & handled);
  if (why.empty()) why = grant_all(ruleset.fd, what.foreign, anything & handled);
  if (!why.empty()) return "Landlock: " + why;
  if (::syscall(SYS_landlock_restrict_self, ruleset.fd, 0) != 0) return failed("Landlock restricts nothing");
  return {};
}

}  // namespace shim::sandbox
