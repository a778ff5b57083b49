#include "cli/print_check.hpp"

#include "cli/text_table.hpp"
#include "config/assemble.hpp"
#include "config/values.hpp"
#include "tunnel/name_table.hpp"

#include <bunraku/endpoint.hpp>

#include <boost/json.hpp>

#include <algorithm>
#include <array>
#include <ctime>
#include <ostream>
#include <string>

namespace shim::cli {
namespace {

using config::listen_at;
using repeat = bunraku::endpoint::repeat;

std::string day_of(std::chrono::sys_seconds t) {
  const std::time_t seconds = t.time_since_epoch().count();
  std::tm parts{};
  std::array<char, 64> out{};
  if (::gmtime_r(&seconds, &parts) == nullptr) return "a time beyond all years";
  return {out.data(), std::strftime(out.data(), out.size(), "%Y-%m-%d %H:%M UTC", &parts)};
}

std::string who_may(const listen_at& l) {
  if (l.way == listen_at::way_in::terminate) return "clients with this node's own key";
  if (l.way != listen_at::way_in::socket) return "every local user; it gives nobody an identity";
  bunraku::problems unknown;  // told already when the configuration was read
  std::string out = "uid";
  for (const auto uid : daemon::allowed_uids(l, unknown)) out += ' ' + std::to_string(uid);
  return out;
}

std::string what_of(const bunraku::source& s) {
  std::string out;
  const auto add = [&out](const std::string& one, const char* between) {
    if (!out.empty()) out += between;
    out += one;
  };
  for (const auto& name : s.owner_names()) add(name, ", else ");
  for (const auto& m : s.masters()) add(m.to_string(), ", ");
  return s.origin().empty() ? out : out + " (" + s.origin() + ")";
}

std::string condition_of(const config::route_rule& r) {
  std::string out;
  const auto add = [&out](const std::string& one) { out += (out.empty() ? "" : " and ") + one; };
  if (!r.path_prefix.empty()) add("path " + r.path_prefix + "...");
  if (!r.environment.empty()) add("environment " + r.environment);
  if (!r.header_name.empty()) add("header " + r.header_name + ": " + r.header_value);
  return out;
}

std::string_view word_for(repeat r) {
  switch (r) {
    case repeat::anywhere: return "another master";
    case repeat::unsent_only: return "if surely unread";
    case repeat::same_master: return "same master";
    case repeat::never: return "no";
  }
  return {};
}

void print_identity(std::ostream& to, const daemon::setup& made, const daemon::leg_identities& legs) {
  text_table table;
  const auto& file = made.configuration->file;
  table.add({"configuration", file.empty() ? "none: all defaults" : file});
  if (made.site) {
    const auto& site = *made.site;
    table.add(
        {"puppet.conf", (site.config_file.empty() ? "none" : site.config_file) + " (" + site.layout + " layout)"});
    table.add({"ssldir", site.ssldir});
    table.add({"certname", site.certname});
  }
  const auto leg = [&](const char* name, const std::shared_ptr<const bunraku::identity>& who) {
    if (!who) return;
    table.add({name, who->certname() + ", valid until " + day_of(who->certificate_not_after())});
    table.add({"  from", who->files().certificate});
    table.add({"  CA until", day_of(who->ca_not_after())});
    if (const auto end = who->crl_next_update()) table.add({"  CRL until", day_of(*end)});
  };
  if (legs.local == legs.upstream) {
    leg("identity", legs.upstream);
  } else {
    leg("to masters", legs.upstream);
    leg("to clients", legs.local);
  }
  table.print(to, 0);
}

boost::json::object json_of(const bunraku::identity& who) {
  boost::json::object o{{"certname", who.certname()},
                        {"certificate", who.files().certificate},
                        {"not_after", who.certificate_not_after().time_since_epoch().count()},
                        {"ca_not_after", who.ca_not_after().time_since_epoch().count()},
                        {"spki_sha256", who.spki_sha256()}};
  if (const auto end = who.crl_next_update()) o["crl_next_update"] = end->time_since_epoch().count();
  return o;
}

boost::json::array json_of_services(const daemon::setup& made) {
  boost::json::array out;
  for (std::size_t i = 0; i < made.options->services.size(); ++i) {
    const auto& s = made.options->services[i];
    boost::json::array sources;
    for (const auto& one : s.sources) {
      boost::json::array names, masters;
      for (const auto& n : one.owner_names()) names.emplace_back(n);
      for (const auto& m : one.masters()) masters.emplace_back(m.to_string());
      boost::json::object o{{"source", bunraku::name_of(one.kind())}};
      if (!names.empty()) o["owner_names"] = std::move(names);
      if (!masters.empty()) o["masters"] = std::move(masters);
      if (!one.origin().empty()) o["origin"] = one.origin();
      sources.push_back(std::move(o));
    }
    out.push_back(
        boost::json::object{{"name", s.name},
                            {"first_byte_timeout_ms", made.configuration->services[i].first_byte_timeout.count()},
                            {"sources", std::move(sources)}});
  }
  return out;
}

boost::json::array json_of_routes(const config::configuration& c) {
  boost::json::array out;
  for (const auto& r : c.routes) {
    boost::json::object o{{"service", c.services[bunraku::index_of(r.service)].name}, {"where", r.where}};
    if (!r.path_prefix.empty()) o["path_prefix"] = r.path_prefix;
    if (!r.environment.empty()) o["environment"] = r.environment;
    if (!r.header_name.empty()) o["header"] = boost::json::object{{"name", r.header_name}, {"value", r.header_value}};
    out.push_back(std::move(o));
  }
  return out;
}

// What puppet.conf has to say so that an agent comes in this way.
std::string agent_sets(const listen_at& l, const bunraku::site& site) {
  const auto at = l.inherit.empty() ? l.address : std::string("its address");
  const auto port = l.inherit.empty() ? std::to_string(l.port) : std::string("its port");
  switch (l.way) {
    case listen_at::way_in::terminate: return "server = " + site.certname + ", serverport = " + port;
    case listen_at::way_in::connect: return "http_proxy_host = " + at + ", http_proxy_port = " + port;
    case listen_at::way_in::passthrough: return "serverport = " + port + ", and the names below in /etc/hosts: " + at;
    case listen_at::way_in::socket: break;
  }
  return "-";
}

bool has_tunnels(const config::configuration& c) {
  return std::ranges::any_of(c.listen, [](const listen_at& l) {
    return l.way == listen_at::way_in::connect || l.way == listen_at::way_in::passthrough;
  });
}

void print_names(std::ostream& to, const tunnel::name_table& names) {
  to << "\nNames for connect and passthrough\n";
  text_table table({"name", "leads to", "from"});
  for (const auto& e : names.entries())
    table.add({bunraku::master(e.host, e.port, bunraku::source_kind::list).to_string(), names.service_name(e.service),
               std::string(e.origin)});
  for (const auto port : names.own_ports())
    table.add(
        {bunraku::master(names.certname(), port, bunraku::source_kind::list).to_string(), "terminate", "certname"});
  table.print(to);
}

boost::json::array json_of_names(const tunnel::name_table& names) {
  boost::json::array out;
  for (const auto& e : names.entries())
    out.push_back(boost::json::object{
        {"host", e.host}, {"port", e.port}, {"service", names.service_name(e.service)}, {"origin", e.origin}});
  return out;
}

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const auto& w : words) out += (out.empty() ? "" : ", ") + w;
  return out;
}

