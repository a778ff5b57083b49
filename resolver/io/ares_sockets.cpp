#include "io/ares_sockets.hpp"

#include "io/resolv_conf.hpp"

#include <boost/asio/ip/udp.hpp>

#include <algorithm>
#include <cstring>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

namespace bunraku::io {
namespace {

int open_socket(int family, int type, int protocol, void*) {
  return ::socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
}
int close_socket(ares_socket_t fd, void*) { return ::close(fd); }
int connect_socket(ares_socket_t fd, const sockaddr* to, ares_socklen_t size, void*) { return ::connect(fd, to, size); }

/// Every socket is connected, UDP too, so the sender is the peer.
std::string peer_of(ares_socket_t fd) {
  boost::asio::ip::udp::endpoint peer;
  auto size = static_cast<socklen_t>(peer.capacity());
  if (::getpeername(fd, peer.data(), &size) != 0) return {};
  peer.resize(size);
  return name_server{peer.address(), peer.port()}.to_string();
}

ares_ssize_t receive(ares_socket_t fd, void* data, std::size_t size, int flags, sockaddr* from, ares_socklen_t* length,
                     void* user) {
  const auto count = ::recvfrom(fd, data, size, flags, from, length);
  auto& last = *static_cast<last_heard*>(user);
  if (count > 0) last.sender = peer_of(fd);
  const bool datagram = from != nullptr;  // c-ares wants the sender of datagrams only
  if (datagram && count >= 4) {
    const auto* const header = static_cast<const unsigned char*>(data);
    last.response_code = header[3] & 0xf;
    last.truncated = last.truncated || (header[2] & 2) != 0;
  }
  return count;
}

ares_ssize_t send(ares_socket_t fd, const iovec* parts, int count, void*) {
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(parts);
  message.msg_iovlen = static_cast<std::size_t>(count);
  return ::sendmsg(fd, &message, MSG_NOSIGNAL);
}

constexpr ares_socket_functions own_sockets{open_socket, close_socket, connect_socket, receive, send};

}  // namespace

void use_own_sockets(::ares_channel channel, last_heard& last) {
  ares_set_socket_functions(channel, &own_sockets, &last);
}

}  // namespace bunraku::io
