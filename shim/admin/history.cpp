#include "admin/history.hpp"

#include <algorithm>
#include <iterator>
#include <string_view>
#include <utility>

namespace shim::admin {

void history::note(const forward::exchange_record& ended) {
  const bool answered = ended.status != 0 && !ended.own_answer;
  count(ended, answered);
  keep(ended, answered);
}

void history::count(const forward::exchange_record& ended, bool answered) {
  series key{std::string(ended.service), answered ? ended.master : std::string(), ended.status};
  auto known = answers_.find(key);
  if (known == answers_.end()) {
    if (answers_.size() >= most_series) key.master = "other";
    known = answers_.try_emplace(std::move(key)).first;
  }
  ++known->second;

  auto& sums = services_[known->first.service];
  const double seconds = std::chrono::duration<double>(ended.total).count();
  const auto bucket = std::ranges::lower_bound(bounds, seconds);
  if (bucket != bounds.end()) ++sums.buckets[static_cast<std::size_t>(bucket - bounds.begin())];
  ++sums.exchanges;
  sums.attempts += ended.attempts;
  sums.detours += answered && ended.attempts > 1;
  sums.cut += ended.cut;
  sums.continued += !ended.continued.empty();
  sums.bytes_up += ended.bytes_up;
  sums.bytes_down += ended.bytes_down;
  sums.total += ended.total;
  sums.lost += ended.lost;
}

/// In the place, and the strings, of the one that nobody will look at any more.
void history::keep(const forward::exchange_record& ended, bool answered) {
  if (exchanges_.size() < most_exchanges) exchanges_.emplace_front();
  else exchanges_.splice(exchanges_.begin(), exchanges_, std::prev(exchanges_.end()));
  auto& one = exchanges_.front();
  one.ended = ended.ended;
  one.service = ended.service;
  one.endpoint = ended.endpoint;
  one.method = ended.method.substr(0, 16);
  one.master = answered ? std::string_view(ended.master) : std::string_view();
  one.status = ended.status;
  one.attempts = ended.attempts;
  one.bytes_up = ended.bytes_up;
  one.bytes_down = ended.bytes_down;
  one.total = ended.total;
  one.lost = ended.lost;
  one.own_answer = ended.own_answer;
  one.cut = ended.cut;
  one.continued = !ended.continued.empty();
  one.why = std::string_view(ended.why).substr(0, 500);
}

void history::note(const bunraku::snapshot::run_view& ended) {
  ++(ended.reported ? run_sums_.reported : run_sums_.unreported);
  run_sums_.failovers += ended.failovers;
  run_sums_.unserved += ended.unserved;
  run_sums_.moves += ended.moves;
  run_sums_.spared += ended.spared;
  runs_.push_front(ended);
  if (runs_.size() > most_runs) runs_.pop_back();
}

}  // namespace shim::admin
