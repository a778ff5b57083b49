#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace shim::init {

using settings = std::vector<std::pair<std::string, std::string>>;

/// puppet.conf with these at the beginning of [agent], which is made at the end if there is none. Lines of [agent] that
/// set one of the names become comments (the first one counts for Puppet, but people would believe the second), and so
/// does what an earlier such edit wrote. Everything else stays byte for byte.
std::string with_agent_settings(std::string_view puppet_conf, const settings& wanted);

/// /etc/hosts with `name` leading to `address` before any other line that has the name. As it is, if it does so
/// already.
std::string with_name(std::string_view hosts, std::string_view name, std::string_view address);

}  // namespace shim::init
