#pragma once
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace shim::config {

/// "250ms", "3s", "2m", "1h", "1d": a whole number and a unit. Nothing for anything else, or beyond 100 years.
std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) noexcept;
/// In the largest unit that is exact: "90s", "2m".
std::string to_string(std::chrono::milliseconds d);

struct host_and_port {
  std::string host;  ///< lower case, no trailing dot, no brackets
  std::optional<std::uint16_t> port;
};
/// "name", "name:8140", "192.0.2.1:8140", "[2001:db8::1]:8140". IP literals come out in their shortest form. Names: LDH
/// and underscore labels of 1 to 63 bytes, 253 in all. Nothing for anything else.
std::optional<host_and_port> parse_host_and_port(std::string_view text);

bool is_ip_address(std::string_view host) noexcept;
bool is_loopback(std::string_view address) noexcept;  ///< 127.0.0.0/8 or ::1
bool is_dns_name(std::string_view name) noexcept;
bool is_header_name(std::string_view name) noexcept;

}  // namespace shim::config
