#pragma once
#include <bunraku/endpoint.hpp>
#include <bunraku/master.hpp>
#include <bunraku/service.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bunraku::policy {

/// What became of one agent run, for a line in the log when it is over.
struct run_summary {
  using time_point = std::chrono::steady_clock::time_point;
  enum class end : std::uint8_t {
    reported,  ///< the report's exchange ended
    idle,      ///< nothing came for too long
    replaced,  ///< another run began
  };
  struct use {
    service of;
    master who;
    std::uint64_t answers = 0;
  };
  static constexpr std::size_t max_uses = 64;

  std::uint64_t id = 0;
  time_point began, last;  ///< `last`: when its last exchange began or ended
  end how = end::idle;
  std::string transaction_uuid;  ///< if the agent told it in a query; at most 64 bytes
  std::vector<use> used;         ///< who answered what; at most max_uses, further ones are not listed
  std::uint64_t requests = 0;
  std::uint64_t unserved = 0;   ///< exchanges no master answered
  std::uint64_t failovers = 0;  ///< exchanges that needed another master than the first they tried
  std::uint64_t moves = 0;      ///< how often the run as a whole went over to another master
  std::uint64_t bytes_up = 0, bytes_down = 0;
  std::chrono::microseconds lost{0};  ///< spent on masters that did not answer
  /// How often an agent alone would have waited for a silent master until its connect timeout: once for each service
  /// and master, since it looks for a service's master once in a run.
  std::uint64_t silences = 0;
};

/// Which run a request belongs to, and which masters it is to stay with.
/// Model:  one run at a time, since Puppet's own lock lets only one agent run work on a node. What comes beside it (an
///         `agent -t` with a state directory of its own, `puppet plugin download`) shares its masters, which is
///         harmless. A run begins with a request of node, files, catalog, facts or file bucket when there is none, or
///         when the one before was idle too long; and with what an agent sends once per run although the last run
///         already sent it: a node request with another transaction_uuid, the environment probe (file_metadatas/plugins
///         without recursion). The body of the catalog request also has that uuid, but bodies are not read. CA, status
///         and report requests begin no run. It ends when its report's exchange ends, whatever the answer, or by being
///         idle. A run that begins while the one before was busy moments ago takes over its masters: they may be one
///         run. CA requests do not count for that: an agent begins with them, also after a run that died.
/// Pins:   `catalog` and `files` go to the same master, if it serves both; a further service has a pin of its own; `ca`
///         and `report` have none. The first master that answers is pinned. When another one had to answer, the run
///         moves to that one with all services that were with the old one, once: answers of exchanges that began before
///         the move do not move it back. So it is too when `catalog`, not pinned yet, tried the master of `files`.
///         Where a service was only taken along it may not be served at all: what then goes elsewhere without having
///         failed there goes alone.
///         Who only says that it cannot serve (429, 502, 503, 504) is not pinned.
/// Bounds: 16 pins, 4 summaries not yet taken.
/// Threads: one at a time. No timers: idleness is seen at the next call.
/// Source: the order of requests in lib/puppet/configurer.rb; Puppet's agent_catalog_run.lock.
class run_affinity {
 public:
  using time_point = std::chrono::steady_clock::time_point;
  struct limits {
    std::chrono::seconds idle{600};    ///< a run without a request for so long is over
    std::chrono::seconds overlap{30};  ///< "moments ago"
  };
  /// What an exchange belongs to; from `begin` to `end`.
  struct ticket {
    std::uint64_t run = 0;  ///< 0: to no run
    std::uint64_t moves = 0;
  };
  struct result {
    const endpoint& row;
    service of;                            ///< where it was routed
    const master* answered_by;             ///< null: nobody
    const master* failed_first = nullptr;  ///< the first master that was tried, when another one was tried after it
    bool lag_checked = false;  ///< `answered_by` was only asked whether a 404 is to be believed: no reason to move
    int status = 0;
    std::uint64_t bytes_up = 0, bytes_down = 0;
    std::chrono::microseconds lost{0};
    const master* silent = nullptr;  ///< dialled first, and silent until another one was connected
  };

  run_affinity() = default;
  explicit run_affinity(limits of) noexcept : limits_(of) {}

  /// A request came. `target` as in find_endpoint.
  ticket begin(const endpoint& row, std::string_view target, time_point now);
  /// Its exchange is over, in any way; exactly once per ticket.
  void end(const ticket& of, const result& r, time_point now);

  /// The master to try first for a request routed to `of`; null if none is pinned. Valid until the next change.
  const master* pinned(service of) const noexcept;
  /// Who compiled the run's catalog; null if unknown.
  const master* catalog_master() const noexcept { return catalog_master_ ? &*catalog_master_ : nullptr; }

  /// Pins and counts follow their services. Who served one that is gone stays in the summary, as gone_service's.
  void renumber(const std::function<service(service)>& to);

  /// Is a run on? Probes are asked only then.
  bool is_on(time_point now) const noexcept;
  /// When it will be over by idleness if nothing more comes; nothing when none is on or requests are under way.
  std::optional<time_point> idle_end() const noexcept;
  /// A run that is over and was not yet taken, oldest first. Sees idleness.
  std::optional<run_summary> take_finished(time_point now);
  const run_summary* current() const noexcept { return on_ ? &run_ : nullptr; }

 private:
  struct pin {
    service of;
    master who;
    bool taken_along = false;  ///< by another service's move; it has not answered for this one yet
  };
  bool begins_anew(const endpoint& row, std::string_view target, time_point now) const;
  void start(time_point now);
  void finish(run_summary::end how);
  void note_markers(const endpoint& row, std::string_view target);
  pin* pin_of(service of) noexcept;
  void settle_pin(const ticket& of, const result& r);
  void move_pins(master from, const master& to);
  void count_use(service of, const master& who);
  void count_silence(service of, const master& who);

  limits limits_;
  bool on_ = false;
  std::uint64_t last_id_ = 0;
  run_summary run_;
  time_point busy_;  // when a request that may begin a run last ended
  std::size_t under_way_ = 0;
  bool probe_seen_ = false, catalog_seen_ = false;
  std::vector<pin> pins_;
  std::vector<pin> silent_;  // who was found silent for which service in this run
  std::optional<master> catalog_master_;
  std::vector<run_summary> finished_;
};

}  // namespace bunraku::policy
