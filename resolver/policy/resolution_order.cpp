#include "policy/rendezvous.hpp"
#include "policy/selection.hpp"
#include "policy/srv_order.hpp"

#include <bunraku/resolution.hpp>

#include <algorithm>

namespace bunraku {
namespace {

/// As policy::knowledge orders them when nothing is known against any.
std::vector<master> order_of(const resolution& from, std::optional<std::uint64_t> key, policy::random chance) {
  std::vector<master> order;
  std::vector<policy::health_view> healthy;
  std::vector<policy::pick> picks;
  for (const auto& answer : from.answers) {
    if (answer.state == source_answer::status::absent) break;
    healthy.assign(answer.masters.size(), {});
    policy::selection{.masters = answer.masters, .health = healthy, .key = key}.order(chance, picks);
    for (const auto& p : picks)
      if (const auto& m = answer.masters[p.index]; std::ranges::find(order, m) == order.end()) order.push_back(m);
  }
  return order;
}

}  // namespace

std::vector<master> order_of(const resolution& from, std::string_view certname) {
  return order_of(from, policy::rendezvous_key(certname), policy::random(0));
}

std::vector<master> order_by_draw(const resolution& from, std::uint64_t seed) {
  return order_of(from, std::nullopt, policy::random(seed));
}

}  // namespace bunraku
