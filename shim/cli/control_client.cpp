#include "cli/control_client.hpp"

#include "http/head.hpp"

#include <boost/json.hpp>

#include <array>
#include <cerrno>
#include <cstring>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

namespace shim::cli {
namespace {

constexpr std::size_t largest_answer = std::size_t{16} << 20;
/// `explain` and the search for an unknown master may have to wait for DNS, a reload for plugins and tokens.
constexpr timeval patience{.tv_sec = 60, .tv_usec = 0}, patience_for_status{.tv_sec = 10, .tv_usec = 0};

struct descriptor {
  int fd;
  explicit descriptor(int opened) noexcept : fd(opened) {}
  ~descriptor() {
    if (fd >= 0) ::close(fd);
  }
  descriptor(const descriptor&) = delete;
  descriptor& operator=(const descriptor&) = delete;
};

std::unexpected<std::string> no_daemon(const std::string& socket, int error) {
  std::string text = "no daemon can be reached at " + socket + ": " + std::strerror(error) + ". ";
  if (error == EACCES || error == EPERM) text += "Only root and the daemon's own user may: run it as root.";
  else if (error == ECONNREFUSED) text += "It was killed, it seems: start it (`bunraku run`, or its service).";
  else
    text +=
        "Is it running? `bunraku run` or its service starts it; if [admin] socket is another path there, give "
        "--config or --socket.";
  return std::unexpected(std::move(text));
}

std::unexpected<std::string> broken(const std::string& socket, std::string_view what) {
  return std::unexpected("the daemon at " + socket + " " + std::string(what));
}

int open_to(const std::string& socket, const timeval& limit) {
  sockaddr_un at{};
  if (socket.size() >= sizeof at.sun_path) {
    errno = ENAMETOOLONG;
    return -1;
  }
  at.sun_family = AF_UNIX;
  std::memcpy(at.sun_path, socket.data(), socket.size());
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0) return fd;
  const int error = errno;
  ::close(fd);
  errno = error;
  return -1;
}

bool send_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

bool is_whole(std::string_view got, std::string_view method) {
  const auto end = got.find("\r\n\r\n");
  if (end == got.npos) return false;
  const auto head = http::parse_response(got.substr(0, end + 4), {}, method);
  return head && head->body.kind == http::body_kind::length && got.size() >= end + 4 + head->body.length;
}

}  // namespace

std::expected<daemon_answer, std::string> ask_daemon(const std::string& socket, std::string_view method,
                                                     std::string_view target, std::string_view body,
                                                     const std::function<bool()>& unwanted) {
  if (socket.empty()) return std::unexpected("[admin] socket is \"\": this daemon has no control socket.");
  const descriptor to(open_to(socket, target == "/v1/status" ? patience_for_status : patience));
  if (to.fd < 0) return no_daemon(socket, errno);
  std::string request = std::string(method) + ' ' + std::string(target) + " HTTP/1.1\r\nHost: localhost\r\n";
  if (!body.empty())
    request += "Content-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) + "\r\n";
  request += "Connection: close\r\n\r\n";
  request += body;
  // An answer may come before the request was read to its end, so what was sent does not matter yet.
  send_all(to.fd, request);

  std::string got;
  std::array<char, 16384> piece{};
  while (got.size() < largest_answer) {
    const auto n = ::recv(to.fd, piece.data(), piece.size(), 0);
    if (n < 0 && errno == EINTR && !unwanted()) continue;
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
      return broken(socket, "does not answer. It hangs, or was stopped: restart it.");
    if (n <= 0) break;
    got.append(piece.data(), static_cast<std::size_t>(n));
    if (is_whole(got, method)) break;  // the daemon waits a little for us to close
  }
  const auto end = got.find("\r\n\r\n");
  if (end == got.npos) return broken(socket, "closed the connection without an answer.");
  const auto head = http::parse_response(std::string_view(got).substr(0, end + 4), {}, method);
  if (!head) return broken(socket, "does not speak HTTP: is that the control socket?");
  boost::system::error_code error;
  auto value = boost::json::parse(std::string_view(got).substr(end + 4), error);
  if (error || !value.is_object()) return broken(socket, "did not answer with a whole JSON object.");
  return daemon_answer{head->status, std::move(value.as_object())};
}

}  // namespace shim::cli
