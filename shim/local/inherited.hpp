#pragma once
#include <string>
#include <vector>

namespace shim::local {

/// A listening socket that systemd (or whoever follows sd_listen_fds(3)) opened for us.
struct inherited_socket {
  int descriptor = -1;
  std::string name;                      ///< FileDescriptorName= of the socket unit; "unknown" if it has none
  bool is_unix = false, is_tcp = false;  ///< neither: it does not listen, or is no stream
};

/// LISTEN_FDS, LISTEN_PID and LISTEN_FDNAMES, taken once: the variables are removed, the descriptors closed on exec.
std::vector<inherited_socket> take_inherited_sockets();

}  // namespace shim::local