void print_plugins(std::ostream& to, const std::vector<bunraku::plugin_facts>& plugins) {
  to << "\nPlugins\n";
  text_table table({"plugin", "version", "kinds", ""});
  for (const auto& p : plugins) {
    const bool refused = p.now == bunraku::plugin_facts::state::refused;
    table.add({p.name, p.version, joined(p.kinds), refused ? "refused: " + p.reason : p.about});
  }
  table.print(to);
}

boost::json::array json_of_plugins(const std::vector<bunraku::plugin_facts>& plugins) {
  boost::json::array out;
  for (const auto& p : plugins) {
    const bool refused = p.now == bunraku::plugin_facts::state::refused;
    boost::json::object o{{"name", p.name}, {"file", p.file}, {"good", !refused}};
    if (refused) o["reason"] = p.reason;
    else {
      o["version"] = p.version;
      o["kinds"] = boost::json::value_from(p.kinds);
    }
    out.push_back(std::move(o));
  }
  return out;
}

void print_services(std::ostream& to, const daemon::setup& made) {
  to << "\nServices\n";
  text_table services({"service", "first byte", "source", "masters"});
  for (std::size_t i = 0; i < made.options->services.size(); ++i) {
    const auto& s = made.options->services[i];
    std::string name = s.name, limit = config::to_string(made.configuration->services[i].first_byte_timeout);
    if (s.sources.empty()) services.add({name, limit, "none", ""});
    for (const auto& one : s.sources) {
      services.add({name, limit, std::string(bunraku::name_of(one.kind())), what_of(one)});
      name = limit = "";
    }
  }
  services.print(to);
}

}  // namespace

