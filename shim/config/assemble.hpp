#pragma once
#include "config/configuration.hpp"

#include <bunraku/options.hpp>
#include <bunraku/site.hpp>

namespace shim::config {

/// Does this configuration, on this site, ask SRV records for Puppet's four services?
/// `automatic` says yes if use_srv_records or [dns] srv_domain is set, and also if puppet.conf names no master other
/// than this node: then SRV is all there is to go by. It says no where puppet.conf names a master without
/// use_srv_records, because DNS then has less say in whom the node trusts.
bool asks_srv(const configuration& from, const bunraku::site& site) noexcept;

/// Everything the resolver needs. Masters that are this node's own listeners are left out of puppet.conf's settings
/// (`server = $certname` is how an agent finds us). `log` stays empty.
bunraku::resolver_options assemble(const configuration& from, const bunraku::site& site);

/// The site's credential files with one leg's overrides.
bunraku::credential_files files_of(const leg_files& leg, const bunraku::site& site);

}  // namespace shim::config
