#include "admin/history.hpp"

#include <algorithm>

namespace shim::admin {

void history::note(const forward::exchange_record& ended, time_point now) {
  const bool answered = ended.status != 0 && !ended.own_answer;
  series key{std::string(ended.service), answered ? ended.master : std::string(), ended.status};
  if (!answers_.contains(key) && answers_.size() >= most_series) key.master = "other";
  ++answers_[key];

  auto& sums = services_[key.service];
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

  exchanges_.push_front({.ended = now,
                         .service = key.service,
                         .endpoint = std::string(ended.endpoint),
                         .method = std::string(ended.method.substr(0, 16)),
                         .master = answered ? ended.master : std::string(),
                         .status = ended.status,
                         .attempts = ended.attempts,
                         .bytes_up = ended.bytes_up,
                         .bytes_down = ended.bytes_down,
                         .total = ended.total,
                         .lost = ended.lost,
                         .own_answer = ended.own_answer,
                         .cut = ended.cut,
                         .continued = !ended.continued.empty(),
                         .why = ended.why.substr(0, 500)});
  if (exchanges_.size() > most_exchanges) exchanges_.pop_back();
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
