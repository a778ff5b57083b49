#include "policy/rendezvous.hpp"

#include "policy/stable_hash.hpp"

#include <array>
#include <bit>
#include <cstddef>

namespace bunraku::policy {
namespace {

constexpr std::size_t steps = 256;

/// log2(1 + i / steps) in units of 2^-32, bit by bit: squaring a number doubles its logarithm.
constexpr std::uint64_t fraction_of_log2(std::size_t i) noexcept {
  __extension__ using wide = unsigned __int128;
  std::uint64_t x = (std::uint64_t{1} << 63) / steps * (steps + i);  // in [1, 2), units of 2^-63
  std::uint64_t bits = 0;
  for (int place = 0; place < 32; ++place) {
    const wide square = static_cast<wide>(x) * x >> 63;
    const bool two_or_more = square >> 64 != 0;
    bits = bits << 1 | (two_or_more ? 1 : 0);
    x = static_cast<std::uint64_t>(two_or_more ? square >> 1 : square);
  }
  return bits;
}

constexpr auto make_table() noexcept {
  std::array<std::uint64_t, steps + 1> table{};
  for (std::size_t i = 0; i < steps; ++i) table[i] = fraction_of_log2(i);
  table[steps] = std::uint64_t{1} << 32;
  return table;
}
constexpr auto table = make_table();

}  // namespace

std::uint64_t rendezvous_key(std::string_view certname) noexcept { return stable_hash(certname); }

std::uint64_t negative_log2(std::uint64_t h) noexcept {
  h |= 1;
  const auto zeros = std::countl_zero(h);
  const std::uint64_t normal = h << zeros << 1;  // the bits after the leading one, units of 2^-64
  const auto step = static_cast<std::size_t>(normal >> 56);
  const std::uint64_t between = normal << 8 >> 32;  // of this step, units of 2^-32
  const std::uint64_t fraction = table[step] + ((table[step + 1] - table[step]) * between >> 32);
  return (static_cast<std::uint64_t>(zeros + 1) << 32) - fraction;
}

std::uint64_t rendezvous_name(const master& m) noexcept { return stable_hash(m.host(), m.port()); }

std::uint64_t rendezvous_draw(std::uint64_t key, std::uint64_t name) noexcept {
  return negative_log2(mixed(key ^ name));
}

}  // namespace bunraku::policy
