// Asks until one request is served. Says how long after --since (CLOCK_MONOTONIC in ns; with --sync it is read from
// standard input, after a line READY) the port accepted and the answer came.
#include "roles.hpp"
#include "socket.hpp"
#include "stream.hpp"

#include <cstdio>
#include <cstdlib>
#include <string>
#include <sys/time.h>
#include <unistd.h>

namespace bench {
namespace {

bool is_served(stream& wire) {
  static const std::string request =
      "GET /puppet/v3/file_metadata/modules/profile/motd?environment=production HTTP/1.1\r\nHost: puppet:8140\r\n"
      "Connection: close\r\n\r\n";
  if (wire.handshake() != 1) return false;
  if (wire.write(request.data(), request.size()) != static_cast<ssize_t>(request.size())) return false;
  std::string in;
  char buffer[4096];
  while (in.size() < 12) {
    const ssize_t got = wire.read(buffer, sizeof buffer);
    if (got <= 0) return false;
    in.append(buffer, static_cast<std::size_t>(got));
  }
  return in.starts_with("HTTP/1.1 200");
}

}  // namespace

int be_ready(const arguments& given) {
  const auto at = read_address(given.text("connect"));
  SSL_CTX* context = given.has("plain")
                         ? nullptr
                         : tls_context(side::client, given.text("cert"), given.text("key"), given.text("ca"), 0);
  std::int64_t since = now_ns();
  if (given.has("sync")) {  // the caller says when it started the server
    std::puts("READY");
    std::fflush(stdout);
    char line[64];
    if (std::fgets(line, sizeof line, stdin) == nullptr) return 1;
    since = std::atoll(line);
  }
  const auto deadline = now_ns() + given.number("timeout-ms", 15'000) * 1'000'000;
  std::int64_t listening = 0;
  while (now_ns() < deadline) {
    const int fd = open_socket(at, true);
    const timeval second{1, 0};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof second);
    if (connect(fd, at.raw(), at.length) != 0) {
      close(fd);
      usleep(500);
      continue;
    }
    if (listening == 0) listening = now_ns();
    stream wire;
    wire.attach(fd, context, side::client);
    const bool served = is_served(wire);
    const auto then = now_ns();
    wire.close();
    if (served) {
      std::printf("{\"listening_ms\":%.2f,\"served_ms\":%.2f}\n", static_cast<double>(listening - since) / 1e6,
                  static_cast<double>(then - since) / 1e6);
      return 0;
    }
    usleep(1000);
  }
  std::fprintf(stderr, "%s did not serve a request in time\n", given.text("connect").c_str());
  return 1;
}

}  // namespace bench
