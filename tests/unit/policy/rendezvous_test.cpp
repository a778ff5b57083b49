#include "policy/rendezvous.hpp"

#include "policy/random.hpp"
#include "policy/stable_hash.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>

namespace bunraku::policy {
namespace {

TEST(StableHash, NeverChanges) {
  // Whoever changes these numbers sends every node of every site to another master.
  EXPECT_EQ(stable_hash(""), 0xe220a8397b1dcdafu);
  EXPECT_EQ(stable_hash("agent1.example.com"), 0xa265df7345646126u);
  EXPECT_EQ(stable_hash("compile1.example.com", 8140), 0x4d78f7f4b671861eu);
}

TEST(StableHash, TellsFillingFromZeros) {
  EXPECT_NE(stable_hash(std::string("a\0", 2)), stable_hash("a"));
  EXPECT_NE(stable_hash(std::string(8, '\0')), stable_hash(std::string(16, '\0')));
  EXPECT_NE(stable_hash("a", 8140), stable_hash("a", 8141));
}

double as_double(std::uint64_t fixed) { return static_cast<double>(fixed) / 4294967296.0; }

TEST(NegativeLog2, IsExactAtPowersOfTwo) {
  // h is made odd, which is what the smallest difference stands for.
  for (int bit = 20; bit < 64; ++bit)
    EXPECT_NEAR(as_double(negative_log2(std::uint64_t{1} << bit)), 64 - bit, 1e-5) << bit;
  EXPECT_EQ(negative_log2(0), std::uint64_t{64} << 32);
  EXPECT_LT(as_double(negative_log2(std::numeric_limits<std::uint64_t>::max())), 1e-9);
}

TEST(NegativeLog2, AgreesWithTheLibrarysLogarithm) {
  random chance(1);
  for (int i = 0; i < 100000; ++i) {
    const auto h = chance.next() >> chance.below(60);
    const double exact = 64 - std::log2(static_cast<double>(h | 1));
    ASSERT_NEAR(as_double(negative_log2(h)), exact, 1e-5) << h;
  }
}

TEST(NegativeLog2, NeverRises) {
  std::uint64_t before = negative_log2(0);
  for (std::uint64_t h = 0; h < (std::uint64_t{1} << 63); h += std::uint64_t{1} << 44) {
    const auto now = negative_log2(h);
    ASSERT_LE(now, before) << h;
    before = now;
  }
}

TEST(RendezvousScore, DoesNotOverflow) {
  EXPECT_GT(rendezvous_score(negative_log2(0), 1), rendezvous_score(negative_log2(0), 2));
  EXPECT_GT(rendezvous_score(negative_log2(0), std::uint64_t{1} << 26), 0u);
}

}  // namespace
}  // namespace bunraku::policy
