#include "capi/settings.hpp"

#include "policy/dns_name.hpp"
#include "puppet/ascii.hpp"

#include <boost/asio/ip/address.hpp>

#include <algorithm>
#include <charconv>
#include <sys/stat.h>

namespace bunraku::capi {
namespace {

[[noreturn]] void refuse(std::string_view key, std::string_view value, std::string_view wanted) {
  throw failure{BUNRAKU_E_ARGUMENT,
                std::string(key) + " = \"" + std::string(value) + "\": " + std::string(wanted) + " is expected"};
}

template <class Number>
std::optional<Number> number(std::string_view text, Number least, Number most) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < least || value > most) return std::nullopt;
  return value;
}

std::chrono::milliseconds duration(std::string_view key, std::string_view value, int least, int most) {
  const auto ms = number(value, least, most);
  if (!ms) refuse(key, value, std::to_string(least) + " to " + std::to_string(most));
  return std::chrono::milliseconds(*ms);
}

std::vector<std::string_view> split(std::string_view text) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const auto comma = std::min(text.find(','), text.size());
    auto part = text.substr(0, comma);
    while (part.starts_with(' ')) part.remove_prefix(1);
    while (part.ends_with(' ')) part.remove_suffix(1);
    parts.push_back(part);
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return parts;
}

struct place {
  std::string host;
  std::optional<std::uint16_t> port;
};
bool is_v6(std::string_view text) {
  boost::system::error_code no_address;
  boost::asio::ip::make_address_v6(std::string(text), no_address);
  return !no_address;
}
bool is_address(const std::string& text) {
  boost::system::error_code no_address;
  boost::asio::ip::make_address(text, no_address);
  return !no_address;
}

/// A name of DNS or an IP literal, as masters are compared: lower case, no dot at the end, addresses in their shortest
/// form.
std::optional<std::string> host_of(std::string_view text) {
  boost::system::error_code no_address;
  const auto address = boost::asio::ip::make_address(std::string(text), no_address);
  if (!no_address && text.find('%') == text.npos) return address.to_string();
  const auto name = policy::dns_name::from_text(text);
  return name ? name->to_host() : std::nullopt;
}

/// "host", "host:port", "v6", "[v6]" or "[v6]:port".
std::optional<place> place_of(std::string_view text) {
  std::string_view host = text, port;
  bool has_port = false;
  if (text.starts_with('[')) {
    const auto end = text.find(']');
    if (end == text.npos) return std::nullopt;
    host = text.substr(1, end - 1);
    if (end + 1 != text.size()) {
      if (text[end + 1] != ':') return std::nullopt;
      port = text.substr(end + 2);
      has_port = true;
    }
  } else if (const auto colon = text.rfind(':'); colon != text.npos && text.find(':') == colon) {
    host = text.substr(0, colon);
    port = text.substr(colon + 1);
    has_port = true;
  }
  auto name = host_of(host);
  if (!name || (text.starts_with('[') && !is_v6(host))) return std::nullopt;
  place out{std::move(*name), std::nullopt};
  if (!has_port) return out;
  out.port = number<std::uint16_t>(port, 1, 65535);
  if (!out.port) return std::nullopt;
  return out;
}

constexpr std::uint16_t puppet_port = 8140;
constexpr std::size_t most_places = 256;

/// "host, host:port, ...": port 0 where there is none.
std::vector<site::host_port> places(std::string_view key, std::string_view value) {
  std::vector<site::host_port> out;
  for (const auto part : split(value)) {
    auto where = place_of(part);
    if (!where || out.size() == most_places)
      refuse(key, value, "a list of host:port, separated by commas, at most 256,");
    out.push_back({std::move(where->host), where->port.value_or(0)});
  }
  if (out.empty()) refuse(key, value, "at least one master");
  return out;
}

std::vector<master> masters(std::string_view key, std::string_view value) {
  std::vector<master> out;
  for (auto& each : places(key, value))
    out.emplace_back(std::move(each.host), each.port != 0 ? each.port : puppet_port, source_kind::list);
  return out;
}

