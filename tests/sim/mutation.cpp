#include "mutation.hpp"

namespace sim {

std::span<const mutation_line> mutations() noexcept {
  using enum mutation;
  using enum mutation_line::mode;
  static constexpr mutation_line lines[] = {
      {report_twice, "report_twice", "sent twice, and it must not be"},
      {csr_elsewhere, "csr_elsewhere", "sent to two masters, and it belongs to one"},
      {skip_master, "skip_master", "could serve it"},
      {same_master_twice, "same_master_twice", "a master was sent it twice"},
      {stubborn, "stubborn", "the same master too often"},
      {mixed_bodies, "mixed_bodies", "bytes of two answers as one"},
      {short_answers, "short_answers", "ended as if whole"},
      {no_answer, "no_answer", "no answer at all"},
      {no_deadline, "no_deadline", "later than its deadline"},
      {no_deadline, "no_deadline", "an exchange that never ended"},
      {believes_not_found, "believes_not_found", "compiled the catalog and has the file"},
      {any_order, "any_order", "is not what this node prefers"},
      {no_pins, "no_pins", "the run was with"},
      {deaf_to_drains, "deaf_to_drains", "is drained, and this went to it"},
      {probe_when_idle, "probe_when_idle", "a status question while idle"},
      {probe_when_idle, "probe_when_idle", "a connection while idle"},
      {probe_when_idle, "probe_when_idle", "a DNS question while idle"},
      {wakes_when_idle, "wakes_when_idle", "a wake-up while idle"},
      {blame_all, "blame_all", "and never failed"},
      {blame_strangers, "blame_strangers", "health of masters that there are not"},
      {asks_everything, "asks_everything", "answers to what nobody asks"},
      {leak_connections, "leak_connections", "descriptors left"},
      {leak_connections, "leak_connections", "too many descriptors"},
      {leak_timers, "leak_timers", "a timer while idle"},
      {leak_timers, "leak_timers", "too many timers"},
      {leak_coroutines, "leak_coroutines", "a coroutine that never ends"},
      {leak_coroutines, "leak_coroutines", "too many coroutines"},
      {forgotten_ends, "forgotten_ends", "exchanges are miscounted"},
      {forgotten_ends, "forgotten_ends", "a run that never ends"},
      {deaf_to_stop, "deaf_to_stop", "of a process that was stopped", cancel},
      {deaf_to_stop, "deaf_to_stop", "goes on after it was stopped", cancel},
      {endless, "endless", "no end of events"},
      {unrepeatable, "unrepeatable", "it is not the same twice"},
      {equal_weights, "equal_weights", "part of what is due", fleet},
      {all_at_once, "all_at_once", "most in any 30 s", fleet},
      {no_answer_kept, "no_answer_kept", "DNS questions", fleet},
      {no_failure_kept, "no_failure_kept", "failed connections", fleet},
      {asks_status_often, "asks_status_often", "status questions", fleet},
      {skip_master, "skip_master", "requests nobody answered", fleet},
  };
  return lines;
}

}  // namespace sim
