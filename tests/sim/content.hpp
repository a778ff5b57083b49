#pragma once
#include <cstdint>

namespace sim {

/// What an answer's body is: a version of what was asked for. Bodies are not kept: two versions of one thing have the
/// same first `common` bytes and differ after them.
struct content {
  std::uint64_t thing = 0;  ///< of the request's target
  std::uint32_t version = 0;
  std::uint64_t length = 0, common = 0;

  friend bool operator==(const content&, const content&) = default;
};

/// Are the first `bytes` of both the same?
constexpr bool same_begin(const content& a, const content& b, std::uint64_t bytes) noexcept {
  if (bytes == 0) return true;
  if (a.thing != b.thing) return false;
  return a.version == b.version || (bytes <= a.common && bytes <= b.common);
}

}  // namespace sim
