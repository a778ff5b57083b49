#include "policy/random.hpp"

#include <gtest/gtest.h>

#include <array>

namespace bunraku::policy {
namespace {

TEST(Random, GivesTheNumbersOfItsReferenceForSeed0) {
  random chance(0);
  for (const std::uint64_t number :
       {5987356902031041503u, 7051070477665621255u, 6633766593972829180u, 211316841551650330u, 9136120204379184874u,
        379361710973160858u, 15813423377499357806u, 15596884590815070553u})
    EXPECT_EQ(chance.next(), number);
}

TEST(Random, BelowNothingOrOneIsZero) {
  random chance(1);
  EXPECT_EQ(chance.below(0), 0u);
  EXPECT_EQ(chance.below(1), 0u);
}

TEST(Random, EveryNumberBelowABoundComes) {
  random chance(1);
  std::array<int, 10> seen{};
  for (int i = 0; i < 1000; ++i) ++seen.at(chance.below(10));
  for (const int each : seen) EXPECT_GT(each, 50);
}

// Three quarters of 2^64: were no number drawn anew, every third one would be as likely as the two others together.
TEST(Random, NoNumberBelowABoundIsLikelierThanAnother) {
  random chance(1);
  std::array<int, 3> seen{};
  for (int i = 0; i < 3000; ++i) ++seen[chance.below(std::uint64_t{3} << 62) % 3];
  for (const int each : seen) EXPECT_NEAR(each, 1000, 120);
}

TEST(Random, UnitIsFromZeroToBelowOne) {
  random chance(1);
  double sum = 0;
  for (int i = 0; i < 3000; ++i) {
    const auto drawn = chance.unit();
    ASSERT_GE(drawn, 0.0);
    ASSERT_LT(drawn, 1.0);
    sum += drawn;
  }
  EXPECT_NEAR(sum / 3000, 0.5, 0.03);
}

}  // namespace
}  // namespace bunraku::policy
