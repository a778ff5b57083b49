#include "preference.hpp"

#include "policy/stable_hash.hpp"

#include <algorithm>
#include <cmath>
#include <tuple>
#include <utility>

namespace sim {
namespace {

using bunraku::master;
using bunraku::service;

bool serves(const known_masters& known, const master& who) {
  return std::ranges::find(known.always, who) != known.always.end();
}

}  // namespace

preference::preference(world& of, const site& about)
    : world_(of),
      site_(about),
      undisturbed_(
          of.dns.faults.empty() && of.dns.zones.size() == 1 && !about.restarts && about.drains.empty() &&
          about.reloads.empty() &&
          std::ranges::all_of(of.hosts, [](const host& h) { return h.faults.empty() && h.request_faults.empty(); }) &&
          std::ranges::all_of(of.dns.addresses, [](const auto& each) { return each.second.size() == 1; })),
      forgotten_(about.restarts) {}

const std::optional<master>* preference::pinned(service s) const noexcept {
  if (s != service::catalog && s != service::files) return nullptr;
  const auto own = s == service::catalog ? 0 : 1;
  return pins_[own] ? &pins_[own] : &pins_[1 - own];
}

/// Weighted rendezvous by its definition: the least of -ln(u) / weight among the records of the first priority.
std::optional<master> preference::preferred(service s) const {
  const auto key = bunraku::policy::stable_hash(site_.certname);
  const auto& sources = site_.services[index_of(s)].sources;
  for (const auto& name : sources.front().owner_names()) {
    const auto found = world_.dns.zones.front().srv.find(name);
    if (found == world_.dns.zones.front().srv.end()) continue;
    const auto place = [&](const bunraku::policy::srv_record& r) {
      const auto drawn = bunraku::policy::mixed(key ^ bunraku::policy::stable_hash(r.target, r.port));
      const double cost = -std::log(std::ldexp(static_cast<double>(drawn), -64));
      return std::tuple(r.priority, r.weight == 0, cost / std::max<double>(1, r.weight));
    };
    const auto best = std::ranges::min_element(found->second, {}, place);
    return master(best->target, best->port, bunraku::source_kind::srv);
  }
  if (sources.size() > 1) return sources.back().masters().front();
  return std::nullopt;
}

bool preference::is_blameless(const master& who, time_point until) const {
  const auto* const at = world_.find(who);
  const auto began = [&](const auto& w) { return w.from <= until; };
  return at != nullptr && std::ranges::none_of(at->faults, began) && std::ranges::none_of(at->request_faults, began) &&
         std::ranges::none_of(world_.dns.faults, began) && world_.dns.addresses.find(who.host())->second.size() == 1;
}

/// A connection with it takes longer than the next master waits, and may lose to that one.
bool preference::is_far(const master& who) const {
  const auto* const at = world_.find(who);
  return at != nullptr && at->round_trip > 100ms;
}

bool preference::is_drained(const master& who, const story& s) const {
  return !forgotten_ && std::ranges::any_of(site_.drains, [&](const site::drain& d) {
    return d.who == who && d.from < s.began && d.to > s.ended;
  });
}

bool preference::may_be_drained(const master& who, const story& s) const {
  return std::ranges::any_of(
      site_.drains, [&](const site::drain& d) { return d.who == who && d.from <= s.ended && d.to >= s.began; });
}

/// It began with a master that new runs are to leave alone, and another one was there for it. While any fails, or is
/// far away, the race decides whose connection is first.
std::string preference::objection_to_drained(const story& s) const {
  const auto& first = s.sent.front().to;
  if (!is_drained(first, s)) return {};
  const auto known = masters_of(world_, site_, s.what.of);
  const auto is_well = [&](const master& who) { return is_blameless(who, s.ended) && !is_far(who); };
  if (!std::ranges::all_of(world_.hosts, is_well, &host::who)) return {};
  for (const auto& other : known.always)
    if (!may_be_drained(other, s))
      return first.to_string() + " is drained, and this went to it, not to " + other.to_string();
  return {};
}

std::string preference::objection(const story& s) const {
  if (s.sent.empty() || s.process_stopped) return {};
  const auto& first = s.sent.front().to;
  const auto known = masters_of(world_, site_, s.what.of);
  const auto* const own = alone_ ? pinned(s.what.of) : nullptr;
  const bool has_own = own != nullptr && *own && serves(known, **own);
  if (has_own && first != **own && is_blameless(**own, s.ended) && !is_far(**own))
    return "the run was with " + (*own)->to_string() + ", which is well, and this went to " + first.to_string();
  const bool has_pin = s.what.of == service::catalog || s.what.of == service::files;
  const bool new_to_it = s.what.of == service::report || (has_pin && alone_ && (!own || !*own));
  if (new_to_it)
    if (auto why = objection_to_drained(s); !why.empty()) return why;
  if (!undisturbed_ || has_own || (has_pin && !alone_)) return {};
  const auto best = preferred(s.what.of);
  if (best && first != *best && !is_far(*best))
    return first.to_string() + " is not what this node prefers: " + best->to_string();
  return {};
}

/// The one that was to serve this answers for it no more: all that is with that one goes to the new one. But where a
/// service only came along with the other one and was not even asked, it goes by itself.
void preference::ended(const story& s) {
  const bool has_pin = s.what.of == service::catalog || s.what.of == service::files;
  const auto status = s.got.status;
  const bool refuses = status == 429 || status == 502 || status == 503 || status == 504;
  if (!has_pin || !s.answered_by || refuses || s.doubts_not_found || s.what.row->name == "status") return;
  const auto& by = *s.answered_by;
  const auto own = s.what.of == service::catalog ? 0 : 1;
  const auto expected = *pinned(s.what.of);
  const bool settled = pins_[own] && !taken_along_[own];
  const bool leaves = expected && *expected != by && (settled || (alone_ && s.failed_first == *expected));
  if (leaves && pins_[1 - own] == expected) {
    pins_[1 - own] = by;
    taken_along_[1 - own] = true;
  }
  pins_[own] = by;
  taken_along_[own] = false;
}

}  // namespace sim
