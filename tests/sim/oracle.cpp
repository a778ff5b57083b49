#include "oracle.hpp"

#include <algorithm>

namespace sim {
namespace {

using bunraku::endpoint;
using bunraku::policy::dns_type;

/// A failed lookup is not repeated before this: negative_ttl, with its jitter.
constexpr duration negative = 40s;

}  // namespace

bool oracle::knows(const bunraku::policy::dns_question& question, const story& s) const {
  if (world_.dns.able(s.began - negative, s.ended)) return true;
  const auto seen = names_.seen().find(question);
  return seen != names_.seen().end() && seen->second <= s.began;
}

bool oracle::can_find(const bunraku::master& who, const known_masters& known, const story& s) const {
  if (!knows({who.host(), dns_type::a}, s)) return false;
  return std::ranges::all_of(known.owner_names,
                             [&](const std::string& name) { return knows({name, dns_type::srv}, s); });
}

bool oracle::could_serve(const host& at, const story& s) const {
  return at.able(s.what.of, s.began, s.ended) && (!needs_new_code(s.what) || at.version(s.began) != 0);
}

std::optional<bunraku::master> oracle::able(const story& s) const {
  const auto known = masters_of(world_, site_, s.what.of);
  for (const auto& who : known.always)
    if (could_serve(*world_.find(who), s) && can_find(who, known, s)) return who;
  return std::nullopt;
}

bool oracle::some_master_serves(const story& s) const {
  return std::ranges::any_of(masters_of(world_, site_, s.what.of).always,
                             [&](const bunraku::master& who) { return could_serve(*world_.find(who), s); });
}

/// Nobody else may be asked, because of what became of this one.
std::string oracle::excuse_of(const story::sending& each, const story& s) const {
  const auto& row = *s.what.row;
  const bool own_fault = world_.find(each.to)->able(s.what.of, s.began, s.ended);
  if (!each.mishap || own_fault || (each.stale && row.unanswered != endpoint::repeat::same_master)) return {};
  if (s.what.body > site_.replay_bytes) return "its body was not kept";
  const bool unsent = *each.mishap == bunraku::mishap::unsent;
  const auto next = bunraku::judge(row, *each.mishap, {.proven_unprocessed = unsent, .catalog_from_another = true});
  if (next == bunraku::move::next_master || next == bunraku::move::ask_catalog_master) return {};
  return "it may not be repeated elsewhere: " + std::string(name_of(*each.mishap));
}

/// An able master has the version of which the client has the begin.
bool oracle::has_rest_of(const story& s) const {
  const auto known = masters_of(world_, site_, s.what.of);
  return std::ranges::any_of(known.always, [&](const bunraku::master& who) {
    const auto& at = *world_.find(who);
    const bool same = at.version(s.began) == s.got.body.version && at.version(s.ended) == s.got.body.version;
    return same && could_serve(at, s) && can_find(who, known, s);
  });
}

std::string oracle::excuse(const story& s) const {
  const auto& row = *s.what.row;
  if (s.client_left) return "the client left";
  if (s.process_stopped) return "the daemon was stopped";
  for (const auto& each : s.sent)
    if (auto why = excuse_of(each, s); !why.empty()) return why;
  const bool provable = s.what.method == "GET" && row.interrupted == endpoint::repeat::anywhere && s.got.status == 200;
  if (s.got.cut && s.got.bytes != 0 && !provable) return "nobody can go on with it";
  if (s.got.cut && s.proof_failed && !has_rest_of(s)) return "the others have other content";
  return {};
}

}  // namespace sim
