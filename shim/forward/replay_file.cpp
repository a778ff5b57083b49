#include "forward/replay_file.hpp"

#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace shim::forward {
namespace {

std::error_code last_error() noexcept { return {errno, std::generic_category()}; }

/// For file systems without O_TMPFILE (NFS, old overlays): has a name for a moment.
int create_and_unlink(const std::string& directory) {
  std::string name = directory + "/bunraku-replay-XXXXXX";
  const int fd = ::mkostemp(name.data(), O_CLOEXEC);  // 0600
  if (fd >= 0) ::unlink(name.c_str());
  return fd;
}

}  // namespace

std::expected<replay_file, std::error_code> replay_file::create_in(const std::string& directory) {
  int fd = ::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC | O_EXCL, S_IRUSR | S_IWUSR);
  if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL)) fd = create_and_unlink(directory);
  if (fd < 0) return std::unexpected(last_error());
  return replay_file(fd);
}

replay_file::replay_file(replay_file&& other) noexcept : fd_(std::exchange(other.fd_, -1)), size_(other.size_) {}

replay_file& replay_file::operator=(replay_file&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(size_, other.size_);
  return *this;
}

replay_file::~replay_file() {
  if (fd_ >= 0) ::close(fd_);
}

std::error_code replay_file::append(std::string_view bytes) noexcept {
  while (!bytes.empty()) {
    const auto n = ::pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(size_));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return last_error();
    if (n == 0) return std::make_error_code(std::errc::no_space_on_device);
    bytes.remove_prefix(static_cast<std::size_t>(n));
    size_ += static_cast<std::uint64_t>(n);
  }
  return {};
}

std::expected<std::size_t, std::error_code> replay_file::read(std::uint64_t offset,
                                                              std::span<char> into) const noexcept {
  for (;;) {
    const auto n = ::pread(fd_, into.data(), into.size(), static_cast<off_t>(offset));
    if (n >= 0) return static_cast<std::size_t>(n);
    if (errno != EINTR) return std::unexpected(last_error());
  }
}

std::string replay_directory() {
  // systemd.exec(5): several directories are separated by colons.
  for (const char* variable : {"STATE_DIRECTORY", "TMPDIR"}) {
    const char* value = std::getenv(variable);
    if (value == nullptr || value[0] != '/') continue;
    const std::string_view all(value);
    return std::string(std::string_view(variable) == "TMPDIR" ? all : all.substr(0, all.find(':')));
  }
  return "/var/tmp";
}

}  // namespace shim::forward
