#include "local/inherited.hpp"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <netinet/in.h>
#include <string>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <vector>

namespace {

using shim::local::take_inherited_sockets;

void given(const std::string& pid, const std::string& count, const char* names = nullptr) {
  ::setenv("LISTEN_PID", pid.c_str(), 1);
  ::setenv("LISTEN_FDS", count.c_str(), 1);
  if (names != nullptr) ::setenv("LISTEN_FDNAMES", names, 1);
}
std::string own_pid() { return std::to_string(::getpid()); }

/// A listening socket of the kernel's choice of address.
int listening(int family, int type = SOCK_STREAM) {
  const int fd = ::socket(family, type, 0);
  sockaddr_storage any{};
  any.ss_family = static_cast<sa_family_t>(family);
  const auto size = family == AF_UNIX ? sizeof(sa_family_t) : sizeof(sockaddr_in);
  EXPECT_EQ(::bind(fd, reinterpret_cast<const sockaddr*>(&any), static_cast<socklen_t>(size)), 0);
  EXPECT_EQ(::listen(fd, 1), 0);
  return fd;
}

TEST(InheritedSockets, OfAnotherProcessAreNotTaken) {
  given(std::to_string(::getpid() + 1), "1", "agents");
  EXPECT_TRUE(take_inherited_sockets().empty());
}

TEST(InheritedSockets, AnythingButANumberOfThemMeansNone) {
  for (const auto* count : {"", "0", "-1", "1025", "1x", " 1", "x", "99999999999999999999"}) {
    given(own_pid(), count);
    EXPECT_TRUE(take_inherited_sockets().empty()) << count;
    given(own_pid() + "x", "1");
    EXPECT_TRUE(take_inherited_sockets().empty());
  }
}

TEST(InheritedSockets, TheVariablesAreForThisProcessAlone) {
  given("1", "1", "agents");
  take_inherited_sockets();
  for (const auto* variable : {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"})
    EXPECT_EQ(std::getenv(variable), nullptr) << variable;
  EXPECT_TRUE(take_inherited_sockets().empty());
}

/// In a process of its own, where the descriptors from 3 on may be any.
void take(const std::vector<int>& sockets, const char* names, const std::string& expected) {
  for (std::size_t i = 0; i != sockets.size(); ++i) ::dup2(sockets[i], 100 + static_cast<int>(i));
  for (std::size_t i = 0; i != sockets.size(); ++i) ::dup2(100 + static_cast<int>(i), 3 + static_cast<int>(i));
  given(own_pid(), std::to_string(sockets.size()), names);
  std::string said;
  for (const auto& each : take_inherited_sockets()) {
    said += std::to_string(each.descriptor) + each.name + (each.is_unix ? "*" : "") + (each.is_tcp ? ":" : "");
    said += (::fcntl(each.descriptor, F_GETFD) & FD_CLOEXEC) != 0 ? " " : "!";
  }
  std::fputs(said.c_str(), stderr);
  ::_exit(said == expected ? 0 : 1);
}

TEST(InheritedSockets, AreNamedInTheirOrderAndClosedOnExec) {
  const int tcp = listening(AF_INET), local = listening(AF_UNIX);
  EXPECT_EXIT(take({tcp, local}, "agents:socket", "3agents: 4socket* "), testing::ExitedWithCode(0), "");
  EXPECT_EXIT(take({local, tcp}, nullptr, "3unknown* 4unknown: "), testing::ExitedWithCode(0), "");
  EXPECT_EXIT(take({local, tcp}, "first", "3first* 4unknown: "), testing::ExitedWithCode(0), "");
  ::close(tcp);
  ::close(local);
}

TEST(InheritedSockets, OnlyAListeningStreamSocketIsOneOfUnixOrTcpKind) {
  const int datagrams = ::socket(AF_UNIX, SOCK_DGRAM, 0), idle = ::socket(AF_UNIX, SOCK_STREAM, 0);
  const int packets = listening(AF_UNIX, SOCK_SEQPACKET), file = ::open("/dev/null", O_RDONLY);
  EXPECT_EXIT(take({datagrams, idle, packets, file}, "a:b:c:d", "3a 4b 5c 6d "), testing::ExitedWithCode(0), "");
  for (const int fd : {datagrams, idle, packets, file}) ::close(fd);
  const int udp = ::socket(AF_INET, SOCK_DGRAM, 0), unbound = ::socket(AF_INET6, SOCK_STREAM, 0);
  EXPECT_EXIT(take({udp, unbound}, "a:b", "3a 4b "), testing::ExitedWithCode(0), "");
  for (const int fd : {udp, unbound}) ::close(fd);
}

}  // namespace
