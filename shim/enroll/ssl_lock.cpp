#include "enroll/ssl_lock.hpp"

#include "enroll/decisions.hpp"

#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <iterator>
#include <sys/file.h>
#include <sys/prctl.h>
#include <unistd.h>

namespace shim::enroll {
namespace {

using bunraku::problem;
using bunraku::severity;

constexpr const char* own_name = "bunraku";
constexpr const char* name_for_puppet = "bunraku-puppet";

/// Keeps two of us apart between looking at a lock and taking it.
class exclusion {
 public:
  explicit exclusion(const std::string& folder) : fd_(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
    while (fd_ >= 0 && ::flock(fd_, LOCK_EX) != 0 && errno == EINTR) {
    }
  }
  ~exclusion() {
    if (fd_ >= 0) ::close(fd_);
  }
  exclusion(const exclusion&) = delete;
  exclusion& operator=(const exclusion&) = delete;

 private:
  int fd_;
};

std::string text_of(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  std::string text(std::istreambuf_iterator<char>(in), {});
  while (text.ends_with('\n') || text.ends_with('\0')) text.pop_back();
  for (char& c : text)
    if (c == '\0') c = ' ';
  return text;
}

pid_t pid_in(const std::string& lock) {
  const auto text = text_of(lock);
  pid_t pid = 0;
  const auto [end, bad] = std::from_chars(text.data(), text.data() + text.size(), pid);
  return bad == std::errc{} && end == text.data() + text.size() && pid > 0 ? pid : 0;
}

bool is_held_by(pid_t pid) {
  if (pid == 0 || (::kill(pid, 0) != 0 && errno == ESRCH)) return false;
  const auto folder = "/proc/" + std::to_string(pid);
  return holds_lock_for_puppet(text_of(folder + "/comm"), text_of(folder + "/cmdline"));
}

problem cannot(const std::string& path, int error) {
  return {severity::error, path, std::string("the lock cannot be made: ") + std::strerror(error),
          error == ENOSPC || error == EDQUOT ? "make room on that file system and run this again"
                                             : "run this as root, or as the user that the agent runs as"};
}

}  // namespace

failure ssl_lock::take() {
  const auto slash = path_.rfind('/');
  const exclusion alone(slash == path_.npos ? "." : path_.substr(0, slash));
  if (is_there(path_)) {
    const pid_t holder = pid_in(path_);
    anothers_ = is_held_by(holder);
    if (anothers_)
      return problem(severity::error, path_,
                     "another Puppet is changing this node's certificates: process " + std::to_string(holder) + ", `" +
                         text_of("/proc/" + std::to_string(holder) + "/cmdline").substr(0, 100) + "`",
                     "wait until it has ended, or end it");
    ::unlink(path_.c_str());
  }
  // It comes into being with the pid in it: Puppet takes an empty one for stale.
  const std::string fresh = path_ + ".bunraku-new", pid = std::to_string(::getpid());
  ::unlink(fresh.c_str());
  const int fd = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
  if (fd < 0) return cannot(path_, errno);
  ::prctl(PR_SET_NAME, name_for_puppet);
  const bool wrote = ::write(fd, pid.data(), pid.size()) == static_cast<ssize_t>(pid.size());
  held_ = wrote && ::link(fresh.c_str(), path_.c_str()) == 0;
  const int error = errno;
  ::close(fd);
  ::unlink(fresh.c_str());
  if (held_) return std::nullopt;
  ::prctl(PR_SET_NAME, own_name);
  anothers_ = error == EEXIST;
  if (anothers_)
    return problem(severity::error, path_, "another Puppet took the lock just now", "wait until it has ended");
  return cannot(path_, error);
}

void ssl_lock::release() noexcept {
  if (!held_) return;
  held_ = false;
  if (pid_in(path_) == ::getpid()) ::unlink(path_.c_str());
  ::prctl(PR_SET_NAME, own_name);
}

}  // namespace shim::enroll
