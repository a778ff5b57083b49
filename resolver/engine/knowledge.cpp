#include "engine/knowledge.hpp"

#include <bunraku/error.hpp>

#include <cerrno>

namespace bunraku::engine {
namespace {

using policy::health_event;
using kind = health_event::kind;

/// Whose fault is it that there is no connection? Only a master's own failure may cost it requests.
kind kind_of(boost::system::error_code error) noexcept {
  if (error.category() == category()) {
    switch (static_cast<errc>(error.value())) {
      case errc::certificate_untrusted:
      case errc::certificate_expired:
      case errc::certificate_revoked:
      case errc::certificate_wrong_name:
      case errc::certificate_wrong_purpose: return kind::bad_certificate;
      case errc::crl_missing:
      case errc::crl_expired:
      case errc::refused_us: return kind::own_fault;
      case errc::cancelled: return kind::cancelled;
      default: return kind::connect_failed;
    }
  }
  if (error.category() == boost::system::system_category())
    for (const int ours : {EMFILE, ENFILE, ENOMEM, ENOBUFS, EADDRNOTAVAIL, ENETDOWN})
      if (error.value() == ours) return kind::own_fault;
  return kind::connect_failed;
}

kind kind_of(outcome::kind what) noexcept {
  switch (what) {
    case outcome::kind::begun: return kind::trial_begun;
    case outcome::kind::answered: return kind::answered;
    case outcome::kind::unanswered: return kind::unanswered;
    case outcome::kind::broken_answer: return kind::broken_answer;
    case outcome::kind::server_error: return kind::server_error;
    case outcome::kind::saturated: return kind::saturated;
    case outcome::kind::cancelled: break;
  }
  return kind::cancelled;
}

}  // namespace

void knowledge::add_in_order(plan& into, const source_answer& from) {
  const auto now = clock::now();
  const auto s = into.service();
  // A pin only reorders: it may be the file server of a run whose catalogs come from others.
  const master* pinned = runs_.pinned(s);
  views_.clear();
  for (const auto& m : from.masters) views_.push_back(health_.consult(m, s, now));
  // The same seed each time: a node prefers the same master of a tier, run after run.
  policy::random fixed(seed_);
  const policy::selection choose{.masters = from.masters, .health = views_, .key = std::nullopt, .pinned = pinned};
  choose.order(fixed, picks_);
  std::vector<master> ordered;
  ordered.reserve(picks_.size());
  for (const auto& p : picks_) ordered.push_back(from.masters[p.index]);
  into.append(ordered);
}

void knowledge::connect_failed(const master& who, service of, boost::system::error_code error,
                               std::string_view reason) {
  health_.report(who, of, {.what = kind_of(error), .reason = reason}, clock::now(), chance_);
}

void knowledge::lost_race(const master& who, service of) {
  health_.report(who, of, {.what = kind::lost_race, .reason = "another master was connected sooner"}, clock::now(),
                 chance_);
}

void knowledge::report(const master& who, service of, const outcome& what) {
  const auto now = clock::now();
  if (what.what() == outcome::kind::begun && health_.look(who, of, now).state != health::probation) return;
  health_.report(who, of,
                 {.what = kind_of(what.what()),
                  .reason = what.reason(),
                  .retry_after = what.retry_after(),
                  .first_byte = what.first_byte()},
                 now, chance_);
}

run_ticket knowledge::begin_exchange(const endpoint& row, std::string_view target) {
  const auto ticket = runs_.begin(row, target, clock::now());
  return {ticket.run, ticket.moves};
}

void knowledge::end_exchange(const run_ticket& ticket, const exchange_end& how) {
  const auto now = clock::now();
  runs_.end({ticket.run, ticket.moves},
            {.row = how.row,
             .of = how.of,
             .answered_by = how.answered_by,
             .needed_another = how.needed_another,
             .status = how.status,
             .bytes_up = how.bytes_up,
             .bytes_down = how.bytes_down},
            now);
  while (runs_.take_finished(now)) {
  }
}

void knowledge::reloaded(std::uint64_t seed) {
  seed_ = seed;
  runs_ = {};
}

}  // namespace bunraku::engine
