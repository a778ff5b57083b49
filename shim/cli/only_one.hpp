#pragma once
#include <cstddef>
#include <cstring>
#include <string>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace shim::cli {

/// One drill at a time on a host: a name in the kernel that goes with the process, however that ends.
class only_one {
 public:
  only_one() : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const std::string name = "bunraku-drill-" + std::to_string(::geteuid());
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    std::memcpy(at.sun_path + 1, name.data(), name.size());
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
    ours_ = fd_ >= 0 && ::bind(fd_, reinterpret_cast<const sockaddr*>(&at), size) == 0;
  }
  ~only_one() {
    if (fd_ >= 0) ::close(fd_);
  }
  only_one(const only_one&) = delete;
  only_one& operator=(const only_one&) = delete;
  bool is_ours() const noexcept { return ours_; }

 private:
  int fd_;
  bool ours_ = false;
};

}  // namespace shim::cli
