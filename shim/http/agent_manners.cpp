#include "http/agent_manners.hpp"

#include <charconv>
#include <optional>
#include <string_view>
#include <utility>

namespace shim::http {
namespace {

/// The first two numbers of "7.23.0".
std::optional<std::pair<unsigned, unsigned>> version_of(std::string_view text) noexcept {
  unsigned major = 0;
  unsigned minor = 0;
  const auto* const begin = text.data();
  const auto* const end = begin + text.size();
  const auto first = std::from_chars(begin, end, major);
  if (first.ec != std::errc{} || first.ptr == end || *first.ptr != '.') return std::nullopt;
  if (std::from_chars(first.ptr + 1, end, minor).ec != std::errc{}) return std::nullopt;
  return std::pair(major, minor);
}

}  // namespace

retry_after_manner retry_after_manner_of(const field_list& request) noexcept {
  const auto text = request.find("X-Puppet-Version");
  const auto version = text ? version_of(*text) : std::nullopt;
  if (!version) return retry_after_manner::unknown;
  const auto repaired_in = version->first == 8 ? std::pair(8U, 2U) : std::pair(7U, 26U);
  return *version >= repaired_in ? retry_after_manner::waits : retry_after_manner::crashes;
}

}  // namespace shim::http
