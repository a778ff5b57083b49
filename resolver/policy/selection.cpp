#include "policy/selection.hpp"

#include "policy/rendezvous.hpp"
#include "policy/srv_order.hpp"

#include <algorithm>
#include <cstddef>
#include <tuple>

namespace bunraku::policy {
namespace {

constexpr std::uint64_t weightless_last = std::uint64_t{1} << 63;  // above every score of a positive weight

pick_reason reason_of(const health_view& h) noexcept {
  switch (h.state) {
    case health::up: return pick_reason::healthy;
    case health::suspect: return pick_reason::suspect;
    case health::probation: return h.trial_is_free ? pick_reason::trial : pick_reason::down;
    case health::saturated: return pick_reason::saturated;
    case health::draining: return pick_reason::draining;
    case health::down: break;
  }
  return pick_reason::down;
}

bool has_priorities(const master& m) noexcept {
  return m.source() == source_kind::srv || m.source() == source_kind::plugin;
}

bool may_be_exchanged(pick_reason why) noexcept {
  return why == pick_reason::healthy || why == pick_reason::suspect || why == pick_reason::spared ||
         why == pick_reason::trial;
}

bool may_stay_pinned(health h) noexcept { return h == health::up || h == health::suspect || h == health::draining; }

/// From the most significant part: phase, tier (32 bits), place within the tier.
std::uint64_t rank_of(pick_reason why, std::uint64_t tier) noexcept {
  const auto rank = [](std::uint64_t phase, std::uint64_t of, std::uint64_t place) {
    return phase << 40 | of << 8 | place;
  };
  switch (why) {
    case pick_reason::pinned: return 0;
    case pick_reason::healthy: return rank(1, tier, 0);
    case pick_reason::suspect: return rank(1, tier, 1);
    case pick_reason::spared: return rank(1, tier, 2);
    case pick_reason::trial: return rank(1, tier, 3);
    case pick_reason::saturated: return rank(2, 0, 0);
    case pick_reason::draining: return rank(3, tier, 0);
    case pick_reason::down: break;
  }
  return rank(4, tier, 0);
}

/// The steps of one call. A pick's `rank` is its tier until `set_ranks`; its `score` is the hash of its name until
/// `set_scores`.
class ordering {
 public:
  ordering(const selection& what, std::vector<pick>& into) : what_(what), picks_(into) { picks_.clear(); }

  void gather() {
    for (std::uint32_t i = 0; i < what_.masters.size(); ++i) {
      const master& m = what_.masters[i];
      const std::uint64_t name = rendezvous_name(m);
      const auto known =
          std::ranges::find_if(picks_, [&](const pick& p) { return p.score == name && what_.masters[p.index] == m; });
      const pick fresh{i, reason_of(what_.health[i]), m.weight(), tier_of(i), name};
      if (known == picks_.end()) picks_.push_back(fresh);
      else merge(*known, fresh);
    }
  }

  /// See selection_limits. Spared are those whose time to come back is nearest.
  void limit_ejection() {
    for (auto& p : picks_) {
      if (p.why != pick_reason::down) continue;
      std::size_t size = 0, down = 0, sooner = 0;
      for (const auto& other : picks_) {
        if (other.rank != p.rank) continue;
        ++size;
        const bool out = other.why == pick_reason::down || other.why == pick_reason::spared;
        down += out;
        sooner += out && comes_back_before(other, p);
      }
      const std::size_t most = std::max<std::size_t>(1, size * what_.limits.ejection_percent / 100);
      if (down < size && sooner + most < down) p.why = pick_reason::spared;
    }
  }

  void set_scores(random& chance) {
    if (picks_.empty()) return;
    for (auto& p : picks_) p.weight *= what_.health[p.index].share;
    if (!has_priorities(what_.masters.front()))
      for (auto& p : picks_) p.score = p.index;  // as written
    else if (what_.key) score_by_rendezvous(*what_.key);
    else score_by_draw(chance);
    for (auto& p : picks_)
      if (p.why == pick_reason::saturated) p.score = end_of(p);
  }

  void set_ranks() {
    for (auto& p : picks_) {
      const bool stays = what_.pinned && what_.masters[p.index] == *what_.pinned;
      if (stays && may_stay_pinned(what_.health[p.index].state)) p.why = pick_reason::pinned;
      p.rank = rank_of(p.why, p.rank);
      if (!what_.given.empty() && may_be_exchanged(p.why)) p.given = what_.given[p.index];
    }
  }

  void sort() {
    std::ranges::sort(picks_, [&](const pick& a, const pick& b) {
      if (a.rank != b.rank) return a.rank < b.rank;
      if (a.given != b.given) return a.given < b.given;
      if (a.score != b.score) return a.score < b.score;
      return what_.masters[a.index] < what_.masters[b.index];
    });
  }

 private:
  std::uint64_t tier_of(std::uint32_t i) const noexcept {
    if (has_priorities(what_.masters[i])) return what_.masters[i].priority();
    return what_.exchangeable ? 0 : i;
  }

  /// Records that differ in the weight only add up; equal ones are one record (RFC 2181, 5).
  void merge(pick& known, const pick& fresh) const {
    if (fresh.rank > known.rank) return;
    if (fresh.rank < known.rank) {
      known = fresh;
      return;
    }
    const master& m = what_.masters[fresh.index];
    const auto same = [&](const master& other) {
      return other == m && other.priority() == m.priority() && other.weight() == m.weight();
    };
    if (std::ranges::none_of(what_.masters.first(fresh.index), same)) known.weight += fresh.weight;
  }

  std::uint64_t end_of(const pick& p) const noexcept {
    const auto until = what_.health[p.index].until;
    return until ? static_cast<std::uint64_t>(until->time_since_epoch().count()) : 0;
  }
  bool comes_back_before(const pick& a, const pick& b) const noexcept {
    return std::tuple(end_of(a), a.index) < std::tuple(end_of(b), b.index);
  }

  void score_by_rendezvous(std::uint64_t key) {
    constexpr std::uint64_t most = std::uint64_t{1} << 26;
    for (auto& p : picks_) {
      const std::uint64_t draw = rendezvous_draw(key, p.score);
      // Those of no weight are alike among themselves, but for a slow start.
      p.score = p.weight == 0 ? weightless_last | rendezvous_score(draw, what_.health[p.index].share)
                              : rendezvous_score(draw, std::min(p.weight, most));
    }
  }

  void score_by_draw(random& chance) {
    const auto order = srv_order(what_.masters, chance);
    for (auto& p : picks_)
      p.score = static_cast<std::uint64_t>(std::ranges::find(order, what_.masters[p.index]) - order.begin());
  }

  const selection& what_;
  std::vector<pick>& picks_;
};

}  // namespace

void selection::order(random& chance, std::vector<pick>& into) const {
  ordering work(*this, into);
  work.gather();
  work.limit_ejection();
  work.set_scores(chance);
  work.set_ranks();
  work.sort();
}

}  // namespace bunraku::policy
