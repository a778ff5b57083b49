#pragma once
#include "policy/health_table.hpp"
#include "policy/random.hpp"

#include <bunraku/master.hpp>
#include <bunraku/pick_reason.hpp>

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace bunraku::policy {

using bunraku::pick_reason;

/// One place in the order. `index` is the position in the masters that were given; `weight` is what it weighs in its
/// tier: that of its records, times 1024, less while it starts slowly. `rank` and `score` are what the order is sorted
/// by, smaller first.
struct pick {
  std::uint32_t index;
  pick_reason why;
  std::uint64_t weight, rank, score;
  std::int64_t given = 0;  ///< the score that somebody else gave it, before `score`
};

struct selection_limits {
  /// Of several masters of one priority, at most this share is left out as down while another one there is not down.
  std::uint32_t ejection_percent = 50;
};

/// The order in which the masters of one source are tried for one request.
///
/// The pinned master comes first unless it is down, in probation or saturated. Then priority by priority: healthy,
/// suspect, in probation with a free trial. Then of all priorities: saturated (earliest end first), draining, down
/// (with those whose trial somebody else is having). Nobody is left out: when all are down, all are tried.
/// Priorities are those of SRV records; a list is tried as written, each entry a priority of its own.
///
/// Among masters of one priority and the same health, weighted rendezvous hashing by `key` decides (weight 0 comes
/// after all others, and what a master has of its turns grows after recovery); without a key the weighted draw of RFC
/// 2782, exactly, from `chance`. A master that is listed twice stands in the order once, at its lowest priority, with
/// the weights of that added up.
///
/// Precondition: `health` is as long as `masters`, which are all of one source. `into` is emptied first; with a key
/// nothing is allocated beyond it.
struct selection {
  std::span<const master> masters;
  std::span<const health_view> health;
  std::optional<std::uint64_t> key;  ///< rendezvous_key(certname)
  const master* pinned = nullptr;
  selection_limits limits = {};
  /// Masters of a list, too, may change places: they are one priority, in which `given` decides, and then the order in
  /// which they are written.
  bool exchangeable = false;
  /// What somebody else thinks of each master: less comes first among those of one rank that are healthy, suspect,
  /// spared or on trial. Empty, or as long as `masters`.
  std::span<const std::int64_t> given = {};

  void order(random& chance, std::vector<pick>& into) const;
};

}  // namespace bunraku::policy
