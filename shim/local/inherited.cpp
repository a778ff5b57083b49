#include "local/inherited.hpp"

#include <charconv>
#include <cstdlib>
#include <fcntl.h>
#include <string_view>
#include <sys/socket.h>
#include <unistd.h>

// sd_listen_fds(3) is a protocol of three variables. Its library would bring six others into each daemon.
namespace shim::local {
namespace {

constexpr int first_descriptor = 3;
constexpr int most_sockets = 1024;

/// The number in an environment variable, or 0. The variable is removed: it was for this process, not for its children.
int taken_number(const char* variable) {
  const std::string text = std::getenv(variable) == nullptr ? "" : std::getenv(variable);
  ::unsetenv(variable);
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() ? value : 0;
}

/// AF_UNIX, AF_INET or AF_INET6 of a listening stream socket; else -1.
int family_of(int fd) {
  const auto asked = [fd](int option) {
    int value = -1;
    socklen_t size = sizeof value;
    return ::getsockopt(fd, SOL_SOCKET, option, &value, &size) == 0 ? value : -1;
  };
  return asked(SO_TYPE) == SOCK_STREAM && asked(SO_ACCEPTCONN) == 1 ? asked(SO_DOMAIN) : -1;
}

}  // namespace

std::vector<inherited_socket> take_inherited_sockets() {
  const char* const given = std::getenv("LISTEN_FDNAMES");
  const bool named = given != nullptr;
  const std::string names = named ? given : "";
  ::unsetenv("LISTEN_FDNAMES");
  const bool ours = taken_number("LISTEN_PID") == ::getpid();
  const int count = taken_number("LISTEN_FDS");
  std::vector<inherited_socket> found;
  if (!ours || count <= 0 || count > most_sockets) return found;
  std::string_view rest = names;
  for (int fd = first_descriptor; fd != first_descriptor + count; ++fd) {
    const auto colon = rest.find(':');
    std::string name = named && !rest.empty() ? std::string(rest.substr(0, colon)) : "unknown";
    rest = colon == std::string_view::npos ? std::string_view{} : rest.substr(colon + 1);
    ::fcntl(fd, F_SETFD, FD_CLOEXEC);
    const int family = family_of(fd);
    found.push_back({fd, std::move(name), family == AF_UNIX, family == AF_INET || family == AF_INET6});
  }
  return found;
}

}  // namespace shim::local
