#pragma once
#include <bunraku/site.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace shim::init {

/// A file as it is: its text, or nothing if it is not there.
struct file {
  std::string path;
  std::optional<std::string> text;
};

/// What was seen of this host, and what its administrator wants.
struct host_facts {
  bunraku::site site;  ///< puppet.conf as the agent reads it
  file puppet_conf, hosts, bunraku_toml;
  std::vector<std::string> certname_addresses;  ///< what the certname resolves to now, as this host resolves names
  std::uint16_t port = 8140;                    ///< of our `terminate`
  /// Where it listens at that port; empty: nowhere.
  std::vector<std::string> addresses{"127.0.0.1", "127.0.1.1", "::1"};
  bool toml_decides_srv = false;                   ///< bunraku.toml says itself whether SRV is to be asked
  bool unattended = false;                         ///< nobody reads the notes
  bool has_systemd = false;                        ///< it is what runs here
  std::vector<std::string> off_units;              ///< of our units those that do not start at boot
  std::vector<bunraku::site::host_port> fallback;  ///< --fallback: where the agent goes without us
  std::string ca_server;                           ///< --ca-server
};

/// One file's change: what it must be now (nothing: not there), and what it becomes.
struct edit {
  std::string path;
  std::optional<std::string> before;
  std::string after;
  std::vector<std::string> why;  ///< one line each
};

struct plan {
  std::vector<edit> edits;
  std::vector<std::string> enable;   ///< units to be started, now and at boot
  std::vector<std::string> notes;    ///< what the administrator should know or decide
  std::vector<std::string> refused;  ///< why nothing can be done; then there is nothing else
};

/// What leads this host's agent through bunraku. Changes no more than is needed: a host that is led already gets an
/// empty plan. puppet.conf's [agent] section gets a block of settings, of which `server` is always one (OpenVox 9 wants
/// it set); settings of the same names there are kept as comments. Where a master's name is known, `server_list` names
/// it behind this node: an agent that finds no bunraku when its run begins goes there. What an administrator who reads
/// the notes may want all the same, though it can leave the agent worse off, is refused when unattended.
plan make_plan(const host_facts& seen);

}  // namespace shim::init
