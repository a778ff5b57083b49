#include "io/ares_lookup.hpp"

#include "io/end_wait.hpp"

#include <boost/asio/error.hpp>

#include <arpa/nameser.h>
#include <cstring>
#include <sys/time.h>
#include <utility>

namespace bunraku::io {

/// A socket of c-ares that is being watched. `wants_*` is what c-ares asked for last, `*_wait` whether a handler is
/// out.
struct ares_lookup::watched {
  watched(const boost::asio::any_io_executor& executor, ares_socket_t number) : descriptor(executor), fd(number) {
    // No exception may pass through c-ares. A socket that cannot be watched stays silent until the deadline.
    boost::system::error_code ignored;
    descriptor.assign(number, ignored);
  }
  boost::asio::posix::stream_descriptor descriptor;
  ares_socket_t fd;
  bool wants_read = false, wants_write = false;
  bool read_wait = false, write_wait = false;
  bool current = true;
};

ares_lookup::ares_lookup(const boost::asio::any_io_executor& executor)
    : executor_(executor), over_(executor), tick_(executor) {}

ares_lookup::~ares_lookup() { stop(); }

bool ares_lookup::open(std::span<const name_server> servers, std::chrono::milliseconds try_timeout) {
  static const int library = ares_library_init(ARES_LIB_INIT_ALL);
  if (library != ARES_SUCCESS) return false;

  // Everything that c-ares would otherwise look for in files and the environment is given, so that it reads neither.
  ares_options options{};
  options.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES;
  options.timeout = static_cast<int>(try_timeout.count());
  options.tries = 4;
  options.ndots = 1;
  in_addr placeholder{};
  options.servers = &placeholder;
  options.nservers = 1;
  char dns_only[] = "b";
  options.lookups = dns_only;
  options.sock_state_cb = [](void* self, ares_socket_t fd, int read, int write) {
    static_cast<ares_lookup*>(self)->on_socket(fd, read != 0, write != 0);
  };
  options.sock_state_cb_data = this;
  const int given = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_NDOTS | ARES_OPT_SERVERS |
                    ARES_OPT_DOMAINS | ARES_OPT_LOOKUPS | ARES_OPT_SORTLIST | ARES_OPT_SOCK_STATE_CB |
                    ARES_OPT_NOROTATE;
  ::ares_channel made = nullptr;
  if (ares_status_ = ares_init_options(&made, &options, given); ares_status_ != ARES_SUCCESS) return false;
  channel_.reset(made);
  heard_.servers.assign(servers.begin(), servers.end());
  use_own_sockets(made, heard_);

  std::vector<ares_addr_port_node> nodes(servers.size());
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    auto& node = nodes[i];
    node = {};
    node.next = i + 1 < nodes.size() ? &nodes[i + 1] : nullptr;
    node.family = servers[i].address.is_v6() ? AF_INET6 : AF_INET;
    node.udp_port = node.tcp_port = servers[i].port;
    if (servers[i].address.is_v6()) {
      std::memcpy(&node.addr.addr6, servers[i].address.to_v6().to_bytes().data(), 16);
    } else {
      std::memcpy(&node.addr.addr4, servers[i].address.to_v4().to_bytes().data(), 4);
    }
  }
  ares_status_ = ares_set_servers_ports(made, nodes.data());
  return ares_status_ == ARES_SUCCESS;
}

void ares_lookup::start(const std::string& name, int type, std::span<const name_server> servers,
                        std::chrono::milliseconds try_timeout) {
  if (!open(servers, try_timeout)) return finish(status::failed);
  ares_query(
      channel_.get(), name.c_str(), ns_c_in, type,
      [](void* self, int status, int, unsigned char* data, int size) {
        static_cast<ares_lookup*>(self)->on_answer(status, data, size);
      },
      this);
  arm_timer();
}

void ares_lookup::stop() noexcept {
  if (result_ == status::under_way) result_ = status::cancelled;
  channel_.reset();  // calls on_answer (which is over) and on_socket for every socket
  end_wait(tick_);
}

void ares_lookup::cancel() {
  stop();
  end_wait(over_);
}

void ares_lookup::finish(status result) {
  if (result_ != status::under_way) return;
  result_ = result;
  over_.cancel();
}

void ares_lookup::on_answer(int status, const unsigned char* data, int size) {
  if (result_ != status::under_way) return;
  ares_status_ = status;
  if (data != nullptr && size > 0) {
    wire_.assign(data, data + size);
    return finish(status::replied);
  }
  finish(status::failed);
}

void ares_lookup::on_socket(ares_socket_t fd, bool read, bool write) {
  auto& socket = sockets_[fd];
  if (!read && !write) {
    if (socket) {
      socket->current = false;
      socket->descriptor.release();
    }
    sockets_.erase(fd);
    return;
  }
  if (!socket) socket = std::make_shared<watched>(executor_, fd);
  socket->wants_read = read;
  socket->wants_write = write;
  watch(socket);
}

void ares_lookup::watch(const std::shared_ptr<watched>& socket) {
  using descriptor = boost::asio::posix::stream_descriptor;
  if (socket->wants_read && !std::exchange(socket->read_wait, socket->wants_read)) {
    socket->descriptor.async_wait(descriptor::wait_read,
                                  [self = shared_from_this(), socket](const boost::system::error_code&) {
                                    socket->read_wait = false;
                                    self->ready(socket, true);
                                  });
  }
  if (socket->wants_write && !std::exchange(socket->write_wait, socket->wants_write)) {
    socket->descriptor.async_wait(descriptor::wait_write,
                                  [self = shared_from_this(), socket](const boost::system::error_code&) {
                                    socket->write_wait = false;
                                    self->ready(socket, false);
                                  });
  }
}

void ares_lookup::ready(const std::shared_ptr<watched>& socket, bool read) {
  if (!socket->current || !channel_) return;
  if (read ? socket->wants_read : socket->wants_write)
    process(read ? socket->fd : ARES_SOCKET_BAD, read ? ARES_SOCKET_BAD : socket->fd);
  if (socket->current) watch(socket);
}

void ares_lookup::process(ares_socket_t read, ares_socket_t write) {
  ares_process_fd(channel_.get(), read, write);
  arm_timer();
}

void ares_lookup::arm_timer() {
  timeval left{};
  if (result_ != status::under_way || ares_timeout(channel_.get(), nullptr, &left) == nullptr) {
    tick_.cancel();
    return;
  }
  tick_.expires_after(std::chrono::seconds(left.tv_sec) + std::chrono::microseconds(left.tv_usec));
  tick_.async_wait([self = shared_from_this()](const boost::system::error_code& cancelled) {
    if (!cancelled && self->channel_) self->process(ARES_SOCKET_BAD, ARES_SOCKET_BAD);
  });
}

}  // namespace bunraku::io
