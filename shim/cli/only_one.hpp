#pragma once
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <string>
#include <sys/stat.h>
#include <unistd.h>

namespace shim::cli {

/// One drill at a time on a host: a record lock, which goes with the process, however that ends, and which the
/// processes that it forks do not have: the drill's own daemon may take a moment longer to end than a drill that was
/// killed. Its file lies where other users cannot be in the way, and stays.
class only_one {
 public:
  only_one() : path_(file()), fd_(::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)) {
    struct stat about{};
    if (fd_ < 0 || ::fstat(fd_, &about) != 0) {
      why_not_ = "cannot open " + path_ + ", which keeps two drills on one host apart: " + std::strerror(errno) + ".";
      return;
    }
    struct flock whole{};
    whole.l_type = F_WRLCK;
    if (about.st_uid != ::geteuid())
      why_not_ = path_ + " keeps two drills on one host apart, and belongs to another user: remove it.";
    else if (::fcntl(fd_, F_SETLK, &whole) != 0)
      why_not_ = "another drill is under way on this host: wait for its end.";
  }
  ~only_one() {
    if (fd_ >= 0) ::close(fd_);
  }
  only_one(const only_one&) = delete;
  only_one& operator=(const only_one&) = delete;

  bool is_ours() const noexcept { return why_not_.empty(); }
  const std::string& why_not() const noexcept { return why_not_; }

 private:
  static std::string file() {
    if (::geteuid() == 0) return "/run/bunraku-drill.lock";
    const char* const own = std::getenv("XDG_RUNTIME_DIR");
    if (own != nullptr && *own == '/') return std::string(own) + "/bunraku-drill.lock";
    return "/tmp/bunraku-drill." + std::to_string(::geteuid()) + ".lock";
  }

  std::string path_, why_not_;
  int fd_;
};

}  // namespace shim::cli
