#include "config/values.hpp"
#include "doctor/finding.hpp"

#include <algorithm>
#include <charconv>
#include <fmt/core.h>

namespace shim::doctor {
namespace {

using bunraku::site;

const site::given_setting* given(const site& from, std::string_view name) {
  const auto found = from.given.find(name);
  return found == from.given.end() ? nullptr : &found->second;
}

long long number_in(std::string_view text) {
  long long n = 0;
  std::from_chars(text.data(), text.data() + text.size(), n);
  return n;
}

/// A setting that makes the agent go past us, or run into us where it should not.
struct fighting {
  std::string_view setting;
  check_name check;
  gravity level;
  bool (*fights)(const facts&, const site&, const std::string& value);
  std::string_view what, why, fix;
};

/// Is a proxy at this place our way in `connect`? There are others on loopback.
bool is_us(const facts& of, std::string_view host, std::string_view port) {
  if (!of.configured || !(config::is_loopback(host) || host == "localhost")) return false;
  return std::ranges::any_of(of.configured->listen, [port](const config::listen_at& l) {
    return l.way == config::listen_at::way_in::connect && (!l.inherit.empty() || std::to_string(l.port) == port);
  });
}
/// The agent's own https requests come to us by CONNECT, whoever they are for.
bool comes_by_connect(const facts& of, const site& s) {
  const auto* host = given(s, "http_proxy_host");
  const auto* port = given(s, "http_proxy_port");
  return host != nullptr && is_us(of, host->value, port == nullptr ? "3128" : port->value);
}

constexpr fighting table[] = {
    {"server_list", "server-list", gravity::error,
     [](const facts& of, const site& s, const std::string& v) {
       // We first, and then where the agent goes without us: that is its way out, which `bunraku init` writes.
       const bool way_out = !s.server_list.empty() && s.server_list.front().host == s.certname;
       return !v.empty() && !way_out && !comes_by_connect(of, s);
     },
     "puppet.conf has a server_list that does not begin with this node.",
     "The agent chooses from it by itself and goes past bunraku: no failover within a run, no repeated requests.",
     "bunraku init --apply, or remove the line and name the masters in bunraku.toml: [service.catalog] masters = "
     "[...]"},
    {"use_srv_records", "srv-records", gravity::error,
     [](const facts& of, const site& s, const std::string& v) { return v == "true" && !comes_by_connect(of, s); },
     "use_srv_records is true.",
     "The agent asks DNS by itself and goes past bunraku; it never looks at the health of what it picks.",
     "Remove the line; bunraku asks the records all the same ([dns] srv = true)."},
    {"report_server", "report-server", gravity::error,
     [](const facts& of, const site& s, const std::string& v) { return v != s.certname && !comes_by_connect(of, s); },
     "report_server leads past bunraku.",
     "A report that its server does not take is lost: the agent never sends it again.",
     "Remove the line; name the report masters in bunraku.toml: [service.report] masters = [...]"},
    {"ca_server", "ca-server-is-us", gravity::warning,
     [](const facts& of, const site& s, const std::string& v) {
       return v == s.certname && s.server == s.certname && !comes_by_connect(of, s);
     },
     "ca_server is this node itself.",
     "The agent asks its CA without a client certificate, which bunraku refuses: CRLs are never refreshed.",
     "ca_server = the CA's real name"},
    {"sourceaddress", "source-address", gravity::error,
     [](const facts&, const site&, const std::string& v) { return !v.empty() && !config::is_loopback(v); },
     "sourceaddress binds the agent to an address of the network.",
     "From there it cannot connect to bunraku on loopback; runs fail.",
     "Remove the line: how bunraku reaches the masters is the routing table's matter."},
    {"certificate_revocation", "revocation-off", gravity::warning,
     [](const facts&, const site&, const std::string& v) { return v == "false"; }, "certificate_revocation is false.",
     "A master whose key was stolen and revoked is believed, by the agent and by bunraku.",
     "Remove the line (Puppet's default is chain), or write leaf"},
    {"http_keepalive_timeout", "keepalive", gravity::warning,
     [](const facts& of, const site&, const std::string& v) {
       return of.configured && std::chrono::seconds(number_in(v)) >= of.configured->limits.idle;
     },
     "http_keepalive_timeout is not shorter than [limits] idle.",
     "The agent may send a request on a connection that bunraku is just closing, and does not repeat it.",
     "Remove the line (Puppet's default is 4s), or raise [limits] idle above it"},
    {"http_read_timeout", "read-timeout", gravity::warning,
     [](const facts& of, const site&, const std::string& v) {
       return of.configured && std::chrono::seconds(number_in(v)) < of.configured->limits.deadline;
     },
     "http_read_timeout is shorter than [limits] deadline.",
     "The agent gives up while bunraku still has masters to try.",
     "Set [limits] deadline in bunraku.toml to less than http_read_timeout"},
    {"use_cached_catalog", "cached-catalog", gravity::note,
     [](const facts&, const site&, const std::string& v) { return v == "true"; }, "use_cached_catalog is true.",
     "The agent asks nobody for a catalog, so no failover of that service is ever seen.",
     "Remove the line if that is not meant"},
};

/// A variable of the environment wins over puppet.conf (Puppet::Util::HttpProxy).
const variable_fact* variable(const facts& of, std::string_view lower, std::string_view upper) {
  for (const auto name : {lower, upper})
    if (const auto found = std::ranges::find(of.environment, name, &variable_fact::name);
        found != of.environment.end() && !found->value.empty())
      return &*found;
  return nullptr;
}

/// Whether `text` ends as the pattern says, in which `*` stands for anything.
bool ends_as(std::string_view text, std::string_view pattern) {
  bool last = true;
  for (;;) {
    const auto star = pattern.rfind('*');
    const auto piece = pattern.substr(star == pattern.npos ? 0 : star + 1);
    const auto at = last && !text.ends_with(piece) ? text.npos : text.rfind(piece);
    if (at == text.npos) return false;
    if (star == pattern.npos) return true;
    text = text.substr(0, at);
    pattern = pattern.substr(0, star);
    last = false;
  }
}

/// Which names the agent does not ask a proxy for. Source: Puppet's http/proxy.rb.
std::string no_proxy_of(const facts& of) {
  if (const auto* set = variable(of, "no_proxy", "NO_PROXY")) return set->value;
  const auto* set = given(*of.site, "no_proxy");
  if (set == nullptr) return "localhost, 127.0.0.1";
  return set->value == "none" ? "" : set->value;
}

/// Each entry is the end of a name, ".example.com" and "example.com" too; a port may follow. Source: the same.
bool goes_past_proxies(std::string_view list, const site& node) {
  const auto with_port = fmt::format("{}:{}", node.certname, node.serverport);
  while (!list.empty()) {
    auto one = list.substr(0, list.find(','));
    list.remove_prefix(std::min(one.size() + 1, list.size()));
    while (!one.empty() && (one.front() == ' ' || one.front() == '\t')) one.remove_prefix(1);
    while (!one.empty() && (one.back() == ' ' || one.back() == '\t')) one.remove_suffix(1);
    if (!one.empty() && ends_as(one.contains(':') ? with_port : node.certname, one)) return true;
  }
  return false;
}

/// The list as it should be: what is in it stays.
std::string with_node(const std::string& list, const site& node) {
  return (list.empty() ? "localhost, 127.0.0.1" : list) + ", " + node.certname;
}

void check_proxy(const facts& of, std::vector<finding>& found) {
  const auto& s = *of.site;
  const auto* host = given(s, "http_proxy_host");
  if (host == nullptr || host->value.empty() || host->value == "none" || comes_by_connect(of, s)) return;
  const auto list = no_proxy_of(of);
  if (goes_past_proxies(list, s)) return;
  const auto* of_environment = variable(of, "no_proxy", "NO_PROXY");
  found.push_back({.level = gravity::error,
                   .check = "http-proxy",
                   .where = host->where,
                   .what = fmt::format("The agent sends everything through the proxy {}, and no_proxy does not except "
                                       "this node.",
                                       host->value),
                   .why = "Requests for this node's own name go to that proxy instead of to bunraku.",
                   .fix = of_environment == nullptr
                              ? "no_proxy = " + with_node(list, s)
                              : fmt::format("{}=\"{}\"   # {}, which wins over puppet.conf", of_environment->name,
                                            with_node(list, s), of_environment->where)});
}

std::string_view place_in(std::string_view url) {
  if (const auto at = url.find("://"); at != url.npos) url.remove_prefix(at + 3);
  if (const auto at = url.rfind('@'); at != url.npos) url.remove_prefix(at + 1);
  return url.substr(0, url.find('/'));
}
std::string_view host_of(std::string_view url) {
  const auto place = place_in(url);
  return place.substr(0, place.find(':'));
}
std::string_view port_of(std::string_view url) {
  const auto place = place_in(url);
  const auto colon = place.find(':');
  return colon == place.npos ? "80" : place.substr(colon + 1);
}

void check_proxy_of_environment(const facts& of, std::vector<finding>& found) {
  const auto& s = *of.site;
  const auto* proxy = variable(of, "http_proxy", "HTTP_PROXY");
  if (proxy == nullptr) return;
  const std::string host(host_of(proxy->value));
  if (is_us(of, host, port_of(proxy->value))) return;
  const auto list = no_proxy_of(of);
  if (goes_past_proxies(list, s)) return;
  found.push_back(
      {.level = gravity::error,
       .check = "http-proxy",
       .where = proxy->where,
       .what = fmt::format("{} sends the agent through the proxy {}, and no_proxy does not except this node.",
                           proxy->name, host),
       .why = "The environment wins over puppet.conf: requests for this node's own name go to that proxy "
              "instead of to bunraku.",
       .fix = fmt::format("no_proxy=\"{}\"   # in that file", with_node(list, s))});
}

/// Puppet's ca_port is serverport unless it is set, and serverport is ours now.
void check_ca_port(const facts& of, std::vector<finding>& found) {
  const auto& s = *of.site;
  const auto* server = given(s, "ca_server");
  if (server == nullptr || s.ca_server == s.certname || s.server != s.certname || comes_by_connect(of, s)) return;
  if (given(s, "ca_port") != nullptr || s.serverport == 8140) return;
  found.push_back({.level = gravity::error,
                   .check = "ca-port",
                   .where = server->where,
                   .what = fmt::format("ca_port is not set, so {} is asked at port {}, which is bunraku's here.",
                                       s.ca_server, s.serverport),
                   .why = "The CA does not listen there: CRLs and certificates are never renewed, and enrolling fails.",
                   .fix = "ca_port = 8140"});
}

/// ca_server follows `server` unless it is set, and `server` is this node now.
void check_ca_server_unset(const facts& of, std::vector<finding>& found) {
  const auto& s = *of.site;
  if (given(s, "ca_server") != nullptr || s.server != s.certname || s.ca_server != s.certname ||
      comes_by_connect(of, s))
    return;
  const auto* interval = given(s, "crl_refresh_interval");
  const bool asks_daily = number_in(of.agent_version) >= 8;
  if (!asks_daily && (interval == nullptr || interval->value.empty())) return;
  const auto* server = given(s, "server");
  found.push_back(
      {.level = gravity::warning,
       .check = "ca-server-is-us",
       .where = server != nullptr ? server->where : s.config_file,
       .what = "ca_server is not set, so it is this node itself, as server is.",
       .why = asks_daily ? "From Puppet 8 on the agent asks its CA daily, without a client certificate, which "
                           "bunraku refuses: CA certificates and CRLs are never refreshed, and each run warns of it."
                         : "The agent asks its CA without a client certificate, which bunraku refuses: CRLs are "
                           "never refreshed.",
       .fix = "ca_server = the CA's real name"});
}

void check_openvox(const facts& of, std::vector<finding>& found) {
  if (of.agent_version.empty() || of.site->server_set || number_in(of.agent_version) < 9) return;
  found.push_back({.level = gravity::error,
                   .check = "server-unset",
                   .where = of.site->config_file.empty() ? of.agent_version_file : of.site->config_file,
                   .what = fmt::format("puppet.conf sets no server, and the agent is {}.", of.agent_version),
                   .why = "From OpenVox 9 on an agent without `server` refuses to run, even where SRV records or "
                          "server_list name the masters.",
                   .fix = "server = $certname"});
}

}  // namespace

void check_puppet_settings(const facts& of, std::vector<finding>& found) {
  if (!of.site) return;
  for (const auto& row : table) {
    const auto* set = given(*of.site, row.setting);
    if (set == nullptr || !row.fights(of, *of.site, set->value)) continue;
    found.push_back({.level = row.level,
                     .check = row.check,
                     .where = set->where,
                     .what = std::string(row.what),
                     .why = std::string(row.why),
                     .fix = std::string(row.fix)});
  }
  check_proxy(of, found);
  check_proxy_of_environment(of, found);
  check_ca_port(of, found);
  check_ca_server_unset(of, found);
  check_openvox(of, found);
}

}  // namespace shim::doctor
