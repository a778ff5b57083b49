#pragma once
#include "daemon/setup.hpp"

#include <bunraku/plugins.hpp>

#include <boost/json/object.hpp>

#include <iosfwd>
#include <vector>

namespace shim::cli {

/// What is in effect, as far as it is known: the members of a setup that errors kept away are left out.
void print(std::ostream& to, const daemon::setup& made, const daemon::leg_identities& legs,
           const std::vector<bunraku::plugin_facts>& plugins);
boost::json::object to_json(const daemon::setup& made, const daemon::leg_identities& legs,
                            const std::vector<bunraku::plugin_facts>& plugins);

}  // namespace shim::cli
