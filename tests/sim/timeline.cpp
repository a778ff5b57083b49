#include "timeline.hpp"

#include <algorithm>
#include <utility>

namespace sim {

void timeline::push(const entry& e) {
  heap_.push_back(e);
  std::ranges::push_heap(heap_, later);
}

void timeline::alarm::set(time_point when) {
  clear();
  auto& t = on_;
  if (t.free_slots_.empty()) {
    t.free_slots_.push_back(t.slots_.size());
    t.slots_.emplace_back();
  }
  place_ = t.free_slots_.back();
  t.free_slots_.pop_back();
  turn_ = ++t.turn_;
  t.slots_[place_] = {this, turn_};
  t.alarms_ += of_ == whose::daemon;
  if (when != never) t.push({std::max(when, t.now_), turn_, this, place_});
}

void timeline::alarm::clear() noexcept {
  if (turn_ == 0) return;
  on_.slots_[place_] = {};
  on_.free_slots_.push_back(place_);
  on_.alarms_ -= of_ == whose::daemon;
  turn_ = 0;
}

void timeline::at(time_point when, std::function<void()> what) { put(when, ++turn_, std::move(what)); }

void timeline::put(time_point when, std::uint64_t turn, std::function<void()> what) {
  if (free_actions_.empty()) {
    free_actions_.push_back(actions_.size());
    actions_.emplace_back();
  }
  const auto place = free_actions_.back();
  free_actions_.pop_back();
  actions_[place] = std::move(what);
  push({std::max(when, now_), turn, nullptr, place});
}

void timeline::suspended() {
  if (++suspensions_ != interrupted_at_) return;
  put(now_, 0, std::exchange(interruption_, nullptr));  // turns begin with 1
}

bool timeline::step() {
  while (!heap_.empty()) {
    const entry next = heap_.front();
    std::ranges::pop_heap(heap_, later);
    heap_.pop_back();
    if (next.who != nullptr) {
      auto* const who = slots_[next.place].who;
      if (who == nullptr || slots_[next.place].turn != next.turn) continue;  // cleared, or set anew
      now_ = next.when;
      ++steps_;
      woke_daemon_ = who->of() == whose::daemon;
      who->clear();
      who->wake();
      return true;
    }
    now_ = next.when;
    ++steps_;
    woke_daemon_ = false;
    auto action = std::exchange(actions_[next.place], nullptr);
    free_actions_.push_back(next.place);
    action();
    return true;
  }
  return false;
}

}  // namespace sim
