#pragma once
#include "io/resolv_conf.hpp"

#include <ares.h>

#include <string>
#include <vector>

namespace bunraku::io {

/// What c-ares 1.18 does not tell: who answered, and with which response code when it gave up on a server for that, or
/// that this host has no socket to ask with (it then reports "connection refused").
struct last_heard {
  std::vector<name_server> servers;  ///< who may be heard; c-ares has no place for their scopes
  std::string sender;                ///< "address:port"; empty as long as nobody said anything
  int response_code = -1;            ///< of the last datagram; -1 before the first
  int no_socket = 0;                 ///< errno of the last one that could not be made
  bool truncated = false;            ///< so was a datagram: TCP was tried for the whole of it
};

/// Socket calls for a c-ares channel in place of its own, which write to TCP connections with writev(): a name server
/// that hangs up would raise SIGPIPE in a process that is not ours to kill. Every socket is non-blocking and
/// close-on-exec. `last` is kept up to date and must outlive `channel`.
void use_own_sockets(::ares_channel channel, last_heard& last);

}  // namespace bunraku::io
