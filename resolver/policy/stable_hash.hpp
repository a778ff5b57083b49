#pragma once
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace bunraku::policy {

/// One round of splitmix64's output function: every bit of the result depends on every bit of `z`.
constexpr std::uint64_t mixed(std::uint64_t z) noexcept {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

/// A hash that is the same on every machine and in every version: which master a node prefers hangs on it, and a fleet
/// that changes its mind in the middle of an upgrade meets cold caches. Not for secrets, and no defence against chosen
/// keys. Definition: h = mixed(seed + 0x9e3779b97f4a7c15 * (size + 1)); then for each 8 octets, read little-endian and
/// filled up with zeros at the end, h = mixed(h ^ word).
inline std::uint64_t stable_hash(std::string_view octets, std::uint64_t seed = 0) noexcept {
  const auto word_at = [&](std::size_t at, std::size_t size) {
    std::uint64_t word = 0;
    std::memcpy(&word, octets.data() + at, size);
    if constexpr (std::endian::native == std::endian::big) word = std::byteswap(word);
    return word;
  };
  std::uint64_t h = mixed(seed + 0x9e3779b97f4a7c15 * (octets.size() + 1));
  std::size_t at = 0;
  for (; octets.size() - at >= 8; at += 8) h = mixed(h ^ word_at(at, 8));
  if (at < octets.size()) h = mixed(h ^ word_at(at, octets.size() - at));
  return h;
}

}  // namespace bunraku::policy
