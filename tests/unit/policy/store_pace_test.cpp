#include "policy/store_pace.hpp"

#include <gtest/gtest.h>

namespace bunraku::policy {
namespace {

using namespace std::chrono_literals;
constexpr store_pace::time_point start{1000s};

TEST(StorePace, AChangeIsWrittenAMomentLaterTogetherWithItsNeighbours) {
  store_pace pace(start);
  EXPECT_FALSE(pace.due());
  pace.changed(start);
  pace.changed(start + 100ms);
  EXPECT_EQ(pace.due(), start + store_pace::settle);
  pace.wrote(start + store_pace::settle, true);
  EXPECT_FALSE(pace.due());
}

TEST(StorePace, AnswersThatChangeAllTheTimeAreNotWrittenAllTheTime) {
  store_pace pace(start);
  pace.changed(start);
  pace.wrote(start + 1s, true);
  pace.changed(start + 2s);
  EXPECT_EQ(pace.due(), start + 1s + store_pace::gap);
}

TEST(StorePace, AnswersThatAreOnlyConfirmedAreWrittenOnceAnHour) {
  store_pace pace(start);
  pace.confirmed(start + 1s);
  EXPECT_FALSE(pace.due());
  pace.confirmed(start + store_pace::refresh);
  EXPECT_TRUE(pace.due());
  pace.wrote(start + store_pace::refresh, true);
  pace.confirmed(start + 2 * store_pace::refresh - 1s);
  EXPECT_FALSE(pace.due());
}

TEST(StorePace, AFailedWriteIsTriedAgainWithTheNextAnswerButNotAtOnce) {
  store_pace pace(start);
  pace.changed(start);
  pace.wrote(start + 1s, false);
  EXPECT_FALSE(pace.due()) << "no timer of its own";
  pace.confirmed(start + 10s);
  EXPECT_FALSE(pace.due());
  pace.confirmed(start + 1s + store_pace::retry);
  EXPECT_TRUE(pace.due());
}

}  // namespace
}  // namespace bunraku::policy
