#include "config/assemble.hpp"

#include "config/values.hpp"

#include <algorithm>
#include <utility>

namespace shim::config {
namespace {

bool is_ours(const configuration& from, std::uint16_t port) noexcept {
  return std::ranges::any_of(from.listen, [port](const listen_at& l) {
    // CONNECT to this node's own name is for us whatever its port.
    if (l.way == listen_at::way_in::connect) return true;
    return l.way != listen_at::way_in::socket && l.port == port;
  });
}

// Masters of puppet.conf without ourselves; masters of bunraku.toml are meant as they are written.
std::vector<bunraku::source> without_us(const std::vector<bunraku::source>& sources, const configuration& from,
                                        const bunraku::site& site) {
  std::vector<bunraku::source> out;
  for (const auto& one : sources) {
    if (one.kind() == bunraku::source_kind::srv) {
      out.push_back(one);
      continue;
    }
    std::vector<bunraku::master> others;
    for (const auto& m : one.masters())
      if (m.host() != site.certname || !is_ours(from, m.port())) others.push_back(m);
    if (others.empty()) continue;
    out.push_back(one.kind() == bunraku::source_kind::list
                      ? bunraku::source::list(std::move(others), one.origin())
                      : bunraku::source::settings(std::move(others), one.origin()));
  }
  return out;
}

std::vector<bunraku::source> sources_of(const service_rule& rule) {
  std::vector<bunraku::source> out;
  if (!rule.srv_names.empty()) out.push_back(bunraku::source::srv(rule.srv_names));
  if (!rule.masters.empty())
    out.push_back(bunraku::source::list(rule.masters, "[service." + rule.name + "] at " + rule.where));
  return out;
}

std::vector<bunraku::master> own_listeners(const configuration& from) {
  std::vector<bunraku::master> out;
  for (const auto& l : from.listen)
    if (!l.address.empty()) out.emplace_back(l.address, l.port, bunraku::source_kind::list);
  return out;
}

}  // namespace

bool asks_srv(const configuration& from, const bunraku::site& site) noexcept {
  if (from.srv != srv_use::automatic) return from.srv == srv_use::yes;
  if (site.use_srv_records || !from.srv_domain.empty()) return true;
  const bool server_elsewhere = site.server_set && site.server != site.certname;
  const bool list_elsewhere =
      std::ranges::any_of(site.server_list, [&](const bunraku::site::host_port& s) { return s.host != site.certname; });
  return !server_elsewhere && !list_elsewhere;
}

bunraku::resolver_options assemble(const configuration& from, const bunraku::site& site) {
  bunraku::resolver_options made;
  auto adjusted = site;
  if (!from.srv_domain.empty()) adjusted.srv_domain = from.srv_domain;
  const bool srv = asks_srv(from, site);
  adjusted.use_srv_records = srv;
  const auto by_site = bunraku::services_of(adjusted, srv);
  for (std::size_t i = 0; i < from.services.size(); ++i) {
    const auto& rule = from.services[i];
    bunraku::service_options one;
    one.name = rule.name;
    one.pins = rule.pins;
    one.sources = sources_of(rule);
    if (one.sources.empty() && i < by_site.size()) one.sources = without_us(by_site[i].sources, from, site);
    if (!rule.source.empty()) one.sources.insert(one.sources.begin(), bunraku::source::plugin(rule.source));
    one.policy = rule.policy;
    one.probe = rule.probe;
    made.services.push_back(std::move(one));
  }
  made.dns = from.dns;
  made.connect = from.connect;
  made.demands = from.demands;
  made.never_dial = own_listeners(from);
  made.agent_patience = site.http_connect_timeout;
  made.affinity = site.certname;
  return made;
}

bunraku::credential_files files_of(const leg_files& leg, const bunraku::site& site) {
  auto files = site.credentials;
  // Another key has another passphrase, or none: the site's belongs to the site's key.
  if (!leg.key.empty()) files.passphrase_file.clear();
  const auto take = [](const std::string& mine, std::string& theirs) {
    if (!mine.empty()) theirs = mine;
  };
  take(leg.certificate, files.certificate);
  take(leg.key, files.private_key);
  take(leg.passphrase_file, files.passphrase_file);
  take(leg.ca, files.ca);
  take(leg.crl, files.crl);
  if (leg.check) files.check = *leg.check;
  return files;
}

}  // namespace shim::config
