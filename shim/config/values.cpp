#include "config/values.hpp"

#include "http/characters.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <charconv>
#include <utility>

namespace shim::config {
namespace {

constexpr std::array<std::pair<std::string_view, std::int64_t>, 5> units{
    {{"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}}};
constexpr std::int64_t longest = 36'525LL * 86'400'000;

using raw_address = std::array<unsigned char, 16>;

// AF_INET or AF_INET6, or nothing if it is no IP literal.
std::optional<int> parse_address(std::string_view text, raw_address& into) noexcept {
  std::array<char, INET6_ADDRSTRLEN> copy{};
  if (text.size() >= copy.size() || text.contains('\0')) return std::nullopt;
  std::ranges::copy(text, copy.begin());
  for (const int family : {AF_INET, AF_INET6})
    if (inet_pton(family, copy.data(), into.data()) == 1) return family;
  return std::nullopt;
}

// Shortest form of an IP literal, or nothing.
std::optional<std::string> canonical(std::string_view text) {
  raw_address raw{};
  std::array<char, INET6_ADDRSTRLEN> out{};
  const auto family = parse_address(text, raw);
  if (!family || inet_ntop(*family, raw.data(), out.data(), static_cast<socklen_t>(out.size())) == nullptr)
    return std::nullopt;
  return std::string(out.data());
}

std::optional<std::uint16_t> parse_port(std::string_view text) noexcept {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return port;
}

}  // namespace

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) noexcept {
  std::int64_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error != std::errc{} || count < 0) return std::nullopt;
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  for (const auto& [name, length] : units)
    if (unit == name && count <= longest / length) return std::chrono::milliseconds(count * length);
  return std::nullopt;
}

std::string to_string(std::chrono::milliseconds d) {
  for (auto it = units.rbegin(); it != units.rend(); ++it)
    if (d.count() != 0 && d.count() % it->second == 0)
      return std::to_string(d.count() / it->second) + std::string(it->first);
  return "0s";
}

bool is_dns_name(std::string_view name) noexcept {
  if (name.empty() || name.size() > 253) return false;
  std::size_t label = 0;
  for (const char c : name) {
    if (c == '.') {
      if (label == 0) return false;
      label = 0;
      continue;
    }
    const bool good =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    if (!good || ++label > 63) return false;
  }
  return label != 0;
}

bool is_header_name(std::string_view name) noexcept { return !name.empty() && http::all_of(name, http::token_char); }

bool is_ip_address(std::string_view host) noexcept {
  raw_address raw{};
  return parse_address(host, raw).has_value();
}

bool is_loopback(std::string_view address) noexcept {
  raw_address raw{};
  const auto family = parse_address(address, raw);
  if (family == AF_INET) return raw[0] == 127;
  if (family != AF_INET6) return false;
  return raw.back() == 1 && std::all_of(raw.begin(), std::prev(raw.end()), [](unsigned char b) { return b == 0; });
}

std::optional<host_and_port> parse_host_and_port(std::string_view text) {
  if (text.empty() || text.size() > 300) return std::nullopt;
  host_and_port made;
  std::string_view host = text, port;
  bool with_port = false;
  if (text.front() == '[') {
    const auto close = text.find(']');
    if (close == std::string_view::npos) return std::nullopt;
    host = text.substr(1, close - 1);
    const auto rest = text.substr(close + 1);
    if (!rest.empty() && rest.front() != ':') return std::nullopt;
    if (host.find(':') == std::string_view::npos) return std::nullopt;
    with_port = !rest.empty();
    if (with_port) port = rest.substr(1);
  } else if (std::ranges::count(text, ':') == 1) {
    const auto colon = text.find(':');
    host = text.substr(0, colon);
    port = text.substr(colon + 1);
    with_port = true;
  }
  if (with_port) {
    made.port = parse_port(port);
    if (!made.port) return std::nullopt;
  }
  if (auto address = canonical(host)) {
    made.host = std::move(*address);
    return made;
  }
  if (host.ends_with('.')) host.remove_suffix(1);
  // A name of digits and dots only is a mistyped address, not a name.
  if (!is_dns_name(host) || host.find_first_not_of("0123456789.") == std::string_view::npos) return std::nullopt;
  made.host = host;
  std::ranges::transform(made.host, made.host.begin(), http::lower);
  return made;
}

}  // namespace shim::config
