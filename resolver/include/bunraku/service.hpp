#pragma once
#include <cstdint>
#include <string_view>

namespace bunraku {

/// What SRV is asked for and requests are routed by. The four of Puppet's own come first; sites may name further ones
/// (a canary, a debug server), which get the numbers from `first_further_service` on, in the order they are configured.
enum class service : std::uint16_t { ca = 0, catalog = 1, files = 2, report = 3 };

inline constexpr std::uint16_t first_further_service = 4;
/// None's number: of a service that a reload took away. What becomes of its requests is told under it, and is then
/// learned of the masters alone.
inline constexpr service gone_service{0xffff};
constexpr std::uint16_t index_of(service s) noexcept { return static_cast<std::uint16_t>(s); }

/// Name of one of Puppet's own services; empty for a further one (its name is in `resolver_options`).
constexpr std::string_view builtin_name(service s) noexcept {
  switch (s) {
    case service::ca: return "ca";
    case service::catalog: return "catalog";
    case service::files: return "files";
    case service::report: return "report";
  }
  return {};
}

}  // namespace bunraku
