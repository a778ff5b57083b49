#pragma once
#include "daemon/setup.hpp"
#include "drill/step.hpp"
#include "rehearsal/puppet_agent.hpp"

#include <functional>

namespace shim::rehearsal {

/// Plays one step: some requests without the fault, the fault, requests while it is on, and some after it, one after
/// the other. Blocking, for about `lasts` and three seconds more, or for three runs of the agent. `interrupted`: asked
/// several times a second; true ends it. What is asked is in contrib/doc/drills.md. `agent`: for steps with
/// traffic::agent.
drill::observation perform(const drill::step& of, const daemon::setup& like, const daemon::leg_identities& who,
                           const puppet_agent* agent, const std::function<bool()>& interrupted);

/// The rule of the fault plugin that plays it until `lasts` is over, as a JSON object. Its name is "drill-" and the
/// step's. `reset_at`: where a reset is. Pure.
std::string rule_for(const drill::step& of, const std::string& first_master, std::chrono::seconds lasts,
                     std::uint64_t reset_at);

/// What a step would ask for, in words.
std::string describe_traffic(const drill::step& of, const bunraku::site& site);

}  // namespace shim::rehearsal
