#pragma once
#include <cstdint>
#include <string_view>

namespace bunraku {

/// Why a master stands where it stands in the order of those that are tried.
enum class pick_reason : std::uint8_t {
  pinned,     ///< the run is with it
  healthy,    ///< nothing against it; within its priority by weight and preference
  suspect,    ///< behind the healthy ones of its priority
  spared,     ///< considered down, but so are too many of its priority: treated as suspect
  trial,      ///< in probation, and this request may be its trial
  saturated,  ///< behind all that can take work now; who is free first comes first
  draining,   ///< only when nobody else is left
  down,       ///< tried last: better than nobody
};
constexpr std::string_view name_of(pick_reason why) noexcept {
  switch (why) {
    case pick_reason::pinned: return "pinned";
    case pick_reason::healthy: return "healthy";
    case pick_reason::suspect: return "suspect";
    case pick_reason::spared: return "spared";
    case pick_reason::trial: return "trial";
    case pick_reason::saturated: return "saturated";
    case pick_reason::draining: return "draining";
    case pick_reason::down: return "down";
  }
  return {};
}
/// One short sentence without a full stop.
constexpr std::string_view text_of(pick_reason why) noexcept {
  switch (why) {
    case pick_reason::pinned: return "the run is with this master";
    case pick_reason::healthy: return "healthy; placed by priority, weight and this node's preference";
    case pick_reason::suspect: return "it failed or was slow lately, so healthy masters of its priority come first";
    case pick_reason::spared: return "it counts as down, but so do too many of its priority to leave all of them out";
    case pick_reason::trial: return "it was down and may now have one trial request";
    case pick_reason::saturated: return "it asked to be left alone for a while";
    case pick_reason::draining: return "the operator is draining it";
    case pick_reason::down: return "it is down, so it is tried last";
  }
  return {};
}

}  // namespace bunraku
