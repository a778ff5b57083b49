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

std::optional<bunraku::master> oracle::able(const story& s) const {
  const auto known = masters_of(world_, site_, s.what.of);
  for (const auto& who : known.always) {
    const auto* const at = world_.find(who);
    if (at == nullptr || !at->able(s.what.of, s.began, s.ended) || !can_find(who, known, s)) continue;
    if (needs_new_code(s.what) && at->version(s.began) == 0) continue;
    return who;
  }
  return std::nullopt;
}

bool oracle::some_master_serves(const story& s) const {
  return std::ranges::any_of(masters_of(world_, site_, s.what.of).always, [&](const bunraku::master& who) {
    return world_.find(who)->able(s.what.of, s.began, s.ended);
  });
}

bool oracle::went_to_a_faulty_one(const story& s) const {
  return std::ranges::any_of(s.sent, [&](const story::sending& each) {
    const auto* const at = world_.find(each.to);
    return (s.what.row->unanswered == endpoint::repeat::same_master || !each.stale) &&
           !at->able(s.what.of, s.began, s.ended);
  });
}

std::string oracle::excuse(const story& s) const {
  const auto& row = *s.what.row;
  if (s.client_left) return "the client left";
  if (s.process_stopped) return "the daemon was stopped";
  const bool faulty = went_to_a_faulty_one(s);
  const bool anywhere = row.unanswered == endpoint::repeat::anywhere &&
                        row.server_error == endpoint::repeat::anywhere && row.interrupted == endpoint::repeat::anywhere;
  if (!anywhere && faulty) return "it may not be repeated elsewhere";
  if (s.got.status == 500 && row.error_500 == endpoint::repeat::never) return "500 is an answer to it";
  if (s.what.body > site_.replay_bytes && !s.sent.empty()) return "its body was not kept";
  if (s.got.cut && s.unprovable && faulty) return "nobody can go on with it";
  if (s.got.cut && s.proof_failed) return "the others have other content";
  if (s.waited_for_living && s.ended >= s.deadline) return "a master that says it lives had all the time there was";
  return {};
}

}  // namespace sim
