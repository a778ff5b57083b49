#pragma once
#include "policy/random.hpp"

#include <bunraku/master.hpp>

#include <span>
#include <vector>

namespace bunraku::policy {

/// The order in which the masters of one SRV answer are tried: priorities ascending, and within one priority the
/// weighted draw of RFC 2782 (page 3), exactly: zero weights first, a number from 0 to the sum inclusive, the first
/// record whose running sum reaches it, again until none is left.
///
/// RFC 2782 lets records stand "in any order" before each draw. Here that order is drawn too, because a fixed one is
/// unfair: of two records with weight 1, the first would be chosen twice as often as the second.
/// Chance of record i to be drawn from n records with weight sum S: with z > 0 zero weights among them,
/// w_i / (S + 1) or, for w_i = 0, 1 / (z (S + 1)); without, (w_i + 1/n) / (S + 1).
///
/// Equal records (host, port, priority and weight) are one: a record set holds no duplicates (RFC 2181, 5). The same
/// host and port with different weights are separate draws, so their weights add up; a master stands in the result
/// once, where it was drawn first. The outcome depends on the set of records and the seed, not on the order of the
/// answer.
std::vector<master> srv_order(std::span<const master> records, random& chance);

}  // namespace bunraku::policy