void print(std::ostream& to, const daemon::setup& made, const daemon::leg_identities& legs,
           const std::vector<bunraku::plugin_facts>& plugins) {
  if (!made.sound) return;
  const auto& c = *made.configuration;
  print_identity(to, made, legs);
  to << "\nWays in\n";
  text_table ways({"way", "where", "for", "the agent sets"});
  for (const auto& l : c.listen)
    ways.add({std::string(name_of(l.way)), to_string(l) + (l.implied ? " (default)" : ""), who_may(l),
              made.site ? agent_sets(l, *made.site) : ""});
  ways.print(to);
  if (made.site && has_tunnels(c)) print_names(to, tunnel::name_table(c, *made.site));
  if (made.options) print_services(to, made);

  if (!plugins.empty()) print_plugins(to, plugins);

  to << "\nRoutes, the first that fits\n";
  text_table routes({"request", "service", "after a broken connection", "after 502, 503, 504"});
  for (const auto& r : c.routes) routes.add({condition_of(r), c.services[bunraku::index_of(r.service)].name, "", ""});
  for (const auto& e : bunraku::endpoints())
    routes.add({std::string(e.name), std::string(bunraku::builtin_name(e.service)), std::string(word_for(e.unanswered)),
                std::string(word_for(e.server_error))});
  routes.print(to);
}

boost::json::object to_json(const daemon::setup& made, const daemon::leg_identities& legs,
                            const std::vector<bunraku::plugin_facts>& plugins) {
  boost::json::object out;
  boost::json::array found;
  for (const auto& p : made.found)
    found.push_back(boost::json::object{{"severity", p.level() == bunraku::severity::error ? "error" : "warning"},
                                        {"where", p.where()},
                                        {"what", p.what()},
                                        {"fix", p.fix()}});
  out["problems"] = std::move(found);
  if (!plugins.empty()) out["plugins"] = json_of_plugins(plugins);
  if (!made.sound) return out;
  const auto& c = *made.configuration;
  out["configuration"] = c.file;
  boost::json::array listen;
  for (const auto& l : c.listen)
    listen.push_back(boost::json::object{{"way", name_of(l.way)}, {"where", to_string(l)}, {"default", l.implied}});
  out["listen"] = std::move(listen);
  if (made.site) {
    out["puppet_conf"] = made.site->config_file;
    out["layout"] = made.site->layout;
    out["ssldir"] = made.site->ssldir;
    out["certname"] = made.site->certname;
    if (has_tunnels(c)) out["names"] = json_of_names(tunnel::name_table(c, *made.site));
  }
  if (legs.upstream) out["upstream"] = json_of(*legs.upstream);
  if (legs.local) out["local"] = json_of(*legs.local);
  if (made.options) out["services"] = json_of_services(made);
  out["routes"] = json_of_routes(c);
  boost::json::array endpoints;
  for (const auto& e : bunraku::endpoints())
    endpoints.push_back(boost::json::object{{"name", e.name}, {"service", bunraku::builtin_name(e.service)}});
  out["endpoints"] = std::move(endpoints);
  return out;
}

}  // namespace shim::cli
