#include "policy/run_affinity.hpp"

#include <algorithm>
#include <utility>

namespace bunraku::policy {
namespace {

constexpr std::size_t max_pins = 16;
constexpr std::size_t max_finished = 4;

/// The value of a query parameter, undecoded, cut to 64 bytes; empty if it is not there.
std::string_view parameter(std::string_view target, std::string_view name) noexcept {
  auto at = target.find('?');
  while (at != std::string_view::npos) {
    target.remove_prefix(at + 1);
    const auto pair = target.substr(0, target.find('&'));
    if (pair.size() > name.size() && pair.starts_with(name) && pair[name.size()] == '=')
      return pair.substr(name.size() + 1, 64);
    at = target.find('&');
  }
  return {};
}

bool is_environment_probe(const endpoint& row, std::string_view target) noexcept {
  return row.name == "file_metadatas" && target.starts_with("/puppet/v3/file_metadatas/plugins?") &&
         parameter(target, "recurse") == "false";
}

bool may_begin_a_run(const endpoint& row) noexcept {
  return row.service != service::ca && row.service != service::report && row.name != "status";
}

bool may_pin(const run_affinity::result& r) noexcept {
  const bool served = r.status != 429 && r.status != 502 && r.status != 503 && r.status != 504;
  return served && !r.lag_checked;
}

bool is_catalog(const run_affinity::result& r) noexcept {
  return r.answered_by != nullptr && r.row.name == "catalog" && r.status == 200;
}

bool has_pin(service of) noexcept { return of != service::ca && of != service::report && of != gone_service; }

/// The service that shares its masters with this one during a run.
service sibling_of(service of) noexcept {
  if (of == service::catalog) return service::files;
  return of == service::files ? service::catalog : of;
}

}  // namespace

bool run_affinity::begins_anew(const endpoint& row, std::string_view target, time_point now) const {
  if (!may_begin_a_run(row)) return false;
  if (!is_on(now)) return true;
  const auto uuid = parameter(target, "transaction_uuid");
  if (!uuid.empty()) return run_.transaction_uuid.empty() ? catalog_seen_ : run_.transaction_uuid != uuid;
  return is_environment_probe(row, target) && (probe_seen_ || catalog_seen_);
}

void run_affinity::start(time_point now) {
  const bool busy = on_ && (under_way_ > 0 || now - busy_ < limits_.overlap);
  if (on_) finish(is_on(now) ? run_summary::end::replaced : run_summary::end::idle);
  if (!busy) {
    pins_.clear();
    catalog_master_.reset();
  }
  on_ = true;
  run_ = {};
  run_.id = ++last_id_;
  run_.began = run_.last = now;
  under_way_ = 0;
  silent_.clear();
  probe_seen_ = catalog_seen_ = false;
}

void run_affinity::finish(run_summary::end how) {
  on_ = false;
  run_.how = how;
  if (finished_.size() == max_finished) finished_.erase(finished_.begin());
  finished_.push_back(std::move(run_));
}

void run_affinity::note_markers(const endpoint& row, std::string_view target) {
  probe_seen_ = probe_seen_ || is_environment_probe(row, target);
  catalog_seen_ = catalog_seen_ || row.name == "catalog";
  if (run_.transaction_uuid.empty()) run_.transaction_uuid = parameter(target, "transaction_uuid");
}

run_affinity::ticket run_affinity::begin(const endpoint& row, std::string_view target, time_point now) {
  if (begins_anew(row, target, now)) start(now);
  if (!is_on(now)) return {};
  note_markers(row, target);
  run_.last = now;
  ++run_.requests;
  ++under_way_;
  return {run_.id, run_.moves};
}

void run_affinity::end(const ticket& of, const result& r, time_point now) {
  if (!on_) return;
  if (of.run != run_.id) {
    // Of the run that this one began beside. Its files go on as this one's, and some master must have their code.
    if (is_catalog(r) && !catalog_master_) catalog_master_ = *r.answered_by;
    return;
  }
  --under_way_;
  run_.last = now;
  if (may_begin_a_run(r.row)) busy_ = now;
  run_.bytes_up += r.bytes_up;
  run_.bytes_down += r.bytes_down;
  run_.failovers += r.failed_first != nullptr;
  run_.lost += r.lost;
  if (r.silent) count_silence(r.of, *r.silent);
  if (r.answered_by) {
    count_use(r.of, *r.answered_by);
    if (has_pin(r.of) && may_pin(r)) settle_pin(of, r);
    if (is_catalog(r)) catalog_master_ = *r.answered_by;
  } else {
    ++run_.unserved;
  }
  if (r.row.name == "report") finish(run_summary::end::reported);
}

run_affinity::pin* run_affinity::pin_of(service of) noexcept {
  const auto found = std::ranges::find(pins_, of, &pin::of);
  return found == pins_.end() ? nullptr : &*found;
}

void run_affinity::settle_pin(const ticket& of, const result& r) {
  const auto& who = *r.answered_by;
  const bool is_late = of.moves != run_.moves;
  auto* const own = pin_of(r.of);
  if (own && is_late) return;
  const auto* const expected = pinned(r.of);
  const bool elsewhere = expected && *expected != who;
  const bool failed = elsewhere && r.failed_first && *r.failed_first == *expected;
  const bool has_answered = own && !own->taken_along;
  if (elsewhere && (failed || has_answered) && !is_late) move_pins(*expected, who);
  if (own) *own = {r.of, who};
  else if (pins_.size() < max_pins) pins_.push_back({r.of, who});
}

/// All services that are with `from` go along.
void run_affinity::move_pins(master from, const master& to) {
  for (auto& each : pins_)
    if (each.who == from) each = {each.of, to, true};
  ++run_.moves;
}

void run_affinity::count_use(service of, const master& who) {
  const auto same = [&](const run_summary::use& u) { return u.of == of && u.who == who; };
  const auto found = std::ranges::find_if(run_.used, same);
  if (found != run_.used.end()) ++found->answers;
  else if (run_.used.size() < run_summary::max_uses) run_.used.push_back({of, who, 1});
}

void run_affinity::count_silence(service of, const master& who) {
  const bool known = std::ranges::any_of(silent_, [&](const pin& p) { return p.of == of && p.who == who; });
  if (known || silent_.size() == run_summary::max_uses) return;
  silent_.push_back({of, who});
  ++run_.silences;
}

const master* run_affinity::pinned(service of) const noexcept {
  if (!on_) return nullptr;
  for (const service wanted : {of, sibling_of(of)}) {
    const auto found = std::ranges::find(pins_, wanted, &pin::of);
    if (found != pins_.end()) return &found->who;
  }
  return nullptr;
}

void run_affinity::renumber(const std::function<service(service)>& to) {
  for (auto* all : {&pins_, &silent_}) {
    for (auto& each : *all) each.of = to(each.of);
  }
  std::erase_if(pins_, [](const pin& each) { return each.of == gone_service; });
  for (auto& each : run_.used) each.of = to(each.of);
  for (auto& run : finished_)
    for (auto& each : run.used) each.of = to(each.of);
}

bool run_affinity::is_on(time_point now) const noexcept {
  return on_ && (under_way_ > 0 || now - run_.last < limits_.idle);
}

std::optional<run_affinity::time_point> run_affinity::idle_end() const noexcept {
  if (!on_ || under_way_ > 0) return std::nullopt;
  return run_.last + limits_.idle;
}

std::optional<run_summary> run_affinity::take_finished(time_point now) {
  if (on_ && !is_on(now)) finish(run_summary::end::idle);
  if (finished_.empty()) return std::nullopt;
  run_summary oldest = std::move(finished_.front());
  finished_.erase(finished_.begin());
  return oldest;
}

}  // namespace bunraku::policy
