#pragma once
#include "daemon/setup.hpp"
#include "drill/step.hpp"

#include <functional>

namespace shim::rehearsal {

/// Plays one step: some requests without the fault, the fault, requests while it is on, and some after it, one after
/// the other. Blocking, for about `lasts` and three seconds more. `interrupted`: asked between requests; true ends it.
/// The requests change nothing: what they are for each service is in contrib/doc/drills.md.
drill::observation perform(const drill::step& of, const daemon::setup& like, const daemon::leg_identities& who,
                           const std::function<bool()>& interrupted);

/// The rule of the fault plugin that plays it until `lasts` is over, as a JSON object. Its name is "drill-" and the
/// step's. Pure.
std::string rule_for(const drill::step& of, const std::string& first_master, std::chrono::seconds lasts);

/// What is asked of a service's masters.
std::string target_for(const std::string& service, const std::string& certname, const std::string& environment);

}  // namespace shim::rehearsal
