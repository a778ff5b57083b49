#include "policy/answer_book.hpp"

#include <algorithm>

namespace bunraku::policy {
namespace {

using status = dns_answer::status;
using failure = dns_outcome::failure;

bool has_records(const dns_outcome& outcome) {
  return outcome.failed == failure::none && outcome.answer.state == status::found;
}

bool says_nothing(const dns_outcome& outcome) {
  return outcome.failed == failure::none &&
         (outcome.answer.state == status::no_data || outcome.answer.state == status::no_such_name);
}

bool is_failure(const dns_outcome& outcome) {
  return outcome.failed != failure::none || outcome.answer.state == status::unusable;
}

}  // namespace

bool same_content(const dns_outcome& a, const dns_outcome& b) {
  return a.failed == b.failed && a.answer.state == b.answer.state &&
         std::ranges::is_permutation(a.answer.a, b.answer.a) &&
         std::ranges::is_permutation(a.answer.aaaa, b.answer.aaaa) &&
         std::ranges::is_permutation(a.answer.srv, b.answer.srv);
}

dns_decision answer_book::answer_of(const entry& e, action what, time_point until) {
  const bool denied = e.trouble && says_nothing(*e.trouble);
  const auto standing = denied ? dns_standing::vanished : dns_standing::stale;
  return {what, e.said, standing, e.learned, until, e.from_disk, e.trouble};
}

/// Until when what DNS said last is served without asking again.
answer_book::time_point answer_book::fresh_until(const entry& e) const {
  return e.doubted ? std::min(e.fresh_until, e.asked + rules_.doubt_interval) : e.fresh_until;
}

/// Until when a failure, or a denial, keeps from asking again.
answer_book::time_point answer_book::ask_again(const entry& e) const {
  return e.doubted ? std::min(e.ask_again, e.asked + rules_.doubt_interval) : e.ask_again;
}

/// Until when it is served because there is nothing better.
answer_book::time_point answer_book::served_until(const entry& e) const {
  if (e.said && e.said->is_lie) return e.fresh_until;
  const auto stale = std::max(e.fresh_until, e.learned + rules_.stale_for);
  const bool denied = e.missing_since && e.trouble && says_nothing(*e.trouble);
  return denied ? std::max(stale, *e.missing_since + rules_.vanished_for) : stale;
}

dns_decision answer_book::decide(const dns_question& question, time_point now) const {
  const auto found = entries_.find(question);
  if (found == entries_.end()) return {};
  const entry& e = found->second;
  if (e.said && !e.trouble && now < fresh_until(e))
    return {action::serve, e.said, dns_standing::fresh, e.learned, fresh_until(e), e.from_disk, nullptr};

  const auto end = served_until(e);
  const bool old_serves = e.said && now < end;
  if (const auto then = ask_again(e); e.trouble && now < then) {
    if (old_serves) return answer_of(e, action::serve, std::min(then, end));
    return {action::serve, e.trouble, dns_standing::failed, e.asked, then, false, nullptr};
  }
  if (!old_serves) return {};
  const bool failed_lately = e.trouble && is_failure(*e.trouble) && now < e.asked + memory_of_failure();
  const bool silent = silent_until_ && now < *silent_until_;
  return answer_of(e, failed_lately || silent ? action::serve_and_ask : action::ask, now);
}

std::optional<dns_decision> answer_book::look(const dns_question& question, time_point now) const {
  const auto found = entries_.find(question);
  if (found == entries_.end()) return std::nullopt;
  const entry& e = found->second;
  auto decided = decide(question, now);
  if (!decided.outcome) {
    const bool unanswered = e.trouble != nullptr;
    decided.outcome = unanswered ? e.trouble : e.said;
    decided.learned = unanswered ? e.asked : e.learned;
    decided.until = unanswered ? ask_again(e) : e.fresh_until;
    decided.from_disk = !unanswered && e.from_disk;
    decided.standing = unanswered ? dns_standing::failed : dns_standing::fresh;
  } else if (decided.what == action::ask && !e.trouble) {
    decided.standing = dns_standing::fresh;
  }
  return decided;
}

answer_book::entry& answer_book::entry_for(const dns_question& question) {
  if (entries_.size() >= capacity_ && !entries_.contains(question)) {
    const auto oldest = std::ranges::min_element(entries_, {}, [](const auto& each) { return each.second.asked; });
    if (oldest != entries_.end()) entries_.erase(oldest);
  }
  return entries_[question];
}

/// DNS denies records that it gave before, and that is not to be believed yet.
bool answer_book::is_denied(const entry& e, const dns_outcome& outcome, time_point now) const {
  if (!says_nothing(outcome) || !e.said || !has_records(*e.said)) return false;
  return now - e.missing_since.value_or(now) < rules_.vanished_for;
}

void answer_book::accept(entry& e, dns_outcome_ptr outcome, time_point now, std::chrono::milliseconds ttl) {
  if (!e.said || !same_content(*e.said, *outcome)) ++changes_;
  e.before_lie = outcome->is_lie ? e.said : nullptr;
  e.before_lie_learned = e.learned;
  e.said = std::move(outcome);
  e.learned = now;
  e.fresh_until = now + ttl;
  e.from_disk = false;
  e.trouble = nullptr;
  e.missing_since.reset();
}

void answer_book::end_lie(entry& e) {
  e.said = std::exchange(e.before_lie, nullptr);
  e.learned = e.fresh_until = e.before_lie_learned;
}

dns_decision answer_book::learn(const dns_question& question, dns_outcome_ptr outcome, time_point now, random& chance) {
  const bool cancelled = outcome->failed == failure::cancelled;
  if (cancelled) return {action::serve, std::move(outcome), dns_standing::failed, now, now, false, nullptr};
  // Some name servers answer whatever is not about AAAA (RFC 4074, 4.1).
  const bool silent = outcome->failed == failure::silence;
  if (!silent && outcome->failed != failure::no_socket) silent_until_.reset();
  else if (silent && question.second != dns_type::aaaa) waited_in_vain(now);

  ++revision_;
  entry& e = entry_for(question);
  if (e.said && e.said->is_lie) end_lie(e);
  e.asked = now;
  e.doubted = false;
  const auto& ttl = rules_.ttl;
  if (is_failure(*outcome)) {
    e.trouble = std::move(outcome);
    e.ask_again = now + ttl.next_try(chance);
  } else if (is_denied(e, *outcome, now)) {
    if (!e.missing_since) e.missing_since = now;
    e.ask_again = now + ttl.spread(std::min(ttl.for_nothing(outcome->answer.ttl), ttl.for_failure()), chance);
    e.trouble = std::move(outcome);
  } else {
    const auto whole = says_nothing(*outcome) ? ttl.for_nothing(outcome->answer.ttl)
                                              : ttl.for_records(outcome->answer.ttl.value_or(std::chrono::seconds(0)));
    accept(e, std::move(outcome), now, ttl.spread(whole, chance));
    return {action::serve, e.said, dns_standing::fresh, e.learned, e.fresh_until, false, nullptr};
  }
  const auto end = served_until(e);
  if (e.said && now < end) return answer_of(e, action::serve, std::min(e.ask_again, end));
  return {action::serve, e.trouble, dns_standing::failed, now, e.ask_again, false, nullptr};
}

void answer_book::waited_in_vain(time_point now) { silent_until_ = now + memory_of_failure(); }

void answer_book::doubt(const dns_question& question) {
  const auto found = entries_.find(question);
  if (found == entries_.end() || found->second.doubted) return;
  found->second.doubted = true;
  ++revision_;
}

void answer_book::believe_vanished(const dns_question& question) {
  const auto found = entries_.find(question);
  if (found == entries_.end()) return;
  entry& e = found->second;
  if (!e.trouble || !says_nothing(*e.trouble)) return;
  const auto ttl = std::chrono::ceil<std::chrono::milliseconds>(e.ask_again - e.asked);
  accept(e, e.trouble, e.asked, ttl);
  ++revision_;
}

void answer_book::restore(const dns_question& question, dns_outcome_ptr outcome, time_point learned, time_point now) {
  if (entries_.contains(question)) return;
  entry& e = entry_for(question);
  e.said = std::move(outcome);
  e.learned = e.fresh_until = e.asked = std::min(learned, now);
  e.from_disk = true;
  ++revision_;
}

std::vector<answer_book::kept_answer> answer_book::worth_keeping(time_point now) const {
  std::vector<kept_answer> kept;
  for (auto [question, e] : entries_) {
    if (e.said && e.said->is_lie) end_lie(e);
    if (e.said && now < served_until(e)) kept.push_back({question, e.said, e.learned});
  }
  return kept;
}

void answer_book::replace(answer_rules rules) {
  rules_ = rules;
  forget_failures();
}

void answer_book::forget_failures() {
  silent_until_.reset();
  std::erase_if(entries_, [](const auto& each) { return !each.second.said; });
  for (auto& [question, e] : entries_) {
    if (!e.trouble || !is_failure(*e.trouble)) continue;
    e.trouble = nullptr;
  }
  ++revision_;
}

dns_outcome_ptr answer_book::last(const dns_question& question) const {
  const auto found = entries_.find(question);
  if (found == entries_.end()) return nullptr;
  return found->second.trouble ? found->second.trouble : found->second.said;
}

}  // namespace bunraku::policy
