#include "init/plan.hpp"

#include "init/text_edits.hpp"

#include <algorithm>

namespace shim::init {
namespace {

using host_port = bunraku::site::host_port;

bool is_us(const host_facts& seen, const host_port& at) {
  return at.host == seen.site.certname && at.port == seen.port;
}

std::string to_string(const host_port& at) { return at.host + ':' + std::to_string(at.port); }

std::string joined(const std::vector<host_port>& all) {
  std::string out;
  for (const auto& one : all) out += (out.empty() ? "" : ",") + to_string(one);
  return out;
}

/// The masters that puppet.conf names now, and with them where the agent goes without us.
std::vector<host_port> masters_named(const host_facts& seen) {
  std::vector<host_port> out;
  const auto& site = seen.site;
  for (const auto& one : site.server_list)
    if (!is_us(seen, one)) out.push_back(one);
  if (out.empty() && site.server_set && site.server != site.certname) out.push_back({site.server, site.serverport});
  return out;
}

bool listens_at(const host_facts& seen, std::string_view address) {
  return std::ranges::find(seen.addresses, address) != seen.addresses.end();
}

/// The settings as they have to be; empty when they are so already.
settings wanted_settings(const host_facts& seen, const std::vector<host_port>& fallback, plan& into) {
  const auto& site = seen.site;
  settings out;
  const auto demand = [&](const char* name, const std::string& value) { out.emplace_back(name, value); };
  bool changes = !site.server_set || site.server != site.certname || site.serverport != seen.port;
  demand("server", site.certname);
  if (site.serverport != seen.port) demand("serverport", std::to_string(seen.port));

  std::vector<host_port> list;
  if (!fallback.empty()) {
    list.push_back({site.certname, seen.port});
    list.insert(list.end(), fallback.begin(), fallback.end());
  }
  if (!list.empty() || !site.server_list.empty()) demand("server_list", joined(list));
  changes = changes || joined(list) != joined(site.server_list);

  if (site.use_srv_records) demand("use_srv_records", "false");
  changes = changes || site.use_srv_records;

  std::string ca = seen.ca_server;
  if (ca.empty() && !site.ca_server_set && !fallback.empty()) ca = fallback.front().host;
  if (!ca.empty()) {
    demand("ca_server", ca);
    changes = changes || !site.ca_server_set || site.ca_server != ca;
    // Puppet's default for it is serverport, which is ours from now on.
    const auto port = site.ca_port != site.serverport || fallback.empty() ? site.ca_port : fallback.front().port;
    if (port != seen.port) demand("ca_port", std::to_string(port));
  } else if (!site.ca_server_set) {
    into.notes.emplace_back(
        "Nothing names the CA: an agent asks it without a certificate (when its CRL is refreshed), and bunraku refuses "
        "that. Say --ca-server NAME.");
  } else if (site.ca_port == site.serverport && site.ca_port != seen.port) {
    demand("ca_port", std::to_string(site.ca_port));
  }
  // So it is for reports, where they go on past us.
  const bool reports_elsewhere = site.report_server_set && site.report_server != site.certname;
  if (reports_elsewhere && site.report_port == site.serverport && site.report_port != seen.port)
    demand("report_port", std::to_string(site.report_port));
  if (!changes) out.clear();
  return out;
}

void edit_puppet_conf(const host_facts& seen, const std::vector<host_port>& fallback, plan& into) {
  const auto wanted = wanted_settings(seen, fallback, into);
  if (wanted.empty()) return;
  edit one{seen.puppet_conf.path, seen.puppet_conf.text, {}, {}};
  one.after = with_agent_settings(seen.puppet_conf.text.value_or(""), wanted);
  for (const auto& [name, value] : wanted)
    one.why.push_back("[agent] " + name + (value.empty() ? " =" : " = " + value));
  into.edits.push_back(std::move(one));
}

void edit_hosts(const host_facts& seen, plan& into) {
  const auto& addresses = seen.certname_addresses;
  if (!addresses.empty() && std::ranges::all_of(addresses, [&](const auto& a) { return listens_at(seen, a); })) return;
  const std::string ours = listens_at(seen, "127.0.1.1") ? "127.0.1.1" : seen.addresses.front();
  edit one{seen.hosts.path, seen.hosts.text, {}, {}};
  one.after = with_name(seen.hosts.text.value_or(""), seen.site.certname, ours);
  if (one.after == one.before) return;  // its later lines, or DNS, add addresses that come after
  std::string now;
  for (const auto& a : addresses) now += (now.empty() ? "" : ", ") + a;
  one.why.push_back(seen.site.certname + " leads to " + ours +
                    (now.empty() ? " (now: to nothing)" : " (now: to " + now + ")"));
  into.edits.push_back(std::move(one));
  if (!now.empty())
    into.notes.push_back("Other programs of this host reach " + seen.site.certname + " at " + ours +
                         ", too, then. If that is not good, use the way in `connect` instead.");
}

void edit_bunraku_toml(const host_facts& seen, const std::vector<host_port>& fallback, plan& into) {
  // puppet.conf will name masters behind this node, which is a reason not to ask SRV unless told to.
  const bool wants_srv = seen.site.use_srv_records;
  if (!wants_srv || seen.toml_decides_srv || fallback.empty()) return;
  if (seen.bunraku_toml.text) {
    auto& where = seen.unattended ? into.refused : into.notes;
    where.push_back("puppet.conf finds masters by SRV: set srv = true below [dns] in " + seen.bunraku_toml.path +
                    ", so that bunraku does.");
    return;
  }
  into.edits.push_back({seen.bunraku_toml.path,
                        std::nullopt,
                        "# Written by bunraku init: puppet.conf had use_srv_records = true.\n[dns]\nsrv = true\n",
                        {"[dns] srv = true, as puppet.conf's use_srv_records now"}});
}

}  // namespace

plan make_plan(const host_facts& seen) {
  plan made;
  if (seen.site.certname.empty()) {
    made.refused.emplace_back("puppet.conf has no certname, and this host has no full name.");
    return made;
  }
  if (seen.addresses.empty()) {
    made.refused.emplace_back(
        "bunraku.toml has no [[listen]] for way = \"terminate\": an agent with server = $certname would find nobody.");
    return made;
  }
  const auto fallback = seen.fallback.empty() ? masters_named(seen) : seen.fallback;
  if (std::ranges::any_of(fallback, [&](const host_port& f) { return is_us(seen, f); })) {
    made.refused.emplace_back("--fallback names this node itself: without bunraku nobody serves there.");
    return made;
  }
  edit_puppet_conf(seen, fallback, made);
  edit_hosts(seen, made);
  edit_bunraku_toml(seen, fallback, made);
  if (fallback.empty())
    (seen.unattended ? made.refused : made.notes)
        .emplace_back(
            "No way out: without bunraku this agent finds no master. Say --fallback HOST (one that serves all of "
            "Puppet), and it goes there when bunraku does not answer.");
  if (seen.site.report_server_set && seen.site.report_server != seen.site.certname)
    made.notes.push_back(
        "Reports go on to " + seen.site.report_server +
        " directly: puppet.conf's report_server says so. Without that setting they go through bunraku.");
  if (seen.has_systemd) made.enable = seen.off_units;
  else made.notes.emplace_back("systemd does not run here: see to it that `bunraku run` starts with the host.");
  if (!made.refused.empty()) made = plan{{}, {}, {}, std::move(made.refused)};
  return made;
}

}  // namespace shim::init
