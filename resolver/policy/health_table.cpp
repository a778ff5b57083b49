#include "policy/health_table.hpp"

#include <algorithm>
#include <tuple>

namespace bunraku::policy {
namespace {

using kind = health_event::kind;

constexpr std::size_t max_services = 64;
constexpr std::chrono::minutes of_interest{15};
constexpr auto of_no_interest = health_table::time_point{} - of_interest;  // the clock begins when the host does

struct layers {
  bool whole, one_service;
};

layers layers_of(kind k) noexcept {
  switch (k) {
    case kind::connect_failed:
    case kind::bad_certificate:
    case kind::hangs:
    case kind::lost_race:
    case kind::drain:
    case kind::undrain: return {true, false};
    case kind::unanswered:
    case kind::broken_answer:
    case kind::server_error:
    case kind::probe_failed:
    case kind::saturated: return {false, true};
    case kind::answered:
    case kind::probe_answered:
    case kind::own_fault:
    case kind::cancelled:
    case kind::probe_begun:
    case kind::trial_begun: break;
  }
  return {true, true};
}

/// A complete answer that was bad news for the service is still proof that the master can be reached.
bool shows_reachable(kind k) noexcept { return k == kind::server_error || k == kind::saturated; }

}  // namespace

health_state* health_table::service_state(entry& e, service of) noexcept {
  const auto found = std::ranges::find(e.services, of, &std::pair<service, health_state>::first);
  return found == e.services.end() ? nullptr : &found->second;
}
const health_state* health_table::service_state(const entry& e, service of) noexcept {
  const auto found = std::ranges::find(e.services, of, &std::pair<service, health_state>::first);
  return found == e.services.end() ? nullptr : &found->second;
}

void health_table::forget_one(time_point now) {
  const auto worth = [&](const auto& each) {
    return std::tuple(each.second.whole.at(now) == health::draining, each.second.seen);
  };
  const auto least = std::ranges::min_element(entries_, {}, worth);
  if (least != entries_.end()) entries_.erase(least);
}

health_table::entry& health_table::entry_of(const master& who, service of, time_point now) {
  auto found = entries_.find(who);
  if (found == entries_.end()) {
    if (entries_.size() >= capacity_) forget_one(now);
    const auto seen = of == gone_service ? of_no_interest : now;
    found = entries_.emplace(who, entry{health_state(now), {}, of, seen, {}}).first;
  }
  if (of != gone_service) found->second.last_service = of;
  return found->second;
}

void health_table::report(const master& who, service of, const health_event& e, time_point now, random& chance) {
  entry& at = entry_of(who, of, now);
  const auto [whole, one_service] = layers_of(e.what);
  auto* state = service_state(at, of);
  if (one_service && !state && of != gone_service && at.services.size() < max_services)
    state = &at.services.emplace_back(of, health_state(now)).second;

  if (whole) at.whole.on(e, now, chance, limits_);
  else if (shows_reachable(e.what)) at.whole.on({kind::answered}, now, chance, limits_);
  else at.whole.release_trial(now);
  if (state && one_service) state->on(e, now, chance, limits_);
  else if (state) state->release_trial(now);

  if (is_in_doubt(at, now)) doubts_ = true;
  else if (doubts_)
    doubts_ = std::ranges::any_of(entries_, [&](const auto& each) { return is_in_doubt(each.second, now); });
}

void health_table::reached(const master& who, service of, std::chrono::microseconds after, time_point now) {
  auto& mean = entry_of(who, of, now).round_trip;
  const auto sample = std::min(after, std::chrono::microseconds(std::chrono::seconds(10)));
  mean = mean.count() == 0 ? sample : mean + (sample - mean) / 8;
}

std::chrono::microseconds health_table::round_trip(const master& who) const noexcept {
  const auto found = entries_.find(who);
  return found == entries_.end() ? std::chrono::microseconds(0) : found->second.round_trip;
}

health_view health_table::view(const entry& e, service of, time_point now) const noexcept {
  const health_state* const own = service_state(e, of);
  const health whole = e.whole.at(now);
  const health one = own ? own->at(now) : health::up;
  health_view v;
  v.state = std::max(whole, one);
  if (whole == v.state) v.until = e.whole.until(now);
  if (own && one == v.state) v.until = std::max(v.until, own->until(now));
  v.share = e.whole.share(now, limits_);
  if (own) v.share = std::max(1u, v.share * own->share(now, limits_) / health_state::full_share);
  if (v.state == health::probation) {
    v.trial_is_free = (whole != health::probation || e.whole.trial_is_free(now)) &&
                      (one != health::probation || own->trial_is_free(now));
  }
  return v;
}

health_view health_table::consult(const master& who, service of, time_point now) noexcept {
  const auto found = entries_.find(who);
  if (found == entries_.end()) return {};
  found->second.seen = now;
  found->second.last_service = of;
  return view(found->second, of, now);
}

health_view health_table::look(const master& who, service of, time_point now) const noexcept {
  const auto found = entries_.find(who);
  return found == entries_.end() ? health_view{} : view(found->second, of, now);
}

bool health_table::is_drained(const master& who, time_point now) const noexcept {
  const auto found = entries_.find(who);
  return found != entries_.end() && found->second.whole.at(now) == health::draining;
}

void health_table::renumber(const renumbering& to) {
  for (auto& [who, e] : entries_) {
    for (auto& each : e.services) each.first = to(each.first);
    std::erase_if(e.services, [](const auto& each) { return each.first == gone_service; });
    e.last_service = to(e.last_service);
    if (e.last_service == gone_service) e.seen = of_no_interest;
  }
}

/// Some time a status question will be of use. Only a report can begin that.
bool health_table::is_in_doubt(const entry& e, time_point now) noexcept {
  return e.whole.probe_due(now) ||
         std::ranges::any_of(e.services, [&](const auto& each) { return each.second.probe_due(now).has_value(); });
}

/// A master that cannot be reached is asked only when its own time has come, whatever its services are due for.
std::optional<health_table::due_probe> health_table::probe_of(const entry& e, time_point now) noexcept {
  const health whole = e.whole.at(now);
  if (now - e.seen > of_interest || whole == health::draining) return std::nullopt;
  std::optional<due_probe> next;
  if (const auto at = e.whole.probe_due(now)) next = due_probe{*at, e.last_service};
  if (whole == health::down || whole == health::probation) return next;
  for (const auto& [of, state] : e.services) {
    const auto at = state.probe_due(now);
    if (at && (!next || *at < next->at)) next = due_probe{*at, of};
  }
  return next;
}

std::vector<probe_wanted> health_table::take_due_probes(time_point now, random& chance, std::size_t most) {
  std::vector<probe_wanted> wanted;
  for (auto& [who, e] : entries_) {
    if (wanted.size() >= most) break;
    const auto due = probe_of(e, now);
    if (!due || due->at > now) continue;
    wanted.push_back({who, due->of});
    e.whole.on({kind::probe_begun}, now, chance, limits_);
    if (auto* state = service_state(e, due->of)) state->on({kind::probe_begun}, now, chance, limits_);
  }
  return wanted;
}

std::optional<health_table::time_point> health_table::next_probe(time_point now) const noexcept {
  std::optional<time_point> next;
  if (!doubts_) return next;
  for (const auto& [who, e] : entries_) {
    const auto due = probe_of(e, now);
    if (due && (!next || due->at < *next)) next = due->at;
  }
  return next;
}

health_line health_table::line(const master& who, std::optional<service> of, const health_state& s,
                               time_point now) const {
  return {who,        of,         s.at(now),      s.since(now),         s.until(now), s.failures(), s.own_faults(),
          s.reason(), s.counts(), s.first_byte(), s.share(now, limits_)};
}

std::vector<health_line> health_table::snapshot(time_point now) const {
  std::vector<health_line> lines;
  for (const auto& [who, e] : entries_) {
    lines.push_back(line(who, std::nullopt, e.whole, now));
    for (const auto& [of, state] : e.services) lines.push_back(line(who, of, state, now));
  }
  std::ranges::sort(lines, {}, [](const health_line& l) { return std::tuple(l.who, l.of); });
  return lines;
}

}  // namespace bunraku::policy
