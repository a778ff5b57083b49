#include "doctor/finding.hpp"

#include <algorithm>
#include <fmt/core.h>
#include <map>
#include <set>

namespace shim::doctor {
namespace {

using state = source_fact::state;

/// How dig is told to ask `server`: an address, "192.0.2.1:5353" or "[2001:db8::1]:53".
std::string dig_option(std::string_view server) {
  std::string_view port;
  if (server.starts_with('[')) {
    const auto end = server.find(']');
    port = server.substr(std::min(server.size(), end + 2));
    server = server.substr(1, end - 1);
  } else if (std::ranges::count(server, ':') == 1) {
    port = server.substr(server.find(':') + 1);
    server = server.substr(0, server.find(':'));
  }
  auto option = fmt::format("@{}", server);
  if (!port.empty() && port != "53") option += fmt::format(" -p {}", port);
  return option;
}

void check_source(const facts& all, const source_fact& one, const service_facts& of, std::vector<finding>& found) {
  if (!one.srv) return;
  if (one.what == state::failed)
    found.push_back(
        {.level = gravity::error,
         .check = "dns-fails",
         .where = one.asked,
         .what = "DNS gives no answer: " + one.error + ".",
         .why = "The masters of " + of.name + " are found by it; an old answer serves for [dns] stale_for.",
         .fix = fmt::format("dig SRV {} {}   # and mend that name server, or name another one where it is "
                            "named: [dns] nameservers, else /etc/resolv.conf",
                            one.asked,
                            all.name_servers.empty() ? "@$(awk '/^nameserver/{print $2; exit}' /etc/resolv.conf)"
                                                     : dig_option(all.name_servers.front().server))});
  if (one.what == state::absent)
    found.push_back({.level = gravity::warning,
                     .check = "service-absent",
                     .where = one.asked,
                     .what = "DNS says that " + of.name + " is not offered here (its target is \".\").",
                     .why = "Requests for it are answered with an error, and no later source is asked.",
                     .fix = "Remove that record if the service is offered"});
}

void check_service(const facts& all, const service_facts& s, std::vector<finding>& found) {
  std::set<std::string> masters;
  bool decided = false;
  for (const auto& one : s.sources) {
    check_source(all, one, s, found);
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

std::string listed(const std::vector<std::string>& names) {
  std::string out;
  for (const auto& one : names) out += (out.empty() ? "" : ", ") + one;
  return out.empty() ? "nobody" : out;
}

/// Where all are silent, each service has its own finding.
void check_silent(const facts& of, std::vector<finding>& found) {
  if (std::ranges::all_of(of.name_servers, &name_server_fact::silent)) return;
  for (const auto& one : of.name_servers) {
    if (!one.silent) continue;
    found.push_back({.level = gravity::warning,
                     .check = "name-server-silent",
                     .where = one.server,
                     .what = "This name server does not answer.",
                     .why =
                         "bunraku asks the next one after [dns] try_timeout; the agent alone, and every other program "
                         "of this host, waits for it at each name.",
                     .fix = fmt::format("dig {} . NS   # and mend it, or take it out of where it is named: [dns] "
                                        "nameservers, else /etc/resolv.conf",
                                        dig_option(one.server))});
  }
}

void check_same(const facts& of, std::vector<finding>& found) {
  std::map<std::string, std::vector<const name_server_fact*>> by_record;
  for (const auto& one : of.name_servers)
    for (const auto& [record, masters] : one.masters) by_record[record].push_back(&one);
  for (const auto& [record, servers] : by_record) {
    const auto& first = *servers.front();
    const auto other = std::ranges::find_if(
        servers, [&](const name_server_fact* s) { return s->masters.at(record) != first.masters.at(record); });
    if (other == servers.end()) continue;
    found.push_back({.level = gravity::warning,
                     .check = "name-servers-differ",
                     .where = record,
                     .what = fmt::format("{} says {}, and {} says {}.", first.server, listed(first.masters.at(record)),
                                         (*other)->server, listed((*other)->masters.at(record))),
                     .why = "Which masters there are depends on which name server was asked: one is behind, or lies.",
                     .fix = fmt::format("dig SRV {} @SERVER   # at both; compare the zones' serials", record)});
  }
}

}  // namespace

void check_names(const facts& of, std::vector<finding>& found) {
  check_silent(of, found);
  check_same(of, found);
  for (const auto& s : of.services) check_service(of, s, found);
}

}  // namespace shim::doctor
