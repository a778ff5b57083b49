#include "capi/settings.hpp"

#include <boost/asio/ip/address.hpp>

#include <algorithm>
#include <charconv>

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
/// "host", "host:port", "[v6]" or "[v6]:port".
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
  } else if (const auto colon = text.rfind(':'); colon != text.npos) {
    host = text.substr(0, colon);
    port = text.substr(colon + 1);
    has_port = true;
  }
  const auto is_host = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' ||
           c == '_' || c == ':';
  };
  if (host.empty() || host.size() > 253 || !std::ranges::all_of(host, is_host)) return std::nullopt;
  place out{std::string(host), std::nullopt};
  for (auto& c : out.host)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  if (!has_port) return out;
  out.port = number<std::uint16_t>(port, 1, 65535);
  if (!out.port) return std::nullopt;
  return out;
}

constexpr std::uint16_t puppet_port = 8140;

std::vector<master> masters(std::string_view key, std::string_view value) {
  std::vector<master> out;
  for (const auto part : split(value)) {
    const auto where = place_of(part);
    if (!where) refuse(key, value, "a list of host:port, separated by commas,");
    out.emplace_back(where->host, where->port.value_or(puppet_port), source_kind::list);
  }
  if (out.empty()) refuse(key, value, "at least one master");
  return out;
}

std::vector<std::string> name_servers(std::string_view key, std::string_view value) {
  std::vector<std::string> out;
  for (const auto part : split(value)) {
    const auto where = place_of(part);
    boost::system::error_code error;
    if (where) boost::asio::ip::make_address(where->host, error);
    if (!where || error) refuse(key, value, "a list of addresses, perhaps with ports, separated by commas,");
    out.emplace_back(part);
  }
  return out;
}

}  // namespace

void settings::set(std::string_view key, std::string_view value) {
  if (value.find('\n') != value.npos) refuse(key, value, "a single line");
  for (std::uint16_t i = 0; i < lists_.size(); ++i)
    if (key == builtin_name(static_cast<service>(i))) {
      lists_[i] = masters(key, value);
      return;
    }
  if (key == "puppet_conf") where_.config_file = value;
  else if (key == "certname") where_.certname = value;
  else if (key == "ssldir") where_.ssldir = value;
  else if (key == "hosts_file") dns_.hosts_file = value;
  else if (key == "name_servers") dns_.nameservers = name_servers(key, value);
  else if (key == "lookup_deadline_ms") {
    dns_.lookup_deadline = duration(key, value, 100, 60000);
    dns_.try_timeout = std::min(dns_.try_timeout, dns_.lookup_deadline);
  } else if (key == "connect_timeout_ms") connect_.connect_timeout = duration(key, value, 10, 300000);
  else if (key == "tls_timeout_ms") connect_.tls_timeout = duration(key, value, 10, 300000);
  else if (key == "race_delay_ms") connect_.race_delay = duration(key, value, 10, 60000);
  else if (key == "srv" && value == "auto") srv_ = srv_records::as_configured;
  else if (key == "srv" && value == "yes") srv_ = srv_records::yes;
  else if (key == "srv" && value == "no") srv_ = srv_records::no;
  else if (key == "srv") refuse(key, value, "auto, yes or no");
  else throw failure{BUNRAKU_E_ARGUMENT, "there is no option \"" + std::string(key) + "\""};
}

settings::reading settings::read() const {
  auto found = read_site(where_);
  if (!found.value) throw failure{BUNRAKU_E_SITE, text_of(found.found)};
  auto& site = *found.value;
  if (srv_ == srv_records::no) site.use_srv_records = false;
  reading out;
  out.options.services = services_of(site, srv_ == srv_records::yes);
  for (std::size_t i = 0; i < lists_.size(); ++i)
    if (lists_[i]) out.options.services.at(i).sources = {source::list(*lists_[i], "options of the program")};
  out.options.dns = dns_;
  out.options.connect = connect_;
  out.options.affinity = site.certname;
  auto own = identity::load(site.credentials);
  out.own = std::move(own.value);
  if (!out.own) out.no_identity = text_of(own.found);
  return out;
}

}  // namespace bunraku::capi
