#include "policy/ttl_policy.hpp"

#include "policy/ttl_cache.hpp"

#include <gtest/gtest.h>

#include <string>

namespace bunraku::policy {
namespace {

using namespace std::chrono_literals;
using cache = ttl_cache<std::string, int>;
constexpr cache::time_point start{1000s};

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

TEST(TtlCache, AnEntryIsFreshUntilItsExpiryAndThenStillThere) {
  cache answers(4);
  answers.put("a", 1, start, 10s);
  ASSERT_TRUE(answers.fresh("a", start + 10s - 1ns));
  EXPECT_EQ(answers.fresh("a", start)->value, 1);
  EXPECT_FALSE(answers.fresh("a", start + 10s));
  EXPECT_TRUE(answers.any("a"));
  EXPECT_FALSE(answers.any("b"));
}

TEST(TtlCache, ANewAnswerReplacesTheOldOne) {
  cache answers(1);
  answers.put("a", 1, start, 10s);
  answers.put("a", 2, start + 5s, 10s);
  EXPECT_EQ(answers.fresh("a", start + 14s)->value, 2);
}

TEST(TtlCache, WhenFullTheFirstToExpireGoes) {
  cache answers(2);
  answers.put("late", 1, start, 100s);
  answers.put("early", 2, start, 10s);
  answers.put("new", 3, start, 50s);
  EXPECT_EQ(answers.size(), 2u);
  EXPECT_FALSE(answers.any("early"));
  EXPECT_TRUE(answers.any("late"));
}

TEST(TtlCache, KeepOnlyDropsTheRest) {
  cache answers(4);
  answers.put("a", 1, start, 10s);
  answers.put("b", 2, start, 10s);
  answers.keep_only([](const std::string& key, int) { return key == "b"; });
  EXPECT_FALSE(answers.any("a"));
  EXPECT_TRUE(answers.any("b"));
}

}  // namespace
}  // namespace bunraku::policy
