#include "policy/knowledge.hpp"

#include "policy/rendezvous.hpp"

#include <algorithm>
#include <utility>

namespace bunraku::policy {
namespace {

using kind = health_event::kind;

kind kind_of(outcome::kind what) noexcept {
  switch (what) {
    case outcome::kind::begun: return kind::trial_begun;
    case outcome::kind::answered: return kind::answered;
    case outcome::kind::unanswered: return kind::unanswered;
    case outcome::kind::broken_answer: return kind::broken_answer;
    case outcome::kind::server_error: return kind::server_error;
    case outcome::kind::saturated: return kind::saturated;
    case outcome::kind::spoke_tls: return kind::probe_answered;  // it can be reached: as much as a probe shows
    case outcome::kind::no_tls: return kind::connect_failed;
    case outcome::kind::bad_certificate: return kind::bad_certificate;
    case outcome::kind::refused_us: return kind::own_fault;
    case outcome::kind::cancelled: break;
  }
  return kind::cancelled;
}

}  // namespace

void knowledge::add_in_order(plan& into, const source_answer& from, time_point now, bool exchangeable,
                             std::span<const std::int64_t> given) {
  const auto s = into.service();
  // A pin only reorders: it may be the file server of a run whose catalogs come from others.
  const master* pinned = runs_.pinned(s);
  views_.clear();
  for (const auto& m : from.masters) views_.push_back(health_.consult(m, s, now));
  const selection choose{.masters = from.masters,
                         .health = views_,
                         .key = key_,
                         .pinned = pinned,
                         .exchangeable = exchangeable,
                         .given = given};
  choose.order(chance_, picks_);
  std::vector<master> ordered;
  ordered.reserve(picks_.size());
  for (const auto& p : picks_) ordered.push_back(from.masters[p.index]);
  into.append(std::move(ordered));
}

const std::vector<pick>& knowledge::look_at_order(service of, std::span<const master> masters, time_point now) {
  views_.clear();
  for (const auto& m : masters) views_.push_back(health_.look(m, of, now));
  const selection choose{
      .masters = masters, .health = views_, .key = key_, .pinned = runs_.pinned(of), .exchangeable = true};
  choose.order(chance_, picks_);
  return picks_;
}

bool knowledge::is_down(const master& who, service of, time_point now) const noexcept {
  const auto view = health_.look(who, of, now);
  return view.state == health::down || (view.state == health::probation && !view.trial_is_free);
}

bool knowledge::is_worth_trying(plan& so_far, std::size_t& down, time_point now) {
  if (so_far.left() == down) return false;
  if (is_down(so_far.left_at(down), so_far.service(), now)) {
    down = so_far.left();
    return false;
  }
  so_far.put_last(std::exchange(down, 0));
  // Taken here and not when it is dialled: a second plan may be made before that.
  trying(*so_far.front(), so_far.service(), now);
  return true;
}

void knowledge::trying(const master& who, service of, time_point now) {
  if (health_.look(who, of, now).state != health::probation) return;
  health_.report(who, of, {.what = kind::trial_begun}, now, chance_);
}

void knowledge::connect_failed(const master& who, service of, health_event::kind why, std::string_view reason,
                               time_point now) {
  health_.report(who, of, {.what = why, .reason = reason}, now, chance_);
}

void knowledge::lost_race(const master& who, service of, time_point now) {
  health_.report(who, of, {.what = kind::lost_race, .reason = "another master was connected sooner"}, now, chance_);
}

void knowledge::report(const master& who, service of, const outcome& what, time_point now) {
  if (what.what() == outcome::kind::begun) {
    trying(who, of, now);
    return;
  }
  if (what.what() == outcome::kind::answered && what.row() != nullptr && what.first_byte().count() > 0)
    overdue_.learn(*what.row(), what.first_byte());
  health_.report(who, of,
                 {.what = kind_of(what.what()),
                  .reason = what.reason(),
                  .retry_after = what.retry_after(),
                  .first_byte = what.first_byte()},
                 now, chance_);
}

std::chrono::milliseconds knowledge::patience_with(const master& who, std::chrono::milliseconds least) const noexcept {
  const auto round_trip = health_.round_trip(who);
  return std::max(least, std::chrono::ceil<std::chrono::milliseconds>(3 * round_trip));
}

void knowledge::status_told(const master& who, service of, std::optional<health_event::kind> why,
                            std::string_view reason, time_point now) {
  if (why) health_.report(who, of, {.what = *why, .reason = reason}, now, chance_);
}

std::uint32_t knowledge::retries_left(time_point now) const noexcept {
  auto as_of_now = retries_;
  return as_of_now.left(now);
}

run_ticket knowledge::begin_exchange(const endpoint& row, std::string_view target, time_point now) {
  retries_.request();
  ++open_exchanges_;
  const auto ticket = runs_.begin(row, target, now);
  return {.run = ticket.run, .moves = ticket.moves};
}

void knowledge::end_exchange(const run_ticket& ticket, const exchange_end& how, time_point now) {
  --open_exchanges_;
  runs_.end({ticket.run, ticket.moves},
            {.row = how.row,
             .of = how.of,
             .answered_by = how.answered_by,
             .failed_first = how.failed_first,
             .lag_checked = how.lag_checked,
             .status = how.status,
             .bytes_up = how.bytes_up,
             .bytes_down = how.bytes_down,
             .lost = how.lost,
             .silent = how.silent},
            now);
}

const master* knowledge::catalog_master(const run_ticket& ticket) const noexcept {
  const auto* current = runs_.current();
  return current != nullptr && ticket.run == current->id ? runs_.catalog_master() : nullptr;
}

std::vector<probe_wanted> knowledge::take_due_probes(time_point now, std::size_t most) {
  if (!runs_.is_on(now)) return {};
  return health_.take_due_probes(now, chance_, most);
}

std::optional<knowledge::time_point> knowledge::next_probe(time_point now) const noexcept {
  const auto due = runs_.is_on(now) ? health_.next_probe(now) : std::nullopt;
  const auto end = runs_.idle_end();
  return due && (!end || *due < *end) ? due : std::nullopt;
}

void knowledge::probe_told(const master& who, service of, health_event::kind what, std::string_view reason,
                           time_point now) {
  health_.report(who, of, {.what = what, .reason = reason}, now, chance_);
}

void knowledge::drain(const master& who, std::chrono::seconds lasts, time_point now) {
  health_.report(who, service::catalog, {.what = kind::drain, .drain_for = lasts}, now, chance_);
}

bool knowledge::undrain(const master& who, time_point now) {
  if (!health_.is_drained(who, now)) return false;
  health_.report(who, service::catalog, {.what = kind::undrain}, now, chance_);
  return true;
}

void knowledge::renumber(const renumbering& to) {
  ++numbering_;
  health_.renumber(to);
  runs_.renumber(to);
}

void knowledge::reloaded(std::string_view certname) {
  key_ = certname.empty() ? std::nullopt : std::optional(rendezvous_key(certname));
}

}  // namespace bunraku::policy
