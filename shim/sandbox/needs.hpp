#pragma once
#include "config/configuration.hpp"

#include <bunraku/site.hpp>

#include <string>
#include <vector>

namespace shim::sandbox {

/// What a standing daemon still has to reach. Paths are absolute directories, sorted, each once; they need not exist.
struct needs {
  std::vector<std::string> read;   ///< and all that is below; what is in `write` may be read too
  std::vector<std::string> write;  ///< where it makes and removes files and sockets
  /// Files and directories that plugins and the module of a PKCS#11 key use, as configured.
  std::vector<std::string> foreign;
  bool low_ports = false;  ///< a port below 1024 is listened on, and may have to be bound anew
  bool token = false;      ///< a key lies in a PKCS#11 token, whose module does as it likes
  bool plugins = false;    ///< there are some: each has a thread, and is tried out in a process of its own
};

/// Places that do not stand in the configuration itself.
struct found_places {
  std::string config_file;   ///< bunraku.toml, there or not
  std::string store_file;    ///< empty: none
  std::string admin_socket;  ///< empty: none
  std::string replay_directory;
  std::string plugin_directory;
};

/// What that configuration needs. A file's whole directory is named, since Puppet and administrators replace files by
/// renaming; of a symbolic link, the target's directory too; and what is above the ssldir and above a credential's
/// directory, since those are removed and made anew. Looks at symbolic links, else pure.
needs needs_of(const config::configuration& from, const bunraku::site& site, const found_places& at);

/// What `wanted` has and `granted` has not, each in words for the log; empty: nothing.
std::vector<std::string> missing(const needs& granted, const needs& wanted);

/// The directory itself, or the nearest one above it that exists. Rights can only be given below that.
std::string nearest_existing(std::string path);

}  // namespace shim::sandbox
