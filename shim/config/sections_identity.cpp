#include "config/sections.hpp"
#include "config/values.hpp"
#include "http/characters.hpp"

#include <algorithm>

namespace shim::config {
namespace {

constexpr std::string_view prefix = "sha256:";

std::optional<std::string> parse_domain(std::string_view text) {
  const auto parsed = parse_host_and_port(text);
  if (!parsed || parsed->port || is_ip_address(parsed->host)) return std::nullopt;
  return parsed->host;
}

// "puppet.example.com", or "*." and a domain: "*.example" would be half the world.
std::optional<std::string> parse_pattern(std::string_view text) {
  if (!text.starts_with("*.")) return parse_domain(text);
  auto domain = parse_domain(text.substr(2));
  if (!domain || domain->find('.') == std::string::npos) return std::nullopt;
  return "*." + *domain;
}

// As `sha256sum` and `openssl` write it: with or without colons, in either case, perhaps behind "sha256:".
std::optional<std::string> parse_pin(std::string_view text) {
  if (text.starts_with(prefix)) text.remove_prefix(prefix.size());
  std::string digits;
  for (const char c : text) {
    if (c == ':') continue;
    digits += http::lower(c);
  }
  const bool is_hex =
      std::ranges::all_of(digits, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
  if (!is_hex || digits.size() != 64) return std::nullopt;
  return digits;
}

}  // namespace

std::vector<std::string> read_pins(table_reader& in) {
  std::vector<std::string> out;
  for (const auto& text : in.texts("pins")) {
    if (auto pin = parse_pin(text)) out.push_back(std::move(*pin));
    else
      in.error(
          "pins", "\"" + text.substr(0, 100) + "\" is no SHA-256: that is 64 hexadecimal digits.",
          "Take it from `openssl x509 -in CERTIFICATE -noout -pubkey | openssl pkey -pubin -outform DER | sha256sum`.");
  }
  return out;
}

void read_identity(table_reader& in, configuration& into) {
  for (const auto& text : in.texts("master_names")) {
    if (auto name = parse_pattern(text)) into.demands.names.push_back(std::move(*name));
    else
      in.error("master_names", "\"" + text.substr(0, 256) + "\" is no name that a certificate could carry.",
               "Give \"puppet.example.com\", or \"*.masters.example.com\" for one further label.");
  }
  for (const auto& text : in.texts("within")) {
    const std::string_view domain = std::string_view(text).starts_with('.') ? std::string_view(text).substr(1) : text;
    if (auto parsed = parse_domain(domain)) into.demands.within.push_back(std::move(*parsed));
    else in.error("within", "\"" + text.substr(0, 256) + "\" is no DNS domain.", "Give one like \"example.com\".");
  }
  into.demands.pins = read_pins(in);
}

}  // namespace shim::config
