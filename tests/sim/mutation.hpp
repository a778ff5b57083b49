#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace sim {

/// What a simulation does wrong on purpose, to see whether its rules notice.
enum class mutation : std::uint8_t {
  none,
  report_twice,        ///< a report that got no answer is sent to another master
  csr_elsewhere,       ///< so is what belongs to one CA
  skip_master,         ///< the second master of a plan is never tried
  same_master_twice,   ///< a failed request goes to the same master once more
  stubborn,            ///< it goes to the same one again and again
  mixed_bodies,        ///< a body that broke off goes on with whatever another master sends
  short_answers,       ///< one that broke off is passed on as if it were whole
  no_answer,           ///< who cannot be served is not told
  no_deadline,         ///< nobody looks at the clock
  believes_not_found,  ///< a missing file is believed from anybody
  any_order,           ///< chance decides which master a node prefers
  no_pins,             ///< a run takes its masters as they come
  probe_when_idle,     ///< masters are asked how they are when no run is on
  wakes_when_idle,     ///< a timer is always armed
  blame_all,           ///< each failure is told of every master
  blame_strangers,     ///< each failure is told of somebody who is no master
  asks_everything,     ///< each exchange asks DNS for a name of its own
  leak_connections,    ///< a connection is forgotten, not closed
  leak_timers,         ///< so is a timer
  leak_coroutines,     ///< so is a coroutine
  forgotten_ends,      ///< nobody says when an exchange is over
  deaf_to_drains,      ///< an operator's drain is forgotten
  deaf_to_stop,        ///< what a process that was told to end has begun goes on
  endless,             ///< something happens each millisecond
  unrepeatable,        ///< the same seed gives another history each time
  // Of fleets.
  equal_weights,     ///< no notice is taken of weights
  all_at_once,       ///< all runs begin together
  no_answer_kept,    ///< DNS is asked for each request
  no_failure_kept,   ///< who is lost is tried for each request
  asks_status_often  ///< each request comes with a status question
};

/// A mutation and the words of the rule that has to notice it.
struct mutation_line {
  mutation what;
  std::string_view name, rule;
  enum class mode : std::uint8_t { seeds, cancel, fleet } in = mode::seeds;
};
/// Every rule there is occurs once or more.
std::span<const mutation_line> mutations() noexcept;

}  // namespace sim
