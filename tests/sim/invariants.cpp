#include "invariants.hpp"

#include "daemon.hpp"
#include "oracle.hpp"

#include <algorithm>
#include <set>

namespace sim {
namespace {

using bunraku::endpoint;
using bunraku::health;

/// A race that began just before the deadline may end after it: addresses, TCP and TLS have limits of their own.
constexpr duration after_deadline = 60s;

/// The pool's own bound, see daemon.cpp.
constexpr std::size_t most_idle = 32;
/// Idle connections are closed and answers written to disk after so long.
constexpr duration settled = 30s;

std::string text_of(const request& r) { return r.method + ' ' + r.target; }

}  // namespace

invariants::invariants(world& of, const site& about) : world_(of), site_(about), preferred_(of, about) {}

/// While no exchange and no run is on, the host is silent. What was under way a moment ago may end.
bool invariants::may_send(packet what, daemon& through) const {
  if (under_way_ != 0) return true;
  const bool run_was_on = through.with().learned().runs().is_on(world_.now() - 5s);
  if (run_was_on) return what != packet::request;
  return what != packet::request && world_.now() <= quiet_since_ + 5s;
}

void invariants::counters::add(const counters& other) {
  exchanges += other.exchanges;
  answered += other.answered;
  failed += other.failed;
  nobody_able += other.nobody_able;
  not_found += other.not_found;
  failovers += other.failovers;
  questions += other.questions;
  for (const auto& [why, count] : other.excused) excused[why] += count;
}

void invariants::begins() {
  ++under_way_;
  ++counts_.exchanges;
}

void invariants::ended(const story& s, daemon& through) {
  --under_way_;
  quiet_since_ = world_.now();
  check_answer(s);
  check_sent(s);
  check_lag(s);
  if (const auto why = preferred_.objection(s); !why.empty()) world_.fail(why + ": " + text_of(s.what));
  preferred_.ended(s);
  check_health(through);
  check_success(s, through);
}

void invariants::check_answer(const story& s) {
  const auto& got = s.got;
  if (got.status == 0 && !s.client_left) world_.fail("no answer at all: " + text_of(s.what));
  const bool whole = !got.cut && !got.own;
  if (whole && got.bytes != got.body.length)
    world_.fail("an answer ended as if whole after " + std::to_string(got.bytes) + " of " +
                std::to_string(got.body.length) + " bytes");
  const bool begun = got.bytes != 0 && !got.own;
  if (!begun && s.ended > s.deadline + after_deadline) world_.fail("later than its deadline: " + text_of(s.what));
}

void invariants::check_sent(const story& s) {
  const auto& row = *s.what.row;
  std::set<bunraku::master> masters, processed;
  std::size_t stale = 0, processing = 0;
  for (const auto& each : s.sent) {
    masters.insert(each.to);
    stale += each.stale;
    processing += each.may_have_processed;
    if (each.may_have_processed) processed.insert(each.to);
  }
  if (row.unanswered != endpoint::repeat::anywhere && row.unanswered != endpoint::repeat::same_master && processing > 1)
    world_.fail("sent twice, and it must not be: " + text_of(s.what));
  if (row.unanswered == endpoint::repeat::same_master && processed.size() > 1)
    world_.fail("sent to two masters, and it belongs to one: " + text_of(s.what));
  const auto same = s.same_again;
  if (s.sent.size() > masters.size() * s.rounds + same) world_.fail("a master was sent it twice: " + text_of(s.what));
  if (same > (1 + masters.size()) * s.rounds || same > stale + s.rounds)
    world_.fail("the same master too often: " + text_of(s.what));
  if (s.sent.size() > (world_.hosts.size() + 1) * s.rounds + stale)
    world_.fail("too many attempts: " + text_of(s.what));
  if (masters.size() > 1) ++counts_.failovers;
}

/// 404 is believed from the master that compiled the catalog, if it can be asked.
void invariants::check_lag(const story& s) {
  const bool whole = !s.got.own && !s.got.cut && !s.client_left;
  if (s.what.row->name == "catalog") {
    if (whole && s.got.status == 200 && alone_) catalog_from_ = s.sent.back().to;
    return;
  }
  if (!catalog_from_ || s.got.status != 404 || !needs_new_code(s.what)) return;
  const auto* const at = world_.find(*catalog_from_);
  const auto known = masters_of(world_, site_, s.what.of);
  const bool serves = std::ranges::find(known.always, *catalog_from_) != known.always.end();
  if (serves && at->version(s.began) > 0 && at->able(s.what.of, s.began, s.ended))
    world_.fail("404, although " + at->who.to_string() + " compiled the catalog and has the file: " + text_of(s.what));
}

void invariants::check_health(daemon& through) {
  const auto now = world_.now();
  const bool dns_was_bad = std::ranges::any_of(world_.dns.faults, [&](const auto& w) { return w.from <= now; });
  for (const auto& line : through.with().learned().health().snapshot(now)) {
    if (line.state != health::down && line.state != health::probation) continue;
    const auto* const at = world_.find(line.who);
    const auto began = [&](const window& w) { return w.from <= now; };
    const bool failed = std::ranges::any_of(at->faults, began) || std::ranges::any_of(at->request_faults, began);
    if (!failed && !dns_was_bad)
      world_.fail(line.who.to_string() + " counts as " + std::string(name_of(line.state)) + " and never failed");
  }
}

void invariants::check_success(const story& s, daemon& through) {
  const auto& got = s.got;
  const bool success = !got.own && !got.cut && (got.status == 200 || (got.status == 404 && needs_new_code(s.what)));
  if (success) {
    ++counts_.answered;
    return;
  }
  ++counts_.failed;
  const oracle knows(world_, site_, through.with().named());
  const auto able = knows.able(s);
  if (!able) {
    ++(knows.some_master_serves(s) ? counts_.not_found : counts_.nobody_able);
    return;
  }
  const auto excuse = knows.excuse(s);
  if (!excuse.empty()) {
    ++counts_.excused[excuse];
    world_.trace([&] { return "excused: " + excuse; });
    return;
  }
  world_.fail(text_of(s.what) + " failed (status " + std::to_string(got.status) + (got.own ? ", own" : "") +
              (got.cut ? ", cut" : "") + (s.budget_denied ? ", retry budget spent" : "") + ") although " +
              able->to_string() + " could serve it");
}

void invariants::check(daemon& through) {
  const auto& learned = through.with().learned();
  if (through.restarts() == 0 && learned.open_exchanges() != under_way_) world_.fail("exchanges are miscounted");
  if (through.has_restless_leftovers()) world_.fail("something of a process goes on after it was stopped");
  const bool idle =
      under_way_ == 0 && !learned.runs().is_on(world_.now() - settled) && world_.now() > quiet_since_ + settled;
  if (idle && world_.time.woke_daemon()) world_.fail("a wake-up while idle");
  if (world_.descriptors > most_idle + 8 * (under_way_ + 1))
    world_.fail("too many descriptors: " + std::to_string(world_.descriptors));
  if (world_.time.alarms() > 64 + 16 * under_way_)
    world_.fail("too many timers: " + std::to_string(world_.time.alarms()));
  if (frames::alive > 64 + 64 * (under_way_ + 2)) world_.fail("too many coroutines");
  if (learned.health().size() > world_.hosts.size()) world_.fail("health of masters that there are not");
  if (through.with().named().book().size() > 4 + 2 * world_.hosts.size() + 4)
    world_.fail("answers to what nobody asks");
}

void invariants::check_idle(daemon& through) {
  const auto now = world_.now();
  if (under_way_ != 0) world_.fail("an exchange that never ended");
  if (world_.descriptors != 0) world_.fail(std::to_string(world_.descriptors) + " descriptors left");
  if (world_.time.alarms() != 0) world_.fail("a timer while idle");
  if (frames::alive != 0) world_.fail("a coroutine that never ends");
  if (through.with().learned().runs().is_on(now)) world_.fail("a run that never ends");
  if (through.with().learned().open_exchanges() != 0) world_.fail("exchanges are miscounted");
}

}  // namespace sim
