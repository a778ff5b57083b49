#pragma once
#include "puppet/lookup.hpp"

#include <bunraku/problem.hpp>
#include <bunraku/site.hpp>

#include <string>
#include <string_view>

namespace bunraku::puppet {

struct settings_reading {
  site value;                       ///< complete only when `found` has no error
  bool certname_is_default = true;  ///< neither puppet.conf nor the caller names it
  std::string privatekeydir;
  problems found;
};

/// What puppet.conf makes of a site, every problem at once. `site::config_file` and `layout` come from the inputs.
/// Errors: values for which the agent would fail or go to a host that cannot exist; an unknown or circular `$name`.
/// Warns:  settings Puppet ignores that look like a misspelt one; $environment; empty entries in server_list.
settings_reading read_settings(const lookup::inputs& from);

/// Lower case, no dot at the end, no brackets around an IPv6 literal.
std::string canonical_host(std::string_view text);
/// Could this (in canonical form) be a host's name or address?
bool is_host(std::string_view text) noexcept;

}  // namespace bunraku::puppet
