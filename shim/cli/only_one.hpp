#pragma once
#include <cstddef>
#include <cstring>
#include <pthread.h>
#include <string>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace shim::cli {

/// One drill at a time on a host: a name in the kernel that goes with the process, however that ends. The processes
/// that it forks do not hold it: the drill's own daemon may take a moment longer to end than a drill that was killed.
/// One per process.
class only_one {
 public:
  only_one() : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const std::string name = "bunraku-drill-" + std::to_string(::geteuid());
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    std::memcpy(at.sun_path + 1, name.data(), name.size());
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
    ours_ = fd_ >= 0 && ::bind(fd_, reinterpret_cast<const sockaddr*>(&at), size) == 0;
    held() = fd_;
    ::pthread_atfork(nullptr, nullptr, [] {
      if (held() >= 0) ::close(held());
    });
  }
  ~only_one() {
    held() = -1;
    if (fd_ >= 0) ::close(fd_);
  }
  only_one(const only_one&) = delete;
  only_one& operator=(const only_one&) = delete;
  bool is_ours() const noexcept { return ours_; }

 private:
  static int& held() noexcept {
    static int fd = -1;
    return fd;
  }

  int fd_;
  bool ours_ = false;
};

}  // namespace shim::cli
