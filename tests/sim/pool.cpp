#include "pool.hpp"

#include <algorithm>
#include <iterator>

namespace sim {

std::optional<link> pool::take(const bunraku::master& to) {
  const auto oldest = world_.now() - idle_limit_;
  for (auto it = idle_.rbegin(); it != idle_.rend();) {
    if (it->to != to) {
      ++it;
      continue;
    }
    if (it->since < oldest) break;
    auto stream = std::move(it->stream);
    it = std::make_reverse_iterator(idle_.erase(std::next(it).base()));
    if (stream.idle_and_alive(world_.now())) return stream;
  }
  return std::nullopt;
}

void pool::put(const bunraku::master& to, link idle) {
  if (most_ == 0) return;
  while (idle_.size() >= most_) idle_.pop_front();
  idle.kept = true;
  idle.used = world_.now();
  idle_.push_back({to, std::move(idle), world_.now()});
  if (!timer_.is_set()) timer_.set(idle_.front().since + idle_limit_);
}

void pool::drop(const bunraku::master& to) {
  idle_.remove_if([&](const entry& e) { return e.to == to; });
}

void pool::sweep() {
  const auto oldest = world_.now() - idle_limit_;
  while (!idle_.empty() && idle_.front().since <= oldest) idle_.pop_front();
  if (!idle_.empty()) timer_.set(idle_.front().since + idle_limit_);
}

}  // namespace sim
