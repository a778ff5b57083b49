#pragma once
#include <bunraku/master.hpp>

#include <cstdint>
#include <string_view>

namespace bunraku::policy {

/// Weighted rendezvous hashing: which of several masters a node prefers, the same each time, without anybody keeping a
/// list. Each node draws for each master a number u from (0, 1] out of both names; the master with the smallest
/// -log2(u) / weight comes first. Over many nodes each master is first as often as its weight says, and when a master
/// comes or goes, only the nodes that prefer it move.
/// Source: Thaler and Ravishankar 1998 (highest random weight); the logarithm after Schindelhauer and Schomaker 2005.
/// Units: fixed point throughout, since std::log differs between machines in the last bit.

/// What belongs to a node; compute it once per certname.
std::uint64_t rendezvous_key(std::string_view certname) noexcept;

/// -log2(u) in units of 2^-32, for u = h / 2^64 and h made odd so that it is never 0. From 0 to 2^38; wrong by less
/// than 1e-5.
std::uint64_t negative_log2(std::uint64_t h) noexcept;

/// What belongs to a master. Its weight and priority do not, so a change of them moves no more nodes than it must.
std::uint64_t rendezvous_name(const master& m) noexcept;

/// The draw of a node for a master: negative_log2 of both names mixed.
std::uint64_t rendezvous_draw(std::uint64_t key, std::uint64_t name) noexcept;

/// Smaller comes first. `weight` is at least 1 and at most 2^26.
constexpr std::uint64_t rendezvous_score(std::uint64_t draw, std::uint64_t weight) noexcept {
  return (draw << 25) / weight;
}

}  // namespace bunraku::policy
