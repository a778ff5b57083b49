#pragma once
#include <cstdint>

namespace bunraku::policy {

/// The only source of chance in decisions. xoshiro256++ seeded by splitmix64: the same seed gives the same numbers on
/// every machine and standard library, which std::uniform_int_distribution does not promise. Not for secrets.
class random {
 public:
  explicit random(std::uint64_t seed) noexcept;
  std::uint64_t next() noexcept;
  /// Uniform in [0, bound); 0 for bound 0. Unbiased (Lemire's rejection).
  std::uint64_t below(std::uint64_t bound) noexcept;
  /// Uniform in [0, 1).
  double unit() noexcept { return static_cast<double>(next() >> 11) * 0x1.0p-53; }

 private:
  std::uint64_t state_[4];
};

}  // namespace bunraku::policy