std::vector<std::string> name_servers(std::string_view key, std::string_view value) {
  std::vector<std::string> out;
  for (const auto part : split(value)) {
    std::string plain(part), interface;  // of a link-local address: "[fe80::53%eth0]:5353"
    if (const auto at = plain.find('%'); at != plain.npos) {
      interface = plain.substr(at, std::min(plain.find(']', at), plain.size()) - at);
      plain.erase(at, interface.size());
    }
    const auto where = place_of(plain);
    if (!where || !is_address(where->host) || interface.size() == 1 || (!interface.empty() && !is_v6(where->host)))
      refuse(key, value, "a list of addresses, perhaps with ports, separated by commas,");
    out.emplace_back(part);
  }
  return out;
}

/// A DNS name alone, in lower case.
std::string name_of_host(std::string_view key, std::string_view value, std::string_view part) {
  auto where = place_of(part);
  if (!where || where->port || is_address(where->host))
    refuse(key, value, "names such as puppet.example.com, separated by commas,");
  return std::move(where->host);
}

/// "puppet.example.com", or "*." and a domain: "*.example" would be half the world.
std::string name_pattern(std::string_view key, std::string_view value, std::string_view part) {
  if (!part.starts_with("*.")) return name_of_host(key, value, part);
  auto domain = name_of_host(key, value, part.substr(2));
  if (domain.find('.') == std::string::npos) refuse(key, value, "a domain of two labels or more behind \"*.\"");
  return "*." + domain;
}

std::string pin(std::string_view key, std::string_view value, std::string_view part) {
  std::string digits;
  for (const char c : part)
    if (c != ':') digits += ascii::lower(c);
  const bool is_hex = std::ranges::all_of(digits, [](char c) { return ascii::is_digit(c) || (c >= 'a' && c <= 'f'); });
  if (!is_hex || digits.size() != 64) refuse(key, value, "a list of SHA-256 sums, 64 hexadecimal digits each,");
  return digits;
}

/// A directory would be a file that knows nobody and keeps nothing, and nobody would hear of it.
std::string file_at(std::string_view key, std::string_view value) {
  std::string path(value);
  struct stat there{};
  if (!path.empty() && !path.starts_with('/')) refuse(key, value, "an absolute path");
  if (::stat(path.c_str(), &there) == 0 && S_ISDIR(there.st_mode)) refuse(key, value, "a file, not a directory,");
  return path;
}

template <class Read>
std::vector<std::string> list_of(std::string_view key, std::string_view value, Read read) {
  std::vector<std::string> out;
  for (const auto part : split(value)) out.push_back(read(key, value, part));
  return out;
}

struct host_setting {
  std::string_view key;
  std::string site::* host;
  bool site::* set;
};
constexpr host_setting host_settings[] = {{"server", &site::server, &site::server_set},
                                          {"ca_server", &site::ca_server, &site::ca_server_set},
                                          {"report_server", &site::report_server, &site::report_server_set}};
struct port_setting {
  std::string_view key;
  std::uint16_t site::* port;
};
constexpr port_setting port_settings[] = {
    {"serverport", &site::serverport}, {"ca_port", &site::ca_port}, {"report_port", &site::report_port}};

constexpr std::string_view srv_domain = "srv_domain";

bool is_any_of(std::string_view key, const auto& table) {
  return std::ranges::any_of(table, [key](const auto& row) { return row.key == key; });
}

}  // namespace

master master_at(std::string_view host, std::uint16_t port) {
  const bool in_brackets = host.starts_with('[') && host.ends_with(']');
  auto name = host_of(in_brackets ? host.substr(1, host.size() - 2) : host);
  if (!name || port == 0 || (in_brackets && !is_v6(*name)))
    throw failure{BUNRAKU_E_ARGUMENT,
                  "no master can be at \"" + std::string(host) + "\", port " + std::to_string(port)};
  return {std::move(*name), port, source_kind::list};
}

