#include "policy/ttl_policy.hpp"

#include <algorithm>

namespace bunraku::policy {

std::chrono::seconds ttl_limits::for_records(std::chrono::seconds ttl) const noexcept {
  return std::max(floor, std::min(ttl, ceiling));
}

std::chrono::seconds ttl_limits::for_nothing(std::optional<std::chrono::seconds> granted) const noexcept {
  return std::max(floor, std::min({granted.value_or(negative), ceiling, negative_ceiling}));
}

std::chrono::seconds ttl_limits::for_failure() const noexcept {
  return std::max(floor, std::min(negative, negative_ceiling));
}

}  // namespace bunraku::policy
