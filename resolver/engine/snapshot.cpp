#include "engine/snapshot.hpp"

#include "policy/run_line.hpp"

#include <algorithm>
#include <cstddef>

namespace bunraku::engine {
namespace {

using lines = std::vector<policy::health_line>;

double share_of(std::uint32_t share) noexcept {
  return static_cast<double>(share) / static_cast<double>(policy::health_state::full_share);
}

snapshot::record record_of(const policy::health_line& line) {
  const auto& c = line.counts;
  return {.state = line.state,
          .since = line.since,
          .until = line.until,
          .failures = line.failures,
          .own_faults = line.own_faults,
          .reason = line.reason,
          .first_byte = line.first_byte,
          .share = share_of(line.share),
          .counts = {c.answered, c.failed, c.saturated, c.lost_races, c.own_faults, c.cancelled}};
}

std::optional<snapshot::record> find(const lines& all, const master& who, std::optional<service> of) {
  const auto at = std::ranges::find_if(all, [&](const auto& line) { return line.who == who && line.of == of; });
  return at == all.end() ? std::nullopt : std::optional(record_of(*at));
}

snapshot::candidate candidate_of(const master& who, std::size_t source, pick_reason why, const lines& all,
                                 const policy::health_view& view, service of) {
  return {.who = who,
          .source = source,
          .why = why,
          .state = view.state,
          .until = view.until,
          .trial_is_free = view.trial_is_free,
          .share = share_of(view.share),
          .whole = find(all, who, std::nullopt),
          .own = find(all, who, of)};
}

snapshot::source_view source_of(const source& asked, const source_answer* known) {
  const bool is_asked = asked.kind() == source_kind::srv || asked.kind() == source_kind::plugin;
  snapshot::source_view view;
  view.kind = asked.kind();
  if (asked.kind() == source_kind::srv) view.names = asked.owner_names();
  else view.names = {asked.origin()};
  view.known = known != nullptr;
  view.fresh = known != nullptr && (!is_asked || known->ttl_left > std::chrono::seconds(0));
  if (known != nullptr) view.answer = *known;
  return view;
}

/// As policy::knowledge orders them for a plan, but without taking a trial or noting interest.
std::vector<policy::pick> order(const policy::knowledge& learned, const ordering& orders, service of,
                                const std::vector<master>& masters, snapshot::time_point now) {
  std::vector<policy::health_view> views;
  for (const auto& m : masters) views.push_back(learned.health().look(m, of, now));
  const auto given = orders.last_scores(of, masters);
  const policy::selection choose{.masters = masters,
                                 .health = views,
                                 .key = learned.key(),
                                 .pinned = learned.runs().pinned(of),
                                 .exchangeable = orders.concerns(of),
                                 .given = given};
  std::vector<policy::pick> picks;
  policy::random chance(0);  // counts only for a node without a name, whose order is drawn anew for each request
  choose.order(chance, picks);
  return picks;
}

/// As policy::knowledge::is_worth_trying: those of earlier sources, if all of them are down, are tried after the newer
/// ones.
void put_down_ones_last(std::vector<snapshot::candidate>& candidates, std::size_t before) {
  const auto is_down = [](const auto& each) { return each.why == pick_reason::down; };
  const auto newer = candidates.begin() + static_cast<std::ptrdiff_t>(before);
  if (newer == candidates.end() || is_down(*newer) || !std::all_of(candidates.begin(), newer, is_down)) return;
  std::rotate(candidates.begin(), newer, candidates.end());
}

snapshot::service_view service_of(service s, const service_options& options, const discovery& names,
                                  const policy::knowledge& learned, const ordering& orders, const lines& all,
                                  snapshot::time_point now) {
  snapshot::service_view view;
  view.service = s;
  view.name = options.name;
  view.policy = options.policy;
  view.probe = options.probe;
  if (const auto* pinned = learned.runs().pinned(s)) view.pinned = *pinned;
  bool ended = false;  // DNS says that the service is not offered: later sources are not asked
  for (std::size_t i = 0; i != options.sources.size(); ++i) {
    const auto* known = names.last_source(s, i);
    view.sources.push_back(source_of(options.sources[i], known));
    if (ended) continue;
    if (known == nullptr) {
      view.more_sources = true;
      continue;
    }
    ended = known->state == source_answer::status::absent;
    const auto before = view.candidates.size();
    for (const auto& each : order(learned, orders, s, known->masters, now)) {
      const auto& who = known->masters[each.index];
      if (std::ranges::find(view.candidates, who, &snapshot::candidate::who) != view.candidates.end()) continue;
      view.candidates.push_back(candidate_of(who, i, each.why, all, learned.health().look(who, s, now), s));
      view.candidates.back().load = orders.load_of(s, who, now);
    }
    put_down_ones_last(view.candidates, before);
  }
  return view;
}

}  // namespace

snapshot::run_view view_of(const policy::run_summary& from, std::chrono::seconds patience) {
  snapshot::run_view run;
  run.id = from.id;
  run.began = from.began;
  run.last = from.last;
  run.transaction_uuid = from.transaction_uuid;
  run.requests = from.requests;
  run.unserved = from.unserved;
  run.failovers = from.failovers;
  run.moves = from.moves;
  run.bytes_up = from.bytes_up;
  run.bytes_down = from.bytes_down;
  run.reported = from.how == policy::run_summary::end::reported;
  run.lost = from.lost;
  run.spared = policy::spared_in(from, patience);
  for (const auto& use : from.used) run.used.push_back({use.of, use.who, use.answers});
  return run;
}

snapshot take_snapshot(const std::vector<service_options>& services, const discovery& names,
                       const policy::knowledge& learned, const ordering& orders, std::chrono::seconds patience,
                       snapshot::time_point now) {
  const auto all = learned.health().snapshot(now);
  snapshot taken;
  taken.taken = now;
  for (std::size_t i = 0; i != services.size(); ++i)
    taken.services.push_back(service_of(static_cast<service>(i), services[i], names, learned, orders, all, now));
  for (const auto& line : all) taken.masters.push_back({line.who, line.of, record_of(line)});
  if (const auto* run = learned.runs().current(); run != nullptr && learned.runs().is_on(now))
    taken.run = view_of(*run, patience);
  taken.open_exchanges = learned.open_exchanges();
  taken.retries_left = learned.retries_left(now);
  return taken;
}

}  // namespace bunraku::engine
