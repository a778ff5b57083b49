#include "policy/srv_order.hpp"

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <tuple>
#include <utility>

namespace bunraku::policy {
namespace {

/// Priority, then zero weights first: the order that `draw` relies on.
auto every_field(const master* m) {
  return std::tuple(m->priority(), m->weight(), std::string_view(m->host()), m->port());
}

/// Which of `left` (one priority, zero weights first) is tried next. Arranging by chance before each draw, as the
/// header promises, only matters when the number drawn is 0: it then falls to whoever was arranged first.
std::size_t draw(std::span<const master* const> left, random& chance) {
  std::uint64_t sum = 0;
  std::size_t zeros = 0;
  for (const auto* m : left) {
    sum += m->weight();
    zeros += m->weight() == 0;
  }
  const std::uint64_t drawn = chance.below(sum + 1);
  if (drawn == 0) return chance.below(zeros != 0 ? zeros : left.size());
  std::uint64_t running = 0;
  std::size_t at = 0;
  while ((running += left[at]->weight()) < drawn) ++at;
  return at;
}

}  // namespace

std::vector<master> srv_order(std::span<const master> records, random& chance) {
  std::vector<const master*> left;
  left.reserve(records.size());
  for (const auto& m : records) left.push_back(&m);
  std::ranges::sort(left, {}, every_field);
  const auto doubles = std::ranges::unique(left, {}, every_field);
  left.erase(doubles.begin(), doubles.end());

  std::vector<master> order;
  order.reserve(left.size());
  while (!left.empty()) {
    const auto priority = left.front()->priority();
    const auto end = std::ranges::upper_bound(left, priority, {}, &master::priority);
    const auto next = left.begin() + static_cast<std::ptrdiff_t>(draw({left.begin(), end}, chance));
    if (std::ranges::find(order, **next) == order.end()) order.push_back(**next);
    left.erase(next);
  }
  return order;
}

}  // namespace bunraku::policy
