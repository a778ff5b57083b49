#pragma once
#include "config/configuration.hpp"

#include <bunraku/identity.hpp>
#include <bunraku/options.hpp>
#include <bunraku/plugins.hpp>
#include <bunraku/problem.hpp>
#include <bunraku/site.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace shim::daemon {

/// Where the configuration is, as the command line said.
struct places {
  std::string config_file;
  bool config_given = false;  ///< --config: then the file must exist
  std::string puppet_conf;    ///< --puppet-conf; empty: bunraku.toml's, else found
};

/// bunraku.toml and puppet.conf, read and put together. The members are there as far as they could be made;
/// all of them, and fit to run with, exactly when `found` holds no error.
struct setup {
  std::optional<config::configuration> configuration;
  std::optional<bunraku::site> site;
  std::optional<bunraku::resolver_options> options;
  bunraku::problems found;
  bool sound = false;  ///< bunraku.toml and puppet.conf could be read; only then is what is in effect worth showing
};
/// Blocking file reads. Every problem of both files in one go.
setup load_setup(const places& with);

/// What load_plugins wants to know.
bunraku::plugin_options plugins_of(const config::configuration& from);
/// For verbs that ask sources without being the daemon: loads the plugins that services name as sources, and no others.
/// Policies are left out: they may ask masters how they are.
void add_source_plugins(setup& to);
/// Plugins that services name and that run, but are not what the service takes them for.
bunraku::problems misplaced_plugins(const config::configuration& from, const std::vector<bunraku::plugin_facts>& all);

/// bunraku.toml alone; all defaults if it need not exist and does not.
config::configuration_reading read_configuration(const places& with);

/// The two legs' credentials; the same object twice if their files are the same. Both null without an error in `found`:
/// the node has no certificate yet, and there is a way in that works without one.
struct leg_identities {
  std::shared_ptr<const bunraku::identity> local, upstream;
  bunraku::problems found;
  bool revoked = false;  ///< the CA has revoked one of them
  std::string stamp;     ///< how the files were, see stamp_of_identities
};
leg_identities load_identities(const config::configuration& from, const bunraku::site& site);

/// Changes whenever one of the files that load_identities reads does. Costs a few system calls.
std::string stamp_of_identities(const config::configuration& from, const bunraku::site& site);
/// Those files; a key in a token is none.
std::vector<std::string> files_of_identities(const config::configuration& from, const bunraku::site& site);

/// Who may use a socket: root, our own user, and the `users` given. Asks the user database, which may block.
/// An unknown name is a problem and is left out.
std::vector<std::uint32_t> allowed_uids(const config::listen_at& socket, bunraku::problems& found);

}  // namespace shim::daemon
