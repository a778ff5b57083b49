#include "policy/backoff.hpp"

#include <gtest/gtest.h>

#include <set>

namespace bunraku::policy {
namespace {

using namespace std::chrono_literals;

TEST(Backoff, StaysBetweenHalfAndAllOfADoubledTimeUpToTheCeiling) {
  random chance(1);
  const backoff b{1000ms, 7000ms};
  const std::chrono::milliseconds whole[] = {1000ms, 2000ms, 4000ms, 7000ms, 7000ms, 7000ms};
  for (std::uint32_t nth = 1; nth <= 6; ++nth)
    for (int i = 0; i < 1000; ++i) {
      const auto d = b.delay(nth, chance);
      ASSERT_GE(d, whole[nth - 1] / 2) << nth;
      ASSERT_LE(d, whole[nth - 1]) << nth;
    }
}

TEST(Backoff, SurvivesAnyNumberOfFailures) {
  random chance(1);
  const backoff b{1ms, 300000ms};
  EXPECT_LE(b.delay(4'000'000'000u, chance), 300000ms);
  const backoff longest{1ms, std::chrono::milliseconds::max()};
  EXPECT_GT(longest.delay(4'000'000'000u, chance), 0ms);
}

TEST(Backoff, ReallyJitters) {
  random chance(3);
  std::set<std::chrono::milliseconds> seen;
  for (int i = 0; i < 200; ++i) seen.insert(backoff{}.delay(3, chance));
  EXPECT_GT(seen.size(), 150u);
}

}  // namespace
}  // namespace bunraku::policy
