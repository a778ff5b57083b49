#include "config/sections.hpp"
#include "config/table_reader.hpp"
#include "config/values.hpp"

#include <algorithm>
#include <array>

namespace shim::config {
namespace {

constexpr std::array<std::string_view, 4> builtins{"ca", "catalog", "files", "report"};
constexpr std::uint16_t puppet_port = 8140;

bool is_service_name(std::string_view name) {
  return !name.empty() && name.size() <= 32 && name.front() >= 'a' && name.front() <= 'z' &&
         std::ranges::all_of(
             name, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-'; });
}

// What Puppet itself calls them, which people will write.
std::string_view our_word_for(std::string_view name) {
  if (name == "puppet" || name == "compile" || name == "compiler" || name == "catalogs") return "catalog";
  if (name == "fileserver" || name == "file") return "files";
  if (name == "reports") return "report";
  return {};
}

void read_masters(table_reader& in, service_rule& into) {
  for (const auto& text : in.texts("masters")) {
    const auto parsed = parse_host_and_port(text);
    if (!parsed || parsed->port == std::uint16_t{0}) {
      in.error("masters", "\"" + text.substr(0, 256) + "\" is no master.",
               "Give \"host:port\", as \"compile1.example.com:8140\" or \"[2001:db8::1]:8140\".");
      continue;
    }
    const bunraku::master one(parsed->host, parsed->port.value_or(puppet_port), bunraku::source_kind::list);
    if (std::ranges::find(into.masters, one) != into.masters.end())
      in.error("masters", one.to_string() + " is named twice.", "Remove one of the two.");
    else into.masters.push_back(one);
  }
}

void read_srv_names(table_reader& in, service_rule& into) {
  for (const auto& text : in.texts("srv_name")) {
    const auto parsed = parse_host_and_port(text);
    if (!parsed || parsed->port || is_ip_address(parsed->host) || parsed->host.find('.') == std::string::npos)
      in.error("srv_name", "\"" + text.substr(0, 256) + "\" is no SRV record's name.",
               "Give the whole name, as \"_x-puppet-canary._tcp.example.com\".");
    else into.srv_names.push_back(parsed->host);
  }
}

void read_names(table_reader& in, const configuration& before, service_rule& into) {
  const auto same = [](const bunraku::site::host_port& a, const bunraku::site::host_port& b) {
    return a.host == b.host && a.port == b.port;
  };
  for (const auto& text : in.texts("names")) {
    const auto parsed = parse_host_and_port(text);
    if (!parsed || parsed->port == std::uint16_t{0}) {
      in.error("names", "\"" + text.substr(0, 256) + "\" is no name that an agent could ask for.",
               "Give \"puppet.example.com\", with a port if it is not 8140.");
      continue;
    }
    const bunraku::site::host_port one{parsed->host, parsed->port.value_or(puppet_port)};
    for (const auto& s : before.services)
      if (s.name != into.name && std::ranges::any_of(s.names, [&](const auto& n) { return same(n, one); }))
        in.error("names", "\"" + text + "\" is a name of service `" + s.name + "` already (" + s.where + ").",
                 "Leave it with one of them.");
    into.names.push_back(one);
  }
}

// The name of a plugin that has a table.
std::string plugin_in(table_reader& in, const char* key, const configuration& before) {
  auto name = in.text(key);
  std::vector<std::string_view> known;
  for (const auto& p : before.plugins) known.push_back(p.name);
  if (name.empty() || std::ranges::find(known, name) != known.end()) return name;
  const auto meant = nearest(name, known);
  in.error(key, "There is no plugin `" + name + "`.",
           meant.empty() ? "Add [plugin." + name.substr(0, 32) + "]." : "Did you mean `" + std::string(meant) + "`?");
  return {};
}

void read_service(const std::string& name, const node& from, const std::string& file, configuration& into,
                  bunraku::problems& found) {
  const auto at = file + ":" + std::to_string(from.line);
  if (from.type != node::kind::table) {
    found.emplace_back(bunraku::severity::error, at, "`" + name + "` stands in [service], where only tables may be.",
                       "Write [service.NAME] and the key below it.");
    return;
  }
  const bool builtin = std::ranges::find(builtins, name) != builtins.end();
  if (const auto ours = our_word_for(name); !ours.empty()) {
    found.emplace_back(bunraku::severity::error, at, "There is no service `" + name + "` here.",
                       "Write [service." + std::string(ours) + "].");
    return;
  }
  if (!is_service_name(name)) {
    found.emplace_back(bunraku::severity::error, at, "A service cannot be called `" + name.substr(0, 64) + "`.",
                       "Use 1 to 32 of a-z, 0-9, _ and -, a letter first.");
    return;
  }
  table_reader in(&from, "service." + name, file, found);
  service_rule rule;
  rule.name = name;
  rule.where = at;
  read_masters(in, rule);
  read_srv_names(in, rule);
  read_names(in, into, rule);
  rule.source = plugin_in(in, "source", into);
  rule.policy = plugin_in(in, "policy", into);
  rule.probe = plugin_in(in, "probe", into);
  rule.pins = read_pins(in);
  rule.first_byte_timeout = in.duration("first_byte_timeout");
  if (builtin) {
    for (auto& known : into.services)
      if (known.name == name) known = rule;
    return;
  }
  const auto names_any = [&](const char* key) {
    const auto* at = in.given(key);
    return at != nullptr && (at->type != node::kind::array || !at->items.empty());
  };
  if (!names_any("masters") && !names_any("srv_name") && !names_any("source"))
    in.error({}, "[service." + name + "] has no masters.", "Add `masters`, `srv_name` or `source`.");
  into.services.push_back(std::move(rule));
}

void read_conditions(table_reader& in, route_rule& rule) {
  rule.path_prefix = in.text("path_prefix");
  if (!rule.path_prefix.empty() &&
      (!rule.path_prefix.starts_with('/') || rule.path_prefix.find_first_of(" ?#") != std::string::npos))
    in.error("path_prefix", "\"" + rule.path_prefix + "\" is not how a path begins.",
             "Begin with /, and leave out spaces and the query.");
  rule.environment = in.text("environment");
  // Source: Puppet's rule for environment names, lib/puppet/node/environment.rb.
  if (!std::ranges::all_of(rule.environment,
                           [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; }))
    in.error("environment", "\"" + rule.environment + "\" is no environment.", "Puppet's names are of a-z, 0-9 and _.");
  if (auto header = in.pair("header")) {
    if (!is_header_name(header->first))
      in.error("header", "\"" + header->first.substr(0, 64) + "\" is no header name.", "Give one like \"X-Canary\".");
    rule.header_name = std::move(header->first);
    rule.header_value = std::move(header->second);
  }
  if (in.given("path_prefix") == nullptr && in.given("environment") == nullptr && in.given("header") == nullptr)
    in.error({}, "This [[route]] has no condition.", "Add path_prefix, environment or header.");
}

}  // namespace

void read_services(const node& root, const std::string& file, configuration& into, bunraku::problems& found) {
  for (const auto name : builtins) {
    table_reader defaults(nullptr, "service." + std::string(name), file, found);
    service_rule rule;
    rule.name = name;
    rule.first_byte_timeout = defaults.duration("first_byte_timeout");
    into.services.push_back(std::move(rule));
  }
  const auto* all = root.find("service");
  if (all == nullptr) return;
  if (all->type != node::kind::table) {
    found.emplace_back(bunraku::severity::error, file + ":" + std::to_string(all->line), "`service` must be tables.",
                       "Write [service.NAME], with single brackets.");
    return;
  }
  if (all->members.size() > 64)
    found.emplace_back(bunraku::severity::error, file + ":" + std::to_string(all->line),
                       "There are " + std::to_string(all->members.size()) + " services.", "Have at most 64.");
  for (const auto& from : all->members) read_service(from.name, from, file, into, found);
}

void read_routes(const node& root, const std::string& file, configuration& into, bunraku::problems& found) {
  for (const auto* entry : entries_of(root, "route", file, found)) {
    table_reader in(entry, "route", file, found);
    if (entry->type != node::kind::table) continue;
    route_rule rule;
    rule.where = in.where();
    const auto name = in.text("service");
    std::vector<std::string_view> known;
    for (const auto& s : into.services) known.push_back(s.name);
    const auto at = std::ranges::find(known, name);
    if (at != known.end()) {
      rule.service = static_cast<bunraku::service>(at - known.begin());
    } else if (in.given("service") == nullptr) {
      in.error({}, "This [[route]] names no service.",
               "Add service = \"NAME\", and [service.NAME] if it is a new one.");
    } else if (!name.empty()) {
      const auto meant = nearest(name, known);
      in.error("service", "There is no service `" + name + "`.",
               meant.empty() ? "Add [service." + name + "] with its masters."
                             : "Did you mean `" + std::string(meant) + "`? Else add [service." + name + "].");
    }
    read_conditions(in, rule);
    for (const auto& before : into.routes)
      if (before.path_prefix == rule.path_prefix && before.environment == rule.environment &&
          before.header_name == rule.header_name && before.header_value == rule.header_value)
        in.warning({}, "This [[route]] never matches: the one at " + before.where + " has the same conditions.",
                   "Remove one of them.");
    into.routes.push_back(std::move(rule));
  }
  for (const auto& s : into.services) {
    const bool builtin = std::ranges::find(builtins, s.name) != builtins.end();
    const bool used = std::ranges::any_of(
        into.routes, [&](const route_rule& r) { return into.services[bunraku::index_of(r.service)].name == s.name; });
    if (!builtin && !used && s.names.empty())
      found.emplace_back(bunraku::severity::warning, s.where,
                         "No [[route]] sends anything to service `" + s.name + "`.",
                         "Add a [[route]] with service = \"" + s.name + "\", or `names`.");
  }
}

}  // namespace shim::config
