#pragma once
#include "daemon/setup.hpp"
#include "doctor/facts.hpp"

#include <string>

namespace shim::examine {

/// Everything that doctor::diagnose judges by. Blocking: reads files, asks the host's name service, DNS, the daemon at
/// `socket` (empty: it has none) and every master, whom it asks nothing that changes anything. Bounded by the
/// configuration's own limits for names and connections, and 10 s for an answer; masters are asked side by side.
doctor::facts gather(const daemon::places& where, const std::string& socket);

// Its parts.

/// Names and ends of this node's certificate, names as the agent looks them up, the agent's version, the cached
/// catalog.
void look_at_host(doctor::facts& into);
/// Modes and owners of files, room on disks, the environment that the agent may have, whether it was disabled.
/// `store_file` is where the daemon keeps what DNS said; empty: nowhere.
void look_around(doctor::facts& into, const std::string& store_file);
/// What each of several name servers says by itself.
void ask_name_servers(doctor::facts& into, const bunraku::resolver_options& options);
/// What the sources of each service say now, and how far each master can be spoken with. Options and identity are
/// those of the daemon.
void ask_masters(doctor::facts& into, bunraku::resolver_options options,
                 std::shared_ptr<const bunraku::identity> identity);

}  // namespace shim::examine
