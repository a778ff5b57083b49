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
  for (const auto& source : of.explicit_sources)
    if (!source.is_bucket) hosts.insert(source.host);
  for (const auto& host : hosts) {
    std::string listed, first;
    std::size_t count = 0;
    for (const auto& source : of.explicit_sources) {
      if (source.is_bucket || source.host != host || ++count > most_listed) continue;
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

void check_buckets(const facts& of, std::vector<finding>& found) {
  for (const auto& bucket : of.explicit_sources) {
    if (!bucket.is_bucket) continue;
    found.push_back(
        {.level = gravity::warning,
         .check = "explicit-bucket",
         .where = bucket.where.empty() ? of.catalog_file : bucket.where,
         .what = fmt::format("The filebucket {} of the last catalog is at {}.", bucket.title, bucket.host),
         .why = "The agent sends old contents of files there directly, past bunraku: without that host the "
                "files are not changed.",
         .fix = fmt::format("filebucket {{ '{}': path => false }}   # without `server` it is where catalogs are",
                            bucket.title)});
  }
}

void check_disabled(const facts& of, std::vector<finding>& found) {
  if (of.disabled_file.empty()) return;
  found.push_back({.level = gravity::warning,
                   .check = "agent-disabled",
                   .where = of.disabled_file,
                   .what = "The agent was disabled" + (of.disabled_why.empty() ? "." : ": " + of.disabled_why),
                   .why = "No run comes, whatever bunraku does.",
                   .fix = "puppet agent --enable"});
}

void check_drains(const daemon_fact& d, std::vector<finding>& found) {
  for (const auto& one : d.drained)
    found.push_back(
        {.level = one.until.empty() ? gravity::warning : gravity::note,
         .check = "drained",
         .where = one.master,
         .what = one.until.empty() ? "bunraku was told to leave it alone, without an end."
                                   : "bunraku was told to leave it alone until " + one.until + ".",
         .why = "No new run goes to it while others are there; a drain that was forgotten is a master less.",
         .fix = "bunraku undrain " + one.master});
}

void check_daemon(const facts& of, std::vector<finding>& found) {
  if (!of.daemon) return;
  const auto& d = *of.daemon;
  using state = daemon_fact::state;
  if (d.is == state::denied)
    found.push_back({.level = gravity::warning,
                     .check = "not-root",
                     .where = "bunraku run",
                     .what = "The daemon was not asked: " + d.error,
                     .why = "What another user than root sees of this node is half of it.",
                     .fix = "sudo bunraku doctor"});
  if (d.is == state::silent)
    found.push_back({.level = gravity::error,
                     .check = "daemon-hangs",
                     .where = "bunraku run",
                     .what = "It listens and does not answer: " + d.error,
                     .why = "Runs wait for it until the agent gives up.",
                     .fix = "systemctl restart bunraku; journalctl -u bunraku -n 50"});
  if (d.is == state::absent)
    found.push_back({.level = gravity::error,
                     .check = "not-running",
                     .where = "bunraku run",
                     .what = "The daemon does not run: " + d.error,
                     .why = "The agent finds nobody at its own address; runs fail.",
                     .fix = "systemctl start bunraku; journalctl -u bunraku -n 50"});
  if (d.is != state::running) return;
  if (d.reload_failed)
    found.push_back({.level = gravity::warning,
                     .check = "reload-failed",
                     .where = d.config_file,
                     .what = "The daemon runs with an older configuration: its last reload was refused.",
                     .why = "What the files say now is not in effect, and a restart would fail.",
                     .fix = "bunraku check   # mend what it names, then: bunraku reload"});
  if (d.version != of.program_version)
    found.push_back(
        {.level = gravity::warning,
         .check = "old-daemon",
         .where = "bunraku run",
         .what = fmt::format("The daemon is bunraku {}, and this program is {}.", d.version, of.program_version),
         .why = "After an upgrade the old one goes on until it is restarted.",
         .fix = "systemctl restart bunraku   # no request is lost: its sockets stay open"});
  check_drains(d, found);
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
  check_buckets(of, found);
  check_disabled(of, found);
}

}  // namespace shim::doctor
