#include "local/inherited.hpp"

#include <systemd/sd-daemon.h>

#include <cstdlib>
#include <sys/socket.h>

namespace shim::local {

std::vector<inherited_socket> take_inherited_sockets() {
  char** names = nullptr;
  const int count = sd_listen_fds_with_names(1, &names);
  std::vector<inherited_socket> found;
  for (int i = 0; i < count; ++i) {
    const int fd = SD_LISTEN_FDS_START + i;
    found.push_back({fd, names[i], sd_is_socket_unix(fd, SOCK_STREAM, 1, nullptr, 0) > 0});
    std::free(names[i]);
  }
  std::free(static_cast<void*>(names));
  return found;
}

}  // namespace shim::local
