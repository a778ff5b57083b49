#include "policy/overdue.hpp"

#include <gtest/gtest.h>

#include <string_view>

namespace bunraku::policy {
namespace {

using namespace std::chrono_literals;

const endpoint& row(std::string_view name) {
  for (const auto& e : endpoints())
    if (e.name == name) return e;
  ADD_FAILURE() << "no row " << name;
  return endpoints().back();
}
const endpoint& catalog() { return row("catalog"); }

TEST(Overdue, LearnsNothingFromTooFew) {
  overdue o;
  for (int i = 0; i < 7; ++i) o.learn(catalog(), 1ms);
  EXPECT_EQ(o.after(catalog()), 2s);
  o.learn(catalog(), 1ms);
  EXPECT_LT(o.after(catalog()), 2s);
}

TEST(Overdue, IsMeanAndFourDeviations) {
  overdue o;
  for (int i = 0; i < 1000; ++i) o.learn(catalog(), i % 2 ? 900ms : 1100ms);
  EXPECT_NEAR(static_cast<double>(o.after(catalog()).count()), 1.4e6, 5e4);
}

TEST(Overdue, TheFirstAnswerMayBeHalfOffEitherWay) {
  overdue o({.enough = 1});
  o.learn(catalog(), 1s);
  EXPECT_EQ(o.after(catalog()), 3s) << "RFC 6298, 2.2";
}

TEST(Overdue, StaysBetweenFloorAndCeiling) {
  overdue o;
  for (int i = 0; i < 100; ++i) o.learn(catalog(), 100us);
  EXPECT_EQ(o.after(catalog()), 100ms);
  for (int i = 0; i < 100; ++i) o.learn(catalog(), 10min);
  EXPECT_EQ(o.after(catalog()), 15s);
}

TEST(Overdue, FollowsAnEndpointThatBecomesSlow) {
  overdue o;
  for (int i = 0; i < 100; ++i) o.learn(catalog(), 50ms);
  const auto before = o.after(catalog());
  o.learn(catalog(), 4s);
  EXPECT_GT(o.after(catalog()), 3 * before) << "one slow answer widens the wait at once";
  for (int i = 0; i < 40; ++i) o.learn(catalog(), 4s);
  EXPECT_GT(o.after(catalog()), 4s - 100ms);
}

TEST(Overdue, RowsAreLearnedApart) {
  overdue o;
  for (int i = 0; i < 100; ++i) o.learn(catalog(), 5s);
  for (int i = 0; i < 100; ++i) o.learn(row("file_metadata"), 5ms);
  EXPECT_EQ(o.after(row("file_metadata")), 100ms);
  EXPECT_GT(o.after(catalog()), 4s);
  EXPECT_EQ(o.after(row("report")), 2s);
  EXPECT_EQ(o.learned(row("report")), 0u);
}

TEST(Overdue, EachQuestionThatWasAnsweredDoublesTheWait) {
  const overdue o;
  EXPECT_EQ(o.after(catalog(), 0), 2s);
  EXPECT_EQ(o.after(catalog(), 1), 4s);
  EXPECT_EQ(o.after(catalog(), 2), 8s);
  EXPECT_EQ(o.after(catalog(), 6) - o.after(catalog(), 5), 60s) << "but not for ever";
  EXPECT_LT(o.after(catalog(), 4'000'000'000u), 48h);
}

TEST(Overdue, NonsenseTimesDoNoHarm) {
  overdue o;
  for (int i = 0; i < 20; ++i) o.learn(catalog(), -5s);
  EXPECT_EQ(o.after(catalog()), 100ms);
  for (int i = 0; i < 20; ++i) o.learn(catalog(), std::chrono::microseconds::max());
  EXPECT_EQ(o.after(catalog()), 15s);
}

TEST(Overdue, ARowOfNobodysTableIsTreatedAsOther) {
  overdue o;
  const endpoint stranger = catalog();
  for (int i = 0; i < 20; ++i) o.learn(stranger, 1s);
  EXPECT_EQ(o.learned(row("other")), 8u);
  for (const auto& e : endpoints())
    if (e.name != "other") EXPECT_EQ(o.learned(e), 0u) << e.name;
}

}  // namespace
}  // namespace bunraku::policy
