#include "policy/retry_budget.hpp"

#include <gtest/gtest.h>

namespace bunraku::policy {
namespace {

using namespace std::chrono_literals;
const auto start = retry_budget::time_point{} + 1000h;

int spend_all(retry_budget& b, retry_budget::time_point now) {
  int spent = 0;
  while (b.spend(now)) ++spent;
  return spent;
}

TEST(RetryBudget, BeginsFull) {
  retry_budget b;
  EXPECT_EQ(spend_all(b, start), 50);
  EXPECT_FALSE(b.spend(start));
}

TEST(RetryBudget, RequestsPayForAFifthOfThemselves) {
  retry_budget b;
  spend_all(b, start);
  for (int i = 0; i < 100; ++i) b.request();
  EXPECT_EQ(spend_all(b, start), 20);
}

TEST(RetryBudget, AQuietNodeMayStillRepeatTenPerMinute) {
  retry_budget b;
  spend_all(b, start);
  EXPECT_FALSE(b.spend(start + 5999ms));
  EXPECT_TRUE(b.spend(start + 6000ms));
  EXPECT_EQ(spend_all(b, start + 60s), 9);
}

TEST(RetryBudget, ManySmallStepsPayAsMuchAsOneLargeOne) {
  retry_budget b;
  spend_all(b, start);
  int spent = 0;
  for (auto t = 0ms; t <= 5min; t += 10ms) spent += b.spend(start + t);
  EXPECT_EQ(spent, 50);
}

TEST(RetryBudget, NeverHoldsMoreThanTheBurst) {
  retry_budget b;
  EXPECT_TRUE(b.spend(start));
  for (int i = 0; i < 10; ++i) b.request();
  EXPECT_EQ(b.left(start), 50u);
  EXPECT_EQ(b.left(start + 1000h), 50u);
  spend_all(b, start + 1000h);
  EXPECT_EQ(b.left(start + 1000h + 6s), 1u) << "the long silence must not have paid twice";
}

TEST(RetryBudget, WithoutAFloorOnlyRequestsPay) {
  retry_budget b({.percent_of_requests = 100, .per_minute = 0, .burst = 2});
  EXPECT_EQ(spend_all(b, start), 2);
  EXPECT_FALSE(b.spend(start + 1000h));
  b.request();
  EXPECT_TRUE(b.spend(start + 1000h));
}

}  // namespace
}  // namespace bunraku::policy
