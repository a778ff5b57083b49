#include "policy/ttl_policy.hpp"

#include <gtest/gtest.h>

namespace bunraku::policy {
namespace {

using namespace std::chrono_literals;

TEST(TtlPolicy, TtlIsHonouredBetweenFloorAndCeiling) {
  const ttl_limits limits{5s, 600s, 30s};
  EXPECT_EQ(limits.for_records(0s), 5s);
  EXPECT_EQ(limits.for_records(120s), 120s);
  EXPECT_EQ(limits.for_records(std::chrono::seconds(0x7fffffff)), 600s);
}

TEST(TtlPolicy, NegativeAnswersTakeTheSoaOrTheDefaultAndNeverMoreThanAnHour) {
  const ttl_limits limits{5s, 86400s, 30s};
  EXPECT_EQ(limits.for_nothing(std::nullopt), 30s);
  EXPECT_EQ(limits.for_nothing(60s), 60s);
  EXPECT_EQ(limits.for_nothing(0s), 5s);
  EXPECT_EQ(limits.for_nothing(86400s), ttl_limits::negative_ceiling);
  EXPECT_EQ(limits.for_failure(), 30s);
  EXPECT_EQ((ttl_limits{5s, 10s, 1s}.for_failure()), 5s);
  EXPECT_EQ((ttl_limits{5s, 10s, 30s}.for_nothing(60s)), 10s);
}

TEST(TtlPolicy, ASpreadTtlIsNeverLongerThanWhatDnsGrantedNorShorterThanTheFloor) {
  const ttl_limits limits{5s, 600s, 30s};
  random chance(1);
  for (int i = 0; i < 1000; ++i) {
    const auto spread = limits.spread(100s, chance);
    EXPECT_GE(spread, 90s);
    EXPECT_LE(spread, 100s);
    EXPECT_GE(limits.spread(6s, chance), 5400ms);
    const auto least = limits.spread(5s, chance);
    EXPECT_GE(least, 5s);
    EXPECT_LE(least, 7500ms);
    const auto again = limits.next_try(chance);
    EXPECT_GE(again, 30s);
    EXPECT_LE(again, 37500ms);
  }
}

TEST(TtlPolicy, TheSameSeedSpreadsTheSame) {
  const ttl_limits limits;
  random one(9), other(9);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(limits.spread(300s, one), limits.spread(300s, other));
}

}  // namespace
}  // namespace bunraku::policy
