// Addresses and non-blocking sockets. An address is "127.0.0.1:8140" or "unix:/path".
#pragma once

#include <cstdint>
#include <string>
#include <sys/socket.h>

namespace bench {

std::int64_t now_ns();  // CLOCK_MONOTONIC

struct address {
  sockaddr_storage storage{};
  socklen_t length = 0;
  const sockaddr* raw() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

address read_address(const std::string& text);  // throws for what is none
int open_socket(const address& at, bool blocking = false);
int listen_on(const std::string& text);
int accept_from(int listener);  // -1 when nobody waits

// Of a socket whose connect was under way: 1 connected, 0 not yet, -1 failed.
int connect_state(int fd);

// Edge-triggered, both directions, for as long as the socket lives.
void watch(int epoll, int fd, void* what);
// The same from now on, with or without what can be written. What is ready now is reported once more.
void watch_again(int epoll, int fd, void* what, bool for_writing);

}  // namespace bench
