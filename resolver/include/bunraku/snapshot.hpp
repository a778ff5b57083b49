#pragma once
#include <bunraku/health.hpp>
#include <bunraku/master.hpp>
#include <bunraku/pick_reason.hpp>
#include <bunraku/resolution.hpp>
#include <bunraku/service.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace bunraku {

/// Everything a resolver knows at one moment, for status pages, `explain` and tests: what each source said, which
/// master a request made now would try first and which after it, and why. A plain value; it changes nothing and sends
/// nothing.
/// Units: all times are of the steady clock; whoever shows them counts from `taken` to the clock on the wall.
struct snapshot {
  using time_point = std::chrono::steady_clock::time_point;

  /// How often which outcome was seen. Only `failed` is the master's own fault.
  struct counters {
    std::uint64_t answered = 0, failed = 0, saturated = 0, lost_races = 0, own_faults = 0, cancelled = 0;
  };

  /// What was learned of a master as a whole (can it be reached?), or of one service on it (does it answer there?).
  struct record {
    health state = health::up;
    time_point since;
    std::optional<time_point> until =
        std::nullopt;              ///< of down, saturated, draining; of probation: the trial under way
    std::uint32_t failures = 0;    ///< in a row, since the last real answer
    std::uint32_t own_faults = 0;  ///< likewise: this node's fault, as when the master refused its certificate
    std::string reason;            ///< of the last failure, perhaps long ago; empty: none
    std::chrono::microseconds first_byte{0};  ///< moving mean; 0: no answer yet
    double share = 1;                         ///< of its weight, less than 1 while it starts slowly after an outage
    counters counts;
  };

  /// One master that a request may go to. A master that several sources name is a candidate of the first of them.
  struct candidate {
    master who;              ///< with its source, priority and weight
    std::size_t source = 0;  ///< position in service_view::sources
    pick_reason why = pick_reason::healthy;
    health state = health::up;                       ///< the worse of both records below
    std::optional<time_point> until = std::nullopt;  ///< of `state`
    bool trial_is_free = false;                      ///< in probation: nobody is trying
    double share = 1;
    std::optional<record> whole = std::nullopt;  ///< nothing: nobody ever spoke to it
    std::optional<record> own = std::nullopt;    ///< for this service alone
    std::optional<double> load = std::nullopt;   ///< by the service's probe, as long as that counts
  };

  /// A source as it was asked last.
  struct source_view {
    source_kind kind = source_kind::srv;
    std::vector<std::string> names;  ///< the owner names it asks for, or where the list was written
    bool known = false;              ///< false: nobody asked it yet, and `answer` says nothing
    bool fresh = false;              ///< false: the next request asks it anew
    source_answer answer;
  };

  struct service_view {
    bunraku::service service = bunraku::service::catalog;
    std::string name;
    std::vector<source_view> sources;             ///< in the order they are asked
    std::vector<candidate> candidates;            ///< in the order the next request would try them
    std::optional<master> pinned = std::nullopt;  ///< the run's, if it has one for this service
    std::string policy{}, probe{};                ///< which extension orders equals, and which knows their loads
    bool more_sources = false;                    ///< one of them is not known yet and may add candidates
  };

  struct run_view {
    struct use {
      bunraku::service service;  ///< gone_service: one that a reload took away
      master who;
      std::uint64_t answers = 0;
    };
    std::uint64_t id = 0;
    time_point began, last;  ///< `last`: when its last exchange began or ended
    bool reported = false;   ///< over, and its report's exchange was the last one
    std::string transaction_uuid;
    std::uint64_t requests = 0, unserved = 0, failovers = 0, moves = 0, bytes_up = 0, bytes_down = 0;
    /// Spent on masters that did not answer; and what an agent alone would have waited for silent ones beyond that, an
    /// estimate by resolver_options::agent_patience.
    std::chrono::microseconds lost{0}, spared{0};
    std::vector<use> used;  ///< who answered what
  };

  /// A master that something is known of, though no source may name it any more.
  struct master_view {
    master who;
    std::optional<bunraku::service> service = std::nullopt;  ///< nothing: the master as a whole
    record what;
  };

  time_point taken;
  std::vector<service_view> services;          ///< index_of(service) is the position
  std::vector<master_view> masters;            ///< by name; each master as a whole before its services
  std::optional<run_view> run = std::nullopt;  ///< the one that is on
  std::size_t open_exchanges = 0;
  std::uint32_t retries_left = 0;  ///< further attempts that the process may still load onto masters
};

}  // namespace bunraku
