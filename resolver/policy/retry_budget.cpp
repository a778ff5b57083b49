#include "policy/retry_budget.hpp"

#include <algorithm>

namespace bunraku::policy {

void retry_budget::put(std::int64_t amount) noexcept {
  balance_ = std::min(balance_ + amount, std::int64_t{limits_.burst} * one);
}

void retry_budget::refill(time_point now) noexcept {
  using std::chrono::milliseconds;
  if (refilled_ == time_point::min()) refilled_ = now;
  if (now <= refilled_ || limits_.per_minute == 0) return;
  const auto per_token = milliseconds(std::chrono::minutes(1)) / limits_.per_minute;  // at least 1 ms
  const auto tokens = std::min<std::int64_t>((now - refilled_) / per_token, limits_.burst);
  put(tokens * one);
  refilled_ = tokens == limits_.burst ? now : refilled_ + tokens * per_token;
}

void retry_budget::request() noexcept { put(std::int64_t{limits_.percent_of_requests} * one / 100); }

bool retry_budget::spend(time_point now) noexcept {
  refill(now);
  if (balance_ < one) return false;
  balance_ -= one;
  return true;
}

std::uint32_t retry_budget::left(time_point now) noexcept {
  refill(now);
  return static_cast<std::uint32_t>(balance_ / one);
}

}  // namespace bunraku::policy
