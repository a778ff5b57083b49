#include "policy/overdue.hpp"

#include <algorithm>

namespace bunraku::policy {

using std::chrono::microseconds;

std::size_t overdue::index_of(const endpoint& row) noexcept {
  const auto rows = endpoints();
  const auto found = std::ranges::find(rows, &row, [](const endpoint& each) { return &each; });
  const auto at = static_cast<std::size_t>(found - rows.begin());
  return std::min({at, rows.size() - 1, max_rows - 1});
}

void overdue::learn(const endpoint& row, microseconds first_byte) noexcept {
  auto& c = cells_[index_of(row)];
  const std::int64_t sample =
      std::clamp<std::int64_t>(first_byte.count(), 0, microseconds(std::chrono::hours(1)).count());
  if (c.seen == 0) {
    c.mean = sample;
    c.deviation = sample / 2;
  } else {
    const std::int64_t error = sample - c.mean;
    c.deviation += ((error < 0 ? -error : error) - c.deviation) / 4;
    c.mean += error / 8;
  }
  c.seen = std::min(c.seen + 1, limits_.enough);
}

microseconds overdue::after(const endpoint& row) const noexcept {
  const auto& c = cells_[index_of(row)];
  if (c.seen == 0 || c.seen < limits_.enough) return limits_.unlearned;
  return std::clamp(microseconds(c.mean + 4 * c.deviation), limits_.floor, limits_.ceiling);
}

microseconds overdue::after(const endpoint& row, std::uint32_t asked) const noexcept {
  auto total = after(row);
  for (std::uint32_t i = 0; i < asked; ++i) {
    const auto gap = std::min(total, 4 * limits_.ceiling);
    if (total > std::chrono::hours(24)) break;
    total += gap;
  }
  return total;
}

std::uint32_t overdue::learned(const endpoint& row) const noexcept { return cells_[index_of(row)].seen; }

}  // namespace bunraku::policy
