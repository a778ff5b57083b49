#pragma once
#include "policy/dns_message.hpp"
#include "policy/random.hpp"
#include "policy/ttl_policy.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace bunraku::policy {

/// A name (as it was asked for) and the type of record.
using dns_question = std::pair<std::string, dns_type>;

/// How one question ended. `answer` counts only when there is no failure.
struct dns_outcome {
  enum class failure : std::uint8_t {
    none,
    silence,    ///< no name server answered in time
    refusal,    ///< one said SERVFAIL, REFUSED or the like, or none could be reached
    no_socket,  ///< this host had none to ask with (descriptors, buffers): DNS is not to blame, nor is a master
    malformed,  ///< the answer broke DNS's own rules
    cancelled,  ///< the question was given up
  };
  dns_answer answer;
  failure failed = failure::none;
  std::string note;     ///< for people
  bool is_lie = false;  ///< nobody's answer but an injected fault's
};
using dns_outcome_ptr = std::shared_ptr<const dns_outcome>;

/// The same records, in whatever order, or the same failure; TTLs and notes do not matter.
bool same_content(const dns_outcome& a, const dns_outcome& b);

/// Plain values; see dns_options, which has the same names.
struct answer_rules {
  ttl_limits ttl;
  std::chrono::seconds stale_for{std::chrono::days(7)};
  std::chrono::seconds vanished_for{3600};
  /// A name is not asked for ahead of time, because its masters fail, before its last answer is this old.
  std::chrono::seconds doubt_interval{10};
};

/// What an answer that is served is worth.
enum class dns_standing : std::uint8_t {
  fresh,     ///< within its TTL
  stale,     ///< its TTL is over and DNS gives no answer
  vanished,  ///< DNS says that these records exist no more, and that is not believed yet
  failed,    ///< there was never an answer, or none that still counts; the outcome is the failure
};

/// What to do about a question.
struct dns_decision {
  enum class action : std::uint8_t {
    serve,          ///< use `outcome`; the decision stands until `until`
    serve_and_ask,  ///< use `outcome`, and ask DNS without waiting for it
    ask,            ///< ask DNS and wait; with an `outcome`, only as long as one try takes, then use that
  };
  using time_point = std::chrono::steady_clock::time_point;

  action what = action::ask;
  dns_outcome_ptr outcome;
  dns_standing standing = dns_standing::failed;
  time_point learned;       ///< when DNS gave `outcome`
  time_point until;         ///< see `serve`
  bool from_disk = false;   ///< it was learned by an earlier process
  dns_outcome_ptr trouble;  ///< stale or vanished: what DNS says now instead, if it said anything
};

/// What is known of every question that was ever asked, and whether to ask again. Pure: it asks nobody.
///
/// Model:  for each question the last answer of a name server (records, ".", or "no such record") and the trouble
/// since.
///  - Within its TTL an answer is served; see ttl_limits for floor, ceiling and jitter.
///  - After it DNS is asked. If it fails, or keeps silent, the last answer goes on for `stale_for` after it was learned
///    (RFC 8767); meanwhile DNS is asked at most once per `ttl.negative`. Who asks waits for one try only, and while
///    DNS is known to be silent, whatever the name (but about AAAA alone), not at all.
///  - Records that are gone ("no such record" where there were some) are served for `vanished_for` more: until "no such
///    record" was said at least twice, so far apart, with nothing else between. "." is believed at once.
///  - A failure where nothing better is known is served for `ttl.negative`.
///  - A lie is served within its TTL. What DNS said before it comes back after it, and is what is worth keeping.
///  - `doubt` (a master that was named, or that was used because there was no answer, cannot be reached) ends all of
///    these times early, but not before `doubt_interval` has passed since the question was asked.
/// Bounds: `capacity` questions; a new one beyond that replaces the one whose last question is the longest ago.
/// Threads: none of its own.
/// Source: RFC 8767, RFC 2308.
class answer_book {
 public:
  using time_point = std::chrono::steady_clock::time_point;

