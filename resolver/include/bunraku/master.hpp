#pragma once
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace bunraku {

/// Where a master comes from.
enum class source_kind : std::uint8_t {
  srv,       ///< a DNS SRV record
  list,      ///< a list in bunraku.toml, or puppet.conf's server_list
  settings,  ///< puppet.conf's server, ca_server, report_server
  plugin,    ///< a plugin said so; priority and weight as in SRV records
};
constexpr std::string_view name_of(source_kind k) noexcept {
  switch (k) {
    case source_kind::srv: return "srv";
    case source_kind::list: return "list";
    case source_kind::settings: return "settings";
    case source_kind::plugin: return "plugin";
  }
  return {};
}

/// One server of a service. `host` is lower case without a trailing dot, or an IP literal without brackets; it is the
/// name that TLS verifies. Two masters are the same when host and port are: priority and weight are how DNS speaks of
/// it today (RFC 2782; lower priority first; 0 to 65535 each) and 0 for sources that have neither.
class master {
 public:
  master(std::string host, std::uint16_t port, source_kind source, std::uint16_t priority = 0, std::uint16_t weight = 0)
      : host_(std::move(host)), port_(port), priority_(priority), weight_(weight), source_(source) {}

  const std::string& host() const noexcept { return host_; }
  std::uint16_t port() const noexcept { return port_; }
  std::uint16_t priority() const noexcept { return priority_; }
  std::uint16_t weight() const noexcept { return weight_; }
  source_kind source() const noexcept { return source_; }

  /// "host:port", an IPv6 literal in brackets.
  std::string to_string() const {
    const bool v6 = host_.find(':') != std::string::npos;
    std::string both;
    both.reserve(host_.size() + 8);  // brackets, a colon, a port
    if (v6) both += '[';
    both += host_;
    both += v6 ? "]:" : ":";
    both += std::to_string(port_);
    return both;
  }

  friend bool operator==(const master& a, const master& b) noexcept { return a.port_ == b.port_ && a.host_ == b.host_; }
  friend std::strong_ordering operator<=>(const master& a, const master& b) noexcept {
    if (auto c = a.host_ <=> b.host_; c != 0) return c;
    return a.port_ <=> b.port_;
  }

 private:
  std::string host_;
  std::uint16_t port_, priority_, weight_;
  source_kind source_;
};

}  // namespace bunraku
