#include "doctor/finding.hpp"

#include <algorithm>
#include <fmt/core.h>
#include <set>

namespace shim::doctor {
namespace {

constexpr std::size_t most_listed = 5;

void check_own_certificate(const facts& of, std::vector<finding>& found) {
  const auto& names = of.certificate_names;
  if (names.empty() || !of.site || std::ranges::find(names, of.site->certname) != names.end()) return;
  found.push_back({.level = gravity::error,
                   .check = "own-name",
                   .where = of.site->credentials.certificate,
                   .what = "This node's own certificate does not carry its name " + of.site->certname + ".",
                   .why = "bunraku shows it to the agent, who asks for that name and refuses any other.",
                   .fix = "Have it issued anew: puppet ssl clean, then bunraku enroll (and `puppetserver ca clean "
                          "--certname " +
                          of.site->certname + "` on the CA)"});
}

void check_catalog(const facts& of, std::vector<finding>& found) {
  std::set<std::string> hosts;
  for (const auto& source : of.explicit_sources) hosts.insert(source.host);
  for (const auto& host : hosts) {
    std::string listed, first;
    std::size_t count = 0;
    for (const auto& source : of.explicit_sources) {
      if (source.host != host || ++count > most_listed) continue;
      listed += (listed.empty() ? "" : ", ") + source.title;
      if (first.empty()) first = source.where.empty() ? of.catalog_file : source.where;
    }
    if (count > most_listed) listed += fmt::format(" and {} more", count - most_listed);
    found.push_back({.level = gravity::warning,
                     .check = "explicit-source",
                     .where = first,
                     .what = fmt::format("{} file{} of the last catalog come{} from puppet://{}/: {}.", count,
                                         count == 1 ? "" : "s", count == 1 ? "s" : "", host, listed),
                     .why = "The agent asks that host directly, whatever bunraku does: without it the files fail.",
                     .fix = "source => 'puppet:///modules/...'   # three slashes, no host"});
  }
}

void check_daemon(const facts& of, std::vector<finding>& found) {
  if (!of.daemon) return;
  const auto& d = *of.daemon;
  if (!d.running) {
    found.push_back({.level = gravity::error,
                     .check = "not-running",
                     .where = "bunraku run",
                     .what = "The daemon does not run: " + d.error,
                     .why = "The agent finds nobody at its own address; runs fail.",
                     .fix = "systemctl start bunraku   # or bunraku run"});
    return;
  }
  if (d.reload_failed)
    found.push_back({.level = gravity::warning,
                     .check = "reload-failed",
                     .where = d.config_file,
                     .what = "The daemon runs with an older configuration: its last reload was refused.",
                     .why = "What the files say now is not in effect, and a restart would fail.",
                     .fix = "bunraku check   # mend what it names, then: bunraku reload"});
  if (of.site && d.certname != of.site->certname)
    found.push_back({.level = gravity::warning,
                     .check = "other-certname",
                     .where = of.site->config_file,
                     .what = fmt::format("The daemon runs as {}, and this node is {}.", d.certname, of.site->certname),
                     .why = "It speaks with the masters as another node than the agent is.",
                     .fix = "systemctl restart bunraku"});
}

void check_identity_policy(const facts& of, std::vector<finding>& found) {
  if (!of.configured) return;
  const auto& demands = of.configured->demands;
  if (!demands.names.empty() || !demands.within.empty() || !demands.pins.empty()) return;
  const bool by_dns = std::ranges::any_of(of.services, [](const service_facts& s) {
    return std::ranges::any_of(s.sources, [](const source_fact& one) { return one.srv; });
  });
  if (!by_dns) return;
  found.push_back({.level = gravity::warning,
                   .check = "any-node-a-master",
                   .where = of.configured->file.empty() ? "/etc/bunraku/bunraku.toml" : of.configured->file,
                   .what = "Nothing says which certificates are masters'.",
                   .why = "Whoever can forge DNS and has any node's key can pose as a master, and so become root here.",
                   .fix =
                       "[identity] master_names = [\"puppet.example.com\"]   # a name that only masters' certificates "
                       "carry"});
}

}  // namespace

void check_node(const facts& of, std::vector<finding>& found) {
  check_daemon(of, found);
  check_own_certificate(of, found);
  check_identity_policy(of, found);
  check_catalog(of, found);
}

}  // namespace shim::doctor