bool settings::set_site(std::string_view key, std::string_view value) {
  if (key == "puppet_conf") where_.config_file = value;
  else if (key == "certname") where_.certname = value;
  else if (key == "ssldir") where_.ssldir = value;
  else if (key == "server_list") server_list_ = places(key, value);
  else if (key == srv_domain || is_any_of(key, host_settings)) {
    auto where = place_of(value);
    const bool is_domain = key == srv_domain;
    if (!where || where->port || (is_domain && is_address(where->host)))
      refuse(key, value, "the name of a host or domain");
    hosts_[std::string(key)] = std::move(where->host);
  } else if (is_any_of(key, port_settings)) {
    const auto port = number<std::uint16_t>(value, 1, 65535);
    if (!port) refuse(key, value, "a port from 1 to 65535");
    ports_[std::string(key)] = *port;
  } else if (key == "srv") {
    if (value == "auto") srv_ = srv_records::as_configured;
    else if (value == "yes") srv_ = srv_records::yes;
    else if (value == "no") srv_ = srv_records::no;
    else refuse(key, value, "auto, yes or no");
  } else return false;
  return true;
}

bool settings::set_dns(std::string_view key, std::string_view value) {
  if (key == "hosts_file") dns_.hosts_file = file_at(key, value);
  else if (key == "name_servers") dns_.nameservers = name_servers(key, value);
  else if (key == "store_file") dns_.store_file = file_at(key, value);
  else if (key == "lookup_deadline_ms") dns_.lookup_deadline = duration(key, value, 100, 60000);
  else return false;
  return true;
}

bool settings::set_connect(std::string_view key, std::string_view value) {
  if (key == "connect_timeout_ms") connect_.connect_timeout = duration(key, value, 10, 300000);
  else if (key == "tls_timeout_ms") connect_.tls_timeout = duration(key, value, 10, 300000);
  else if (key == "race_delay_ms") connect_.race_delay = duration(key, value, 10, 60000);
  else return false;
  return true;
}

bool settings::set_demand(std::string_view key, std::string_view value) {
  if (key == "master_names") demands_.names = list_of(key, value, name_pattern);
  else if (key == "within") demands_.within = list_of(key, value, name_of_host);
  else if (key == "pins") demands_.pins = list_of(key, value, pin);
  else return false;
  return true;
}

void settings::set(std::string_view key, std::string_view value) {
  if (value.find('\n') != value.npos) refuse(key, value, "a single line");
  for (std::size_t i = 0; i < lists_.size(); ++i)
    if (key == builtin_name(static_cast<service>(i))) {
      lists_[i] = masters(key, value);
      return;
    }
  if (!set_site(key, value) && !set_dns(key, value) && !set_connect(key, value) && !set_demand(key, value))
    throw failure{BUNRAKU_E_ARGUMENT, "there is no option \"" + std::string(key) + "\""};
}

void settings::apply(site& to) const {
  for (const auto& each : port_settings)
    if (const auto given = ports_.find(each.key); given != ports_.end()) to.*each.port = given->second;
  for (const auto& each : host_settings)
    if (const auto given = hosts_.find(each.key); given != hosts_.end()) {
      to.*each.host = given->second;
      to.*each.set = true;
    }
  if (const auto given = hosts_.find(srv_domain); given != hosts_.end()) to.srv_domain = given->second;
  if (server_list_) to.server_list = *server_list_;
  for (auto& each : to.server_list)
    if (each.port == 0) each.port = to.serverport;
  if (srv_ == srv_records::no) to.use_srv_records = false;
}

settings::reading settings::read() const {
  auto found = read_site(where_);
  if (!found.value) throw failure{BUNRAKU_E_SITE, text_of(found.found)};
  auto& site = *found.value;
  apply(site);
  reading out;
  out.options.services = services_of(site, srv_ == srv_records::yes);
  for (std::size_t i = 0; i < lists_.size(); ++i)
    if (lists_[i]) out.options.services.at(i).sources = {source::list(*lists_[i], "options of the program")};
  out.options.dns = dns_;
  out.options.dns.try_timeout = std::min(dns_.try_timeout, dns_.lookup_deadline);
  out.options.connect = connect_;
  out.options.demands = demands_;
  out.options.affinity = site.certname;
  auto own = identity::load(site.credentials);
  out.own = std::move(own.value);
  if (!out.own) out.no_identity = text_of(own.found);
  return out;
}

}  // namespace bunraku::capi
