#pragma once
#include <bunraku/resolution.hpp>

#include <chrono>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace bunraku::policy {

/// What DNS says of one SRV owner name, or said when it still answered.
struct srv_name_answer {
  std::string name;
  source_answer::status state = source_answer::status::empty;
  std::vector<master> masters;
  boost::system::error_code error;
  std::string note;
  std::chrono::seconds age{0};
  bool stale = false, from_disk = false;
};

/// What a source that asks several owner names in turn says, given what was learned from the first ones; nothing while
/// the next name has to be asked.
///
/// A later name is asked when the earlier has no SRV record. When the earlier one *failed* (silence, SERVFAIL,
/// nonsense) the later one is asked too, unless `failure_is_final`: a run that is served by the generic masters is
/// better than one that is not, and the note says that it happened. But then only masters count: "no such record" and
/// "." of the later name prove nothing while the earlier is unknown, and the failure is what the source says.
/// A stale answer counts as an answer; the source is as old as the name that decided, and stale if any name was.
/// `failure_is_final` is for `ca`: a signing request must not wander off because a name server hiccupped.
/// Precondition: `learned` is not longer than `names`, and in its order.
std::optional<source_answer> srv_source_answer(std::span<const std::string> names,
                                               std::span<const srv_name_answer> learned, bool failure_is_final);

}  // namespace bunraku::policy
