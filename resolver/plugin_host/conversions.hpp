#pragma once
#include "plugin_host/loaded.hpp"

#include <bunraku/plugins.hpp>

#include <optional>
#include <string>

namespace bunraku::plugin_host {

/// One call of a plugin's each, on its thread: values of ours to plugin.h's structures, and back. Whatever comes back
/// is checked and bounded here, and what breaks the rules counts as a failure of the plugin's.

fault call_interfere(plugin_state& in, const moment& when);
void call_see(plugin_state& in, const seen& what);
source_reply call_masters(plugin_state& in, const std::string& service);
plan_scores call_score(plugin_state& in, const plan_question& what);
probe_question call_question(plugin_state& in, const std::string& service);
std::optional<double> call_judge(plugin_state& in, const probe_answer& what);
std::string call_status(plugin_state& in);
plugins::control_reply call_control(plugin_state& in, const std::string& json);

}  // namespace bunraku::plugin_host
