#include "daemon/supervisor.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string_view>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

// The protocol is sd_notify(3)'s, a datagram with text in it. Its library would bring six others into each daemon.
namespace shim::daemon {
namespace {

/// The number in an environment variable, which is all of it.
std::optional<std::uint64_t> number_in(const char* variable) {
  const char* const given = std::getenv(variable);
  if (given == nullptr) return std::nullopt;
  const std::string_view text(given);
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

void tell_supervisor(const std::string& news, std::chrono::milliseconds patience) {
  const char* const given = std::getenv("NOTIFY_SOCKET");
  const std::string_view path = given == nullptr ? "" : given;
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  if (path.size() < 2 || path.size() >= sizeof to.sun_path || (path[0] != '/' && path[0] != '@')) return;
  std::ranges::copy(path, to.sun_path);
  auto size = offsetof(sockaddr_un, sun_path) + path.size();
  if (path[0] == '@') to.sun_path[0] = '\0';  // a name that is no file
  else ++size;                                // with the zero behind it
  const int socket = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (socket < 0) return;
  const int flags = patience.count() > 0 ? MSG_NOSIGNAL : MSG_NOSIGNAL | MSG_DONTWAIT;
  const timeval limit{patience.count() / 1000, patience.count() % 1000 * 1000};
  ::setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  while (::sendto(socket, news.data(), news.size(), flags, reinterpret_cast<const sockaddr*>(&to),
                  static_cast<socklen_t>(size)) < 0 &&
         errno == EINTR) {
  }
  ::close(socket);
}

void watchdog::start() {
  const auto limit = number_in("WATCHDOG_USEC");
  if (!limit || *limit == 0 || *limit > INT64_MAX) return;
  if (std::getenv("WATCHDOG_PID") != nullptr && number_in("WATCHDOG_PID") != static_cast<std::uint64_t>(::getpid()))
    return;
  between_ = std::chrono::microseconds(*limit / 2);
  wait();
}

void watchdog::wait() {
  timer_.expires_after(between_);
  timer_.async_wait([this](boost::system::error_code error) {
    if (error) return;
    tell_supervisor("WATCHDOG=1", std::chrono::milliseconds(0));  // where many are waiting, one of them is enough
    wait();
  });
}

}  // namespace shim::daemon
