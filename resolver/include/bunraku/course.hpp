#pragma once
#include <bunraku/endpoint.hpp>
#include <bunraku/verdict.hpp>

#include <chrono>
#include <cstdint>
#include <optional>

namespace bunraku {

/// How long an exchange may take. All are positive.
struct course_limits {
  std::chrono::milliseconds first_byte{60000};  ///< of one attempt, from the request's last byte to the answer's first
  std::chrono::milliseconds progress{30000};    ///< without a byte, while the request is sent or the answer comes
  std::chrono::milliseconds deadline{
      600000};  ///< from the exchange's begin to the answer's head, all attempts together
};

/// How an attempt ended without the head of an answer.
enum class silence : std::uint8_t {
  closed,      ///< the connection ended or broke
  late,        ///< its time was over
  hung,        ///< it was asked how it is, on a fresh connection, and did not say
  refused,     ///< its TLS did not want our certificate: nothing that was sent was looked at
  unreadable,  ///< something came that is not HTTP
};

/// The decisions of one exchange: how long to wait for what, and after each mishap who is asked next. It joins the
/// verdict table (`judge`) to what this exchange went through: its deadline, the repetitions it had, what was sent and
/// heard on the attempt that is on.
/// Model:   attempts one after the other; each: begin_attempt, then sent_whole when the master has the whole request,
///          and heard when anything of its answer came. No clock and no I/O of its own: the same calls give the same
///          decisions, which is how they are tested.
/// Budget:  the first repetition of an exchange is always allowed, and so is one after a master that did no work for it
///          (it was not sent the request, is full, or closed the connection that was idle before); each further one
///          must be granted (see `grant`): so a site that fails as a whole is asked at most twice as much plus what the
///          budget has.
/// Threads: one at a time.
/// Source:  the endpoint table's columns; the retry budget of Finagle; a master is not dead for being slow.
class course {
 public:
  using time_point = std::chrono::steady_clock::time_point;

  course(const endpoint& row, const course_limits& limits, time_point now) noexcept
      : row_(&row), limits_(limits), until_(now + limits.deadline), moved_at_(now) {}

  const endpoint& row() const noexcept { return *row_; }
  time_point deadline() const noexcept { return until_; }

  /// A connection stands and the request is about to be sent. `reused`: it was idle before.
  void begin_attempt(bool reused, time_point now) noexcept;
  /// The master took, or gave, some bytes after it had to be waited for.
  void progressed(time_point now) noexcept;
  void sent_whole(time_point now) noexcept;
  void heard(time_point now) noexcept;
  bool has_heard() const noexcept { return heard_; }
  bool has_sent_whole() const noexcept { return sent_whole_; }
  /// May the request go out on a connection that was idle? Its master may hang, or be closing it just now, so only what
  /// can be sent again may. `keepable`: its body is known to be no larger than what is kept.
  bool may_reuse(bool keepable) const noexcept { return keepable && row_->unanswered == endpoint::repeat::anywhere; }

  /// What the exchange knows when a decision is due.
  struct situation {
    bool replayable = true;             ///< all that was read of the request's body is still held
    bool another = true;                ///< there is, or may be, a master that was not tried
    bool another_known = true;          ///< there is one
    bool answer_begun = false;          ///< the client has the head of an answer
    bool provable = false;              ///< what the client has of it can be proven to be the begin of another answer
    bool catalog_from_another = false;  ///< the run's catalog came from another master that was not tried here
    bool catalog_unheard = false;       ///< it came from one that was tried here, and failed
    bool holds_not_found = false;       ///< a 404 is kept, which goes to the client if nobody has a better answer
  };

  /// Until when to wait for a byte of the master (or for room to send it one), and what to do when none comes.
  struct patience {
    time_point until;
    bool ask_status;  ///< ask the master how it is; else its time is over: `silence::late`
  };
  /// `overdue`: resolver::overdue_after(row(), asked()); it counts only for an answer's first byte. A master is asked
  /// how it is only if the request can go elsewhere. With another one known it has no more than half of the time that
  /// is left, even if it says that it lives: its service may hang all the same.
  patience wait(std::chrono::microseconds overdue, const situation& s) const noexcept;
  /// The master was asked and lives: it gets more time before it is asked again.
  void lives() noexcept { ++asked_; }
  std::uint32_t asked() const noexcept { return asked_; }

