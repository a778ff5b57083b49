#include <bunraku/course.hpp>

#include <algorithm>

namespace bunraku {
namespace {

/// A master that takes or gives nothing for so long while bytes are on their way is asked how it is. Nothing is learned
/// for it: it does not depend on what is asked for, as the time to the first byte does.
constexpr std::chrono::seconds quiet{2};

/// Retry-After may be 0: puppetserver draws it by chance. Twice as long each time that it was not enough.
constexpr std::chrono::seconds shortest_wait{1};
constexpr std::uint32_t most_doublings = 6;

}  // namespace

void course::begin_attempt(bool reused, time_point now) noexcept {
  moved_at_ = now;
  asked_ = 0;
  reused_ = reused;
  sent_whole_ = heard_ = false;
}

void course::progressed(time_point now) noexcept {
  moved_at_ = now;
  asked_ = 0;
}

void course::sent_whole(time_point now) noexcept {
  sent_whole_ = true;
  progressed(now);
}

void course::heard(time_point now) noexcept {
  heard_ = true;
  progressed(now);
}

circumstances course::circumstances_of(const situation& s) const noexcept {
  return {.replayable = s.replayable,
          .proven_unprocessed = !sent_whole_ && !heard_,  // nobody processes a request that is not whole
          .answer_begun = s.answer_begun,
          .provable = s.provable,
          .catalog_from_another = s.catalog_from_another,
          .catalog_unheard = s.catalog_unheard};
}

course::patience course::wait(std::chrono::microseconds overdue, const situation& s) const noexcept {
  const bool first_byte = sent_whole_ && !heard_;
  auto end = moved_at_ + (first_byte ? limits_.first_byte : limits_.progress);
  if (!s.answer_begun) end = std::min(end, until_);
  const auto what = s.answer_begun ? mishap::broken_answer : mishap::unanswered;
  const bool elsewhere = s.another && judge(*row_, what, circumstances_of(s)) == move::next_master;
  if (!elsewhere) return {end, false};
  if (!s.answer_begun && s.another_known) end = std::min(end, moved_at_ + (until_ - moved_at_) / 2);
  const auto ask =
      moved_at_ + (first_byte ? overdue : std::chrono::microseconds(quiet) * (1U << std::min(asked_, 10U)));
  return ask < end ? patience{ask, true} : patience{end, false};
}

move course::unanswered_move(silence how, const situation& s) noexcept {
  const auto what = mishap_of(how);
  auto next = judge(*row_, what, circumstances_of(s));
  if (!asks_again(next)) settled_ = true;
  const bool may = next == move::next_master || next == move::same_master;
  // The master closed an idle connection just as we used it: the same one again, on a new connection.
  if (how == silence::closed && reused_ && !heard_ && may) {
    stale_ = true;
    return move::same_master;
  }
  // Slowness is no proof of anything, and who asks again on a new connection waits as long again.
  if (next == move::same_master && (how == silence::late || how == silence::hung)) next = move::give_up;
  return next;
}

void course::full(std::chrono::seconds retry_after, time_point now) noexcept {
  const auto at = now + std::max(retry_after, shortest_wait * (1 << std::min(rounds_, most_doublings)));
  room_at_ = room_at_ ? std::min(*room_at_, at) : at;
}

bool course::may_wait_for_room(const situation& s) const noexcept {
  return room_at() && *room_at_ < until_ && s.replayable && !s.answer_begun && !s.holds_not_found &&
         row_->saturated != endpoint::repeat::never;
}

void course::begin_anew() noexcept {
  room_at_.reset();
  repetitions_ = same_again_ = 0;
  ++rounds_;
}

bool course::is_possible(move next, const situation& s, time_point now) const noexcept {
  if (now >= until_ && !s.answer_begun) return false;
  if (next == move::same_master) return same_again_ == 0;
  return next == move::ask_catalog_master || s.another;
}

}  // namespace bunraku
