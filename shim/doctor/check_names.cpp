#include "doctor/finding.hpp"

#include <algorithm>
#include <fmt/core.h>
#include <set>

namespace shim::doctor {
namespace {

using state = source_fact::state;

void check_source(const source_fact& one, const service_facts& of, std::vector<finding>& found) {
  if (!one.srv) return;
  if (one.what == state::failed)
    found.push_back({.level = gravity::error,
                     .check = "dns-fails",
                     .where = one.asked,
                     .what = "DNS gives no answer: " + one.error + ".",
                     .why = "The masters of " + of.name + " are found by it; an old answer serves for [dns] stale_for.",
                     .fix = "dig SRV " + one.asked +
                            " @$(awk '/^nameserver/{print $2; exit}' /etc/resolv.conf)   # and "
                            "mend that name server, or name another in /etc/resolv.conf"});
  if (one.what == state::absent)
    found.push_back({.level = gravity::warning,
                     .check = "service-absent",
                     .where = one.asked,
                     .what = "DNS says that " + of.name + " is not offered here (its target is \".\").",
                     .why = "Requests for it are answered with an error, and no later source is asked.",
                     .fix = "Remove that record if the service is offered"});
}

void check_service(const service_facts& s, std::vector<finding>& found) {
  std::set<std::string> masters;
  bool decided = false;
  for (const auto& one : s.sources) {
    check_source(one, s, found);
    masters.insert(one.masters.begin(), one.masters.end());
    decided = decided || one.what == state::failed || one.what == state::absent;
  }
  if (masters.empty() && !decided) {
    std::string asked;
    for (const auto& one : s.sources) asked += (asked.empty() ? "" : ", ") + one.asked;
    found.push_back(
        {.level = gravity::error,
         .check = "no-master",
         .where = asked.empty() ? s.name : asked,
         .what = "Nobody serves " + s.name + ": no source names a master.",
         .why = "Every request for it fails.",
         .fix = fmt::format("Publish SRV records, or in bunraku.toml: [service.{}] masters = [\"...:8140\"]", s.name)});
  }
  if (masters.size() == 1 && s.name != "ca")
    found.push_back({.level = gravity::note,
                     .check = "one-master",
                     .where = *masters.begin(),
                     .what = "It is the only master of " + s.name + ".",
                     .why = "When it fails nobody can take over.",
                     .fix = "Add a second one to the records, or to [service." + s.name + "] masters"});
}

}  // namespace

void check_names(const facts& of, std::vector<finding>& found) {
  for (const auto& s : of.services) check_service(s, found);
}

}  // namespace shim::doctor
