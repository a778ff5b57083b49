#include "admin/metrics.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace shim::admin {
namespace {

constexpr mode_t for_everybody_to_read = 0644;

bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

}  // namespace

std::string write_textfile(const std::string& path, const std::string& text) {
  // The collector reads *.prom alone, so this one is not seen. O_NOFOLLOW and O_EXCL: its directory may be writable for
  // others than us.
  const std::string beside = path + ".new";
  ::unlink(beside.c_str());
  const int fd = ::open(beside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, for_everybody_to_read);
  if (fd < 0) return std::string("cannot make ") + beside + ": " + std::strerror(errno);
  bool done = ::fchmod(fd, for_everybody_to_read) == 0 && write_all(fd, text);
  int error = errno;
  if (::close(fd) != 0 && done) done = false, error = errno;
  if (done && ::rename(beside.c_str(), path.c_str()) == 0) return {};
  if (done) error = errno;
  ::unlink(beside.c_str());
  return std::string("cannot write ") + path + ": " + std::strerror(error);
}

}  // namespace shim::admin
