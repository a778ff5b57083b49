#pragma once
#include "cli/verbs.hpp"
#include "config/configuration.hpp"

#include <bunraku/identity.hpp>
#include <bunraku/options.hpp>
#include <bunraku/problem.hpp>
#include <bunraku/site.hpp>

#include <cstdint>
#include <iosfwd>
#include <memory>
#include <optional>
#include <vector>

namespace shim::cli {

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
setup load_setup(const invocation& with);

/// The two legs' credentials; the same object twice if their files are the same.
struct leg_identities {
  std::shared_ptr<const bunraku::identity> local, upstream;
  bunraku::problems found;
};
leg_identities load_identities(const config::configuration& from, const bunraku::site& site);

/// Who may use a socket: root, our own user, and the `users` given. Asks the user database, which may block.
/// An unknown name is a problem and is left out.
std::vector<std::uint32_t> allowed_uids(const config::listen_at& socket, bunraku::problems& found);

/// "file:line: error: what fix", one line each.
void print(std::ostream& to, const bunraku::problems& found);

}  // namespace shim::cli
