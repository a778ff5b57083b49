#include "policy/ttl_policy.hpp"

#include <algorithm>
#include <cstdint>

namespace bunraku::policy {
namespace {

std::chrono::milliseconds part_of(std::chrono::milliseconds whole, random& chance) noexcept {
  return std::chrono::milliseconds(static_cast<std::int64_t>(
      chance.below(static_cast<std::uint64_t>(std::max<std::int64_t>(0, whole.count())) + 1)));
}

}  // namespace

std::chrono::seconds ttl_limits::for_records(std::chrono::seconds ttl) const noexcept {
  return std::max(floor, std::min(ttl, ceiling));
}

std::chrono::seconds ttl_limits::for_nothing(std::optional<std::chrono::seconds> granted) const noexcept {
  return std::max(floor, std::min({granted.value_or(negative), ceiling, negative_ceiling}));
}

std::chrono::seconds ttl_limits::for_failure() const noexcept {
  return std::max(floor, std::min(negative, negative_ceiling));
}

std::chrono::milliseconds ttl_limits::spread(std::chrono::seconds ttl, random& chance) const noexcept {
  const std::chrono::milliseconds least = floor, whole = ttl;
  if (whole <= least) return least + part_of(least / 2, chance);
  return std::max(least, whole - part_of(whole / 10, chance));
}

std::chrono::milliseconds ttl_limits::next_try(random& chance) const noexcept {
  const std::chrono::milliseconds whole = for_failure();
  return whole + part_of(whole / 4, chance);
}

}  // namespace bunraku::policy
