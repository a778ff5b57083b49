#pragma once
#include <ares.h>

#include <string>

namespace bunraku::io {

/// Socket calls for a c-ares channel in place of its own, which write to TCP connections with writev(): a name server
/// that hangs up would raise SIGPIPE in a process that is not ours to kill. Every socket is non-blocking and
/// close-on-exec. `last_sender` gets "address:port" of each datagram or segment that arrives; it must outlive
/// `channel`.
void use_own_sockets(::ares_channel channel, std::string& last_sender);

}  // namespace bunraku::io
