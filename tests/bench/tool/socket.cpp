#include "socket.hpp"

#include <arpa/inet.h>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdexcept>
#include <sys/epoll.h>
#include <sys/un.h>

namespace bench {
namespace {

void send_at_once(int fd) {
  const int one = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);  // a Unix socket has no such option, and needs none
}

void set_watch(int epoll, int how, int fd, void* what, std::uint32_t more) {
  epoll_event event{};
  event.events = EPOLLIN | EPOLLRDHUP | EPOLLET | more;
  event.data.ptr = what;
  if (epoll_ctl(epoll, how, fd, &event) != 0) throw std::runtime_error("epoll_ctl");
}

}  // namespace

std::int64_t now_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1'000'000'000LL + now.tv_nsec;
}

address read_address(const std::string& text) {
  address out;
  if (text.starts_with("unix:")) {
    auto& un = reinterpret_cast<sockaddr_un&>(out.storage);
    const auto path = text.substr(5);
    if (path.size() >= sizeof un.sun_path) throw std::runtime_error("too long for a Unix socket: " + path);
    un.sun_family = AF_UNIX;
    std::memcpy(un.sun_path, path.c_str(), path.size() + 1);
    out.length = sizeof un;
    return out;
  }
  auto& in = reinterpret_cast<sockaddr_in&>(out.storage);
  const auto colon = text.rfind(':');
  if (colon == std::string::npos || inet_pton(AF_INET, text.substr(0, colon).c_str(), &in.sin_addr) != 1)
    throw std::runtime_error("want IPv4:port or unix:/path, got " + text);
  in.sin_family = AF_INET;
  in.sin_port = htons(static_cast<std::uint16_t>(std::stoi(text.substr(colon + 1))));
  out.length = sizeof in;
  return out;
}

int open_socket(const address& at, bool blocking) {
  const int fd = socket(at.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | (blocking ? 0 : SOCK_NONBLOCK), 0);
  if (fd < 0) throw std::runtime_error(std::string("socket: ") + std::strerror(errno));
  if (at.storage.ss_family == AF_INET) send_at_once(fd);
  return fd;
}

int listen_on(const std::string& text) {
  const auto at = read_address(text);
  const int fd = open_socket(at);
  const int one = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(fd, at.raw(), at.length) != 0 || listen(fd, 1024) != 0)
    throw std::runtime_error("listen on " + text + ": " + std::strerror(errno));
  return fd;
}

int accept_from(int listener) {
  const int fd = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd >= 0) send_at_once(fd);
  return fd;
}

int connect_state(int fd) {
  int error = 0;
  socklen_t length = sizeof error;
  getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length);
  if (error != 0) return -1;
  sockaddr_storage peer{};
  length = sizeof peer;
  return getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &length) == 0 ? 1 : 0;
}

void watch(int epoll, int fd, void* what) { set_watch(epoll, EPOLL_CTL_ADD, fd, what, EPOLLOUT); }

void watch_again(int epoll, int fd, void* what, bool for_writing) {
  set_watch(epoll, EPOLL_CTL_MOD, fd, what, for_writing ? EPOLLOUT : 0U);
}

}  // namespace bench
