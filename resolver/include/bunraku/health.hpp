#pragma once
#include <cstdint>
#include <string_view>

namespace bunraku {

/// What is known of a master, in the order in which masters are preferred.
enum class health : std::uint8_t {
  up,         ///< nothing against it
  suspect,    ///< it failed lately, but not often enough to be given up
  probation,  ///< it was down and its time is over: one request at a time may find out
  saturated,  ///< it is alive and asked to be left alone until a stated time (503 or 429 with Retry-After)
  draining,   ///< the operator wants no new runs on it
  down,       ///< given up until a stated time
};
constexpr std::string_view name_of(health h) noexcept {
  switch (h) {
    case health::up: return "up";
    case health::suspect: return "suspect";
    case health::probation: return "probation";
    case health::saturated: return "saturated";
    case health::draining: return "draining";
    case health::down: return "down";
  }
  return {};
}

}  // namespace bunraku
