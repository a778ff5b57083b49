#pragma once
#include "policy/random.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace bunraku::policy {

/// How long to stay away after the n-th failure in a row.
/// Model: `first` doubled n - 1 times, never above `ceiling`; of that, a random part between half and all, so that a
///        fleet that failed together does not return together.
/// Units: milliseconds; `first` at least 1 ms, `ceiling` not below `first`.
struct backoff {
  std::chrono::milliseconds first{5000};
  std::chrono::milliseconds ceiling{300000};

  /// Precondition: `nth` is at least 1.
  std::chrono::milliseconds delay(std::uint32_t nth, random& chance) const noexcept {
    auto whole = std::min(first, ceiling);
    for (std::uint32_t i = 1; i < nth && whole < ceiling; ++i) whole = whole < ceiling / 2 ? whole * 2 : ceiling;
    return jittered(whole, chance);
  }

  /// A random part of `whole` between half and all.
  static std::chrono::milliseconds jittered(std::chrono::milliseconds whole, random& chance) noexcept {
    const auto half = whole / 2;
    const auto rest = static_cast<std::uint64_t>((whole - half).count());
    return half + std::chrono::milliseconds(static_cast<std::int64_t>(chance.below(rest + 1)));
  }
};

}  // namespace bunraku::policy