  answer_book(answer_rules rules, std::size_t capacity) : rules_(rules), capacity_(capacity) {}

  dns_decision decide(const dns_question& question, time_point now) const;

  /// For onlookers: what was served last, or would be if DNS kept silent now; `until` may be over. An answer whose time
  /// is over, while nobody has asked again, is no worse for that: its standing is fresh. Nothing if never asked.
  std::optional<dns_decision> look(const dns_question& question, time_point now) const;

  /// A question ended; whoever waited uses what is returned (its action is always `serve`). `chance` spreads the next
  /// questions of a fleet. A cancelled question teaches nothing; its outcome is returned as failed.
  dns_decision learn(const dns_question& question, dns_outcome_ptr outcome, time_point now, random& chance);

  /// A question is still unanswered although one try's time is over: DNS counts as silent for a while, or until anybody
  /// hears from a name server.
  void waited_in_vain(time_point now);

  /// A master that this answer led to cannot be reached.
  void doubt(const dns_question& question);

  /// No master of this answer can be reached: if DNS called its records gone, they are gone now.
  void believe_vanished(const dns_question& question);

  /// What an earlier process learned at `learned`; it never counts as fresh. Does nothing if the question is known.
  void restore(const dns_question& question, dns_outcome_ptr outcome, time_point learned, time_point now);

  struct kept_answer {
    dns_question question;
    dns_outcome_ptr outcome;  ///< without an error
    time_point learned;
  };
  /// The answers worth keeping for the next process: those that may be served stale at `now`. In order of question.
  std::vector<kept_answer> worth_keeping(time_point now) const;
  /// Counts answers that differ from the one before to the same question. Times and failures do not count.
  std::uint64_t changes() const noexcept { return changes_; }
  /// Changes whenever a decision may have become another one before its `until`.
  std::uint64_t revision() const noexcept { return revision_; }

  /// Other rules, as after a reload: failures are forgotten, answers are kept.
  void replace(answer_rules rules);
  /// There are other name servers, or the network changed: what failed may work now.
  void forget_failures();
  template <typename Keep>
  void keep_only(Keep keep) {
    std::erase_if(entries_, [&](const auto& each) { return !keep(each.first); });
    ++revision_;
  }

  /// The last answer or failure; null if there is none.
  dns_outcome_ptr last(const dns_question& question) const;
  std::size_t size() const noexcept { return entries_.size(); }
  const answer_rules& rules() const noexcept { return rules_; }

 private:
  struct entry {
    dns_outcome_ptr said;  ///< what DNS said last; null if it never said anything
    time_point learned, fresh_until;
    bool from_disk = false, doubted = false;
    dns_outcome_ptr trouble;  ///< how the last question ended, if that is not `said`
    time_point asked, ask_again;
    std::optional<time_point> missing_since;  ///< `said` has records, and DNS first denied them then
    dns_outcome_ptr before_lie;               ///< `said` is one: what DNS said last, if anything
    time_point before_lie_learned;
  };

  using action = dns_decision::action;
  static dns_decision answer_of(const entry& e, action what, time_point until);
  bool is_denied(const entry& e, const dns_outcome& outcome, time_point now) const;
  time_point fresh_until(const entry& e) const;
  time_point ask_again(const entry& e) const;
  time_point served_until(const entry& e) const;
  void accept(entry& e, dns_outcome_ptr outcome, time_point now, std::chrono::milliseconds ttl);
  static void end_lie(entry& e);
  entry& entry_for(const dns_question& question);
  /// How long a silence, or a failure, lets others expect the same. Longer than the time between two questions, so that
  /// a process that is busy all the time notices no end of it by waiting.
  std::chrono::seconds memory_of_failure() const { return 2 * rules_.ttl.for_failure(); }

  answer_rules rules_;
  std::size_t capacity_;
  std::map<dns_question, entry> entries_;
  std::optional<time_point> silent_until_;
  std::uint64_t changes_ = 0, revision_ = 0;
};

}  // namespace bunraku::policy
