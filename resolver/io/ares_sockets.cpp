#include "io/ares_sockets.hpp"

#include <boost/asio/ip/udp.hpp>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

namespace bunraku::io {
namespace {

int open_socket(int family, int type, int protocol, void* user) {
  const int fd = ::socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
  if (fd < 0 && errno != EAFNOSUPPORT)  // the next server may be of another family
    static_cast<last_heard*>(user)->no_socket = errno;
  return fd;
}
int close_socket(ares_socket_t fd, void*) { return ::close(fd); }

const name_server* server_at(const last_heard& last, boost::asio::ip::udp::endpoint at) {
  auto address = at.address();
  if (address.is_v6()) address = boost::asio::ip::address_v6(address.to_v6().to_bytes());  // without its scope
  const auto found = std::ranges::find_if(
      last.servers, [&](const name_server& each) { return each.address == address && each.port == at.port(); });
  return found == last.servers.end() ? nullptr : &*found;
}

/// An interface by name or number; 0 if there is none of that name.
std::uint32_t index_of(const std::string& interface) {
  std::uint32_t number = 0;
  const auto* const end = interface.data() + interface.size();
  return std::from_chars(interface.data(), end, number).ptr == end ? number : ::if_nametoindex(interface.c_str());
}

int connect_socket(ares_socket_t fd, const sockaddr* to, ares_socklen_t size, void* user) {
  boost::asio::ip::udp::endpoint peer;
  std::memcpy(peer.data(), to, std::min<std::size_t>(size, peer.capacity()));
  const auto* const server = server_at(*static_cast<last_heard*>(user), peer);
  if (server != nullptr && !server->scope.empty()) {
    auto address = peer.address().to_v6();
    address.scope_id(index_of(server->scope));
    peer.address(address);
  }
  return ::connect(fd, peer.data(), static_cast<socklen_t>(peer.size()));
}

/// Every socket is connected, UDP too, so the sender is the peer.
std::string peer_of(ares_socket_t fd, const last_heard& last) {
  boost::asio::ip::udp::endpoint peer;
  auto size = static_cast<socklen_t>(peer.capacity());
  if (::getpeername(fd, peer.data(), &size) != 0) return {};
  peer.resize(size);
  const auto* const server = server_at(last, peer);
  return server != nullptr ? server->to_string() : std::string();
}

ares_ssize_t receive(ares_socket_t fd, void* data, std::size_t size, int flags, sockaddr* from, ares_socklen_t* length,
                     void* user) {
  const auto count = ::recvfrom(fd, data, size, flags, from, length);
  auto& last = *static_cast<last_heard*>(user);
  if (count > 0) last.sender = peer_of(fd, last);
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