  /// Asks for a further attempt's share of the process' retry budget: true grants it.
  template <class Grant>
  move unanswered(silence how, const situation& s, time_point now, Grant&& grant) {
    return allow(unanswered_move(how, s), mishap_of(how), s, now, grant);
  }
  /// The answer's status is a mishap (mishap_of_status), or its body broke off. `give_up`: nobody else can be asked,
  /// and the 404 that is kept is the better answer, or the client has nothing yet of the one that broke off.
  template <class Grant>
  move failed(mishap what, const situation& s, time_point now, Grant&& grant) {
    const auto first = judge(*row_, what, circumstances_of(s));
    if (what != mishap::saturated && !asks_again(first)) settled_ = true;
    const auto next = allow(first, what, s, now, grant);
    const bool worse = s.holds_not_found && what != mishap::not_found;
    return next == move::deliver && worse ? move::give_up : next;
  }
  /// A master is full and said when it wants to be asked again (Retry-After, 0 s to a year; at least 1 s counts, and
  /// twice as much each time that the exchange began anew, up to 64 s).
  void full(std::chrono::seconds retry_after, time_point now) noexcept;
  /// The earliest that a master of this exchange wants to be asked again. Nothing: none said that it is full, or
  /// another one may have done what was asked for, so that it must not be asked for again, by whomever.
  std::optional<time_point> room_at() const noexcept { return settled_ ? std::nullopt : room_at_; }
  /// Nobody has a better answer than "full". May the request wait until room_at() and begin anew with all masters, as
  /// an agent does that gets the answer? Not when that is after the deadline, when a 404 is kept, when the request's
  /// body is not, when the client has the head of an answer, and when the endpoint is never repeated.
  bool may_wait_for_room(const situation& s) const noexcept;
  /// It has waited: all masters may be asked again, and the repetitions are counted from here.
  void begin_anew() noexcept;
  /// Repetitions so far, or since it began anew. One on a new connection, because the idle one was closed, is none.
  std::uint32_t repetitions() const noexcept { return repetitions_; }

 private:
  static mishap mishap_of(silence how) noexcept {
    return how == silence::refused ? mishap::unsent : mishap::unanswered;
  }
  circumstances circumstances_of(const situation& s) const noexcept;
  move unanswered_move(silence how, const situation& s) noexcept;
  static bool asks_again(move m) noexcept {
    return m == move::next_master || m == move::same_master || m == move::ask_catalog_master;
  }
  bool is_possible(move next, const situation& s, time_point now) const noexcept;

  template <class Grant>
  move allow(move next, mishap what, const situation& s, time_point now, Grant&& grant) {
    if (!asks_again(next)) return next;
    if (stale_) {  // nobody was loaded by it
      stale_ = false;
      return now < until_ ? next : settle(what, circumstances_of(s));
    }
    if (!is_possible(next, s, now)) return settle(what, circumstances_of(s));
    const bool nobody_worked = what == mishap::unsent || what == mishap::saturated;
    const bool granted = nobody_worked || grant();
    if (!granted && repetitions_ != 0) return settle(what, circumstances_of(s));
    ++repetitions_;
    if (next == move::same_master) ++same_again_;
    return next;
  }

  const endpoint* row_;
  course_limits limits_;
  time_point until_;     // of the exchange
  time_point moved_at_;  // when the master last took or gave a byte
  std::optional<time_point> room_at_;
  std::uint32_t rounds_ = 0;  // how often it began anew
  std::uint32_t repetitions_ = 0, same_again_ = 0, asked_ = 0;
  bool reused_ = false, sent_whole_ = false, heard_ = false, stale_ = false;
  bool settled_ = false;  // what became of an attempt is final, as the verdict table says
};

}  // namespace bunraku
