#include "config/configuration.hpp"

#include "config/sections.hpp"
#include "config/table_reader.hpp"
#include "config/values.hpp"

#include <bunraku/token_uri.hpp>

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

namespace shim::config {
namespace {

using bunraku::problems;
using bunraku::severity;

std::string heading_of(std::string_view table) {
  const std::string name(table);
  if (name == "listen" || name == "route") return "[[" + name + "]]";
  return name == "service" || name == "plugin" ? "[" + name + ".NAME]" : "[" + name + "]";
}

void refuse_unknown_tables(const node& root, const std::string& file, problems& found) {
  for (const auto& value : root.members) {
    const auto& name = value.name;
    if (std::ranges::find(all_tables(), name) != all_tables().end()) continue;
    std::string fix;
    if (const auto table = nearest(name, all_tables()); !table.empty()) fix = "Did you mean " + heading_of(table) + "?";
    const bool is_table = value.type == node::kind::table || (value.type == node::kind::array && !value.items.empty() &&
                                                              value.items.front().type == node::kind::table);
    // A key above all tables: say which table it belongs to, if one has it.
    if (!is_table)
      for (const auto& row : all_keys())
        if (row.name == name) {
          fix = "`" + name + "` belongs below " + heading_of(row.table) + ".";
          break;
        }
    if (fix.empty()) fix = "See bunraku.toml.example for what there is.";
    found.emplace_back(
        severity::error, file + ":" + std::to_string(value.line),
        is_table ? "There is no table [" + name + "]." : "There is no key `" + name + "` outside of a table.", fix);
  }
}

leg_files read_leg(table_reader& in) {
  leg_files leg{in.text("certificate"), in.text("key"), in.text("passphrase_file"), in.text("ca"), in.text("crl"), {}};
  const auto check = in.text("revocation");
  if (check == "chain") leg.check = bunraku::revocation::chain;
  if (check == "leaf") leg.check = bunraku::revocation::leaf;
  if (check == "none") leg.check = bunraku::revocation::none;
  if (in.given("certificate") != nullptr && in.given("key") == nullptr)
    in.error("certificate", "[" + in.table() + "] has a certificate and no key.", "Add `key`: the two go together.");
  if (in.given("key") != nullptr && in.given("certificate") == nullptr)
    in.error("key", "[" + in.table() + "] has a key and no certificate.", "Add `certificate`: the two go together.");
  if (bunraku::is_token_uri(leg.key) && in.given("passphrase_file") != nullptr)
    in.error("passphrase_file", "[" + in.table() + "] has a key in a token, and that has no passphrase.",
             "Name the file with the token's PIN in the URI, by ?pin-source=FILE, and remove this line.");
  if (leg.check == bunraku::revocation::none)
    in.warning("revocation", "[" + in.table() + "] does not look at any CRL: a revoked certificate is taken for good.",
               "Use \"leaf\" or \"chain\" unless your CA publishes no CRL.");
  return leg;
}

std::optional<std::string> read_name_server(table_reader& in, const char* key, const std::string& given) {
  std::string plain = given, interface;  // of a link-local address: "[fe80::53%eth0]:5353"
  if (const auto at = given.find('%'); at != std::string::npos) {
    interface = given.substr(at, std::min(given.find(']', at), given.size()) - at);
    plain.erase(at, interface.size());
  }
  const auto server = parse_host_and_port(plain);
  if (server && is_ip_address(server->host) && server->port != std::uint16_t{0}) {
    if (interface.empty())
      return bunraku::master(server->host, server->port.value_or(53), bunraku::source_kind::list).to_string();
    if (interface.size() > 1 && server->host.contains(':')) return given;
  }
  in.error(key, "\"" + given.substr(0, 64) + "\" is no name server's address.",
           "Give IP addresses, with a port if it is not 53: \"192.0.2.53\", \"127.0.0.1:5353\", \"[::1]:53\", "
           "\"fe80::53%eth0\".");
  return std::nullopt;
}

/// "consul 127.0.0.1:8600 127.0.0.2:8600"
void read_forward(table_reader& in, const std::string& given, configuration& into) {
  std::vector<std::string> words;
  for (std::size_t at = 0; (at = given.find_first_not_of(' ', at)) != std::string::npos;) {
    const auto end = std::min(given.find(' ', at), given.size());
    words.push_back(given.substr(at, end - at));
    at = end;
  }
  const auto domain = parse_host_and_port(words.empty() ? "" : words.front());
  if (!domain || domain->port || is_ip_address(domain->host)) {
    in.error("forward", "\"" + given.substr(0, 64) + "\" does not begin with a domain.",
             "Give the domain, and then its name servers: \"consul 127.0.0.1:8600\".");
    return;
  }
  bunraku::dns_forward one{domain->host, {}};
  for (std::size_t i = 1; i < words.size(); ++i)
    if (auto server = read_name_server(in, "forward", words[i])) one.nameservers.push_back(std::move(*server));
  if (words.size() < 2)
    in.error("forward", "\"" + given.substr(0, 64) + "\" names no server for this domain.",
             "Give the domain, and then its name servers: \"consul 127.0.0.1:8600\".");
  if (std::ranges::any_of(into.dns.forward, [&](const auto& other) { return other.domain == one.domain; }))
    in.error("forward", "`" + one.domain + "` is there twice.", "Put all of its name servers into one.");
  else if (!one.nameservers.empty()) into.dns.forward.push_back(std::move(one));
}

void read_dns(table_reader& in, configuration& into) {
  for (const auto& given : in.texts("nameservers"))
    if (auto server = read_name_server(in, "nameservers", given)) into.dns.nameservers.push_back(std::move(*server));
  for (const auto& given : in.texts("forward")) read_forward(in, given, into);
  into.dns.hosts_file = in.text("hosts_file");
  if (!into.dns.hosts_file.empty() && !into.dns.hosts_file.starts_with('/'))
    in.error("hosts_file", "`hosts_file` is not an absolute path.", "Begin it with /, or give \"\" to use none.");
  into.dns.lookup_deadline = in.duration("lookup_deadline");
  into.dns.try_timeout = in.duration("try_timeout");
  // Only a try_timeout that was asked for can be wrong; the default gives way.
  if (into.dns.try_timeout > into.dns.lookup_deadline) {
    if (in.given("try_timeout") != nullptr)
      in.error("try_timeout",
               "`try_timeout` is longer than `lookup_deadline` (" + to_string(into.dns.lookup_deadline) + ").",
               "Make it shorter, so that a second name server can be asked in time.");
    into.dns.try_timeout = into.dns.lookup_deadline;
  }
  into.dns.ttl_floor = std::chrono::ceil<std::chrono::seconds>(in.duration("ttl_floor"));
  into.dns.stale_for = std::chrono::ceil<std::chrono::seconds>(in.duration("stale_for"));
  into.dns.vanished_for = std::chrono::ceil<std::chrono::seconds>(in.duration("vanished_for"));
  into.dns.store_file = in.text("store");
  if (const auto& store = into.dns.store_file; !store.empty() && store != "auto" && !store.starts_with('/'))
    in.error("store", "`store` is not an absolute path.", "Begin it with /, or give \"auto\", or \"\" for none.");
  const auto srv = in.text("srv");
  into.srv = srv == "true" ? srv_use::yes : srv == "false" ? srv_use::no : srv_use::automatic;
  if (const auto domain = in.text("srv_domain"); !domain.empty()) {
    const auto parsed = parse_host_and_port(domain);
    if (!parsed || parsed->port || is_ip_address(parsed->host))
      in.error("srv_domain", "\"" + domain + "\" is no domain name.", "Give a name like \"example.com\".");
    else into.srv_domain = parsed->host;
    if (into.srv == srv_use::no)
      in.warning("srv_domain", "`srv_domain` is not used, because `srv` is false.", "Remove one of the two.");
  }
}

limit_values read_limits(table_reader& in) {
  limit_values l;
  l.header_bytes = in.size("header_bytes");
  l.header_count = in.size("header_count");
  l.target_bytes = in.size("target_bytes");
  l.replay_bytes = in.size("replay_bytes");
  l.replay_file_bytes = in.size("replay_file_bytes");
  l.connections = in.size("connections");
  l.idle_connections = in.size("idle_connections");
  l.idle = in.duration("idle");
  l.upstream_idle = in.duration("upstream_idle");
  l.handshake_timeout = in.duration("handshake_timeout");
  l.header_timeout = in.duration("header_timeout");
  l.stall_timeout = in.duration("stall_timeout");
  l.deadline = in.duration("deadline");
  l.tunnel_idle = in.duration("tunnel_idle");
  l.drain_timeout = in.duration("drain_timeout");
  if (l.target_bytes > l.header_bytes) {
    if (in.given("target_bytes") != nullptr)
      in.error("target_bytes", "`target_bytes` is more than `header_bytes`, of which it is a part.",
               "Make it at most " + std::to_string(l.header_bytes) + ".");
    l.target_bytes = l.header_bytes;
  }
  return l;
}

admin_values read_admin(table_reader& in) {
  admin_values admin;
  admin.socket = in.text("socket");
  admin.where = in.where("socket");
  if (!admin.socket.empty() && admin.socket != "auto" && !admin.socket.starts_with('/'))
    in.error("socket", "`socket` is not an absolute path.", "Begin it with /, or give \"auto\", or \"\" for none.");
  admin.textfile = in.text("textfile");
  if (!admin.textfile.empty() && !admin.textfile.ends_with(".prom"))
    in.error("textfile", "The name of `textfile` does not end in .prom, so the collector would not read it.",
             "Call it bunraku.prom.");
  if (const auto text = in.text("address"); !text.empty()) {
    admin.address_where = in.where("address");
    const auto at = parse_host_and_port(text);
    if (!at || !at->port || !is_loopback(at->host))
      in.error("address", "\"" + text + "\" is no loopback address with a port.",
               "Give one like \"127.0.0.1:9140\" or \"[::1]:9140\": what is shown there is for this host alone.");
    else admin.address = at->host, admin.port = *at->port;
  }
  return admin;
}

sandbox_values read_sandbox(table_reader& in) {
  sandbox_values sandbox{in.text("use") == "auto", in.texts("files")};
  for (const auto& file : sandbox.files)
    if (!file.starts_with('/'))
      in.error("files", "\"" + file.substr(0, 256) + "\" is not an absolute path.", "Begin it with /.");
  return sandbox;
}

log_values read_log(table_reader& in) {
  using bunraku::log_level;
  log_values log;
  const auto level = in.text("level");
  log.level = level == "trace"     ? log_level::trace
              : level == "debug"   ? log_level::debug
              : level == "warning" ? log_level::warning
              : level == "error"   ? log_level::error
                                   : log_level::info;
  log.access = in.boolean("access");
  const auto to = in.text("to");
  log.to = to == "stderr" ? log_target::standard_error : to == "journal" ? log_target::journal : log_target::automatic;
  return log;
}

void read_upstream(table_reader& in, configuration& into) {
  into.upstream = read_leg(in);
  into.strip_headers = in.texts("strip_headers");
  for (const auto& name : into.strip_headers)
    if (!is_header_name(name))
      in.error("strip_headers", "\"" + name.substr(0, 64) + "\" is no header name.",
               "Give names like \"X-SSL-Subject\".");
}

void read_puppet(table_reader& in, configuration& into) {
  into.puppet.config_file = in.text("conf");
  into.puppet.certname = in.text("certname");
  into.puppet.ssldir = in.text("ssldir");
  into.puppet.root_prefix = in.text("root");
  const auto& certname = into.puppet.certname;
  if (std::ranges::any_of(certname, [](char c) { return c >= 'A' && c <= 'Z'; }))
    in.error("certname", "`certname` has capital letters.", "Puppet's certnames are lower case.");
  else if (!certname.empty() && !is_dns_name(certname))
    in.error("certname", "\"" + certname + "\" is no certname.", "Give it as `puppet config print certname` shows it.");
}

unsigned long line_of(const bunraku::problem& p) {
  const auto colon = p.where().rfind(':');
  return colon == std::string::npos ? 0 : std::strtoul(p.where().c_str() + colon + 1, nullptr, 10);
}

// Whichever part found them.
problems in_order_of_file(problems found) {
  problems sorted;
  for (auto& p : found) {
    const auto at = std::ranges::upper_bound(sorted, line_of(p), {}, line_of);
    sorted.insert(at, std::move(p));
  }
  return sorted;
}

}  // namespace

std::string to_string(const listen_at& one) {
  if (!one.inherit.empty()) return "inherited " + one.inherit;
  if (one.way == listen_at::way_in::socket) return one.path;
  return bunraku::master(one.address, one.port, bunraku::source_kind::list).to_string();
}

std::string_view name_of(listen_at::way_in way) noexcept {
  switch (way) {
    case listen_at::way_in::terminate: return "terminate";
    case listen_at::way_in::connect: return "connect";
    case listen_at::way_in::passthrough: return "passthrough";
    case listen_at::way_in::socket: return "socket";
  }
  return {};
}

std::vector<const node*> entries_of(const node& root, std::string_view name, const std::string& file,
                                    bunraku::problems& found) {
  std::vector<const node*> out;
  const auto* all = root.find(name);
  if (all == nullptr) return out;
  if (all->type != node::kind::array) {
    const std::string written(name);
    found.emplace_back(severity::error, file + ":" + std::to_string(all->line),
                       "[" + written + "] stands once, where several are meant to be.",
                       "Write [[" + written + "]], with double brackets, above each.");
    return out;
  }
  for (const auto& item : all->items) out.push_back(&item);
  return out;
}

configuration_reading parse_configuration(std::string_view text, const std::string& file) {
  configuration_reading reading;
  auto& found = reading.found;
  if (text.size() > largest_document) {
    found.emplace_back(severity::error, file, "It is larger than 1 MiB.",
                       "Name the file that is meant, or take out what does not belong into it.");
    return reading;
  }
  const auto root = parse_document(text);
  if (!root) {
    found.emplace_back(severity::error, file + ":" + std::to_string(root.error().line),
                       "This is not TOML: " + root.error().what + ".",
                       "Mend this line; the rest of the file was not looked at.");
    return reading;
  }
  configuration made;
  made.file = file;
  refuse_unknown_tables(*root, file, found);
  const auto table = [&](const char* name) { return table_reader(root->find(name), name, file, found); };
  auto puppet = table("puppet"), local = table("local"), upstream = table("upstream"), dns = table("dns"),
       identity = table("identity"), connect = table("connect"), limits = table("limits"), plugins = table("plugins"),
       admin = table("admin"), drill = table("drill"), sandbox = table("sandbox"), log = table("log");
  read_puppet(puppet, made);
  made.local = read_leg(local);
  read_upstream(upstream, made);
  read_dns(dns, made);
  read_identity(identity, made);
  made.connect.connect_timeout = connect.duration("timeout");
  made.connect.tls_timeout = connect.duration("tls_timeout");
  made.connect.race_delay = connect.duration("race_delay");
  made.plugin_directory = plugins.text("directory");
  if (made.plugin_directory != "auto" && !made.plugin_directory.starts_with('/'))
    plugins.error("directory", "`directory` is not an absolute path.", "Begin it with /, or leave it out.");
  read_plugins(*root, file, made, found);
  read_services(*root, file, made, found);
  read_listens(*root, file, made, found);
  read_routes(*root, file, made, found);
  made.limits = read_limits(limits);
  made.admin = read_admin(admin);
  made.sandbox = read_sandbox(sandbox);
  made.drills_allowed = drill.boolean("allow");
  made.log = read_log(log);
  found = in_order_of_file(std::move(found));
  if (!bunraku::has_error(found)) reading.value = made;
  reading.sketch = std::move(made);
  return reading;
}

}  // namespace shim::config
