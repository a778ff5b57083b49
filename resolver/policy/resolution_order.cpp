#include "policy/srv_order.hpp"

#include <bunraku/resolution.hpp>

#include <algorithm>

namespace bunraku {

std::vector<master> order_of(const resolution& from, std::uint64_t seed) {
  policy::random chance(seed);
  std::vector<master> order;
  for (const auto& answer : from.answers) {
    if (answer.state == source_answer::status::absent) break;
    const auto next = answer.kind == source_kind::srv ? policy::srv_order(answer.masters, chance) : answer.masters;
    for (const auto& m : next)
      if (std::ranges::find(order, m) == order.end()) order.push_back(m);
  }
  return order;
}

}  // namespace bunraku
