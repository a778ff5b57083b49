#include "policy/connect_race.hpp"

#include <gtest/gtest.h>

namespace bunraku::policy {
namespace {

using namespace std::chrono_literals;

const auto start = connect_race::time_point{} + 1000h;

TEST(ConnectRace, TheFirstStartsAtOnceAndTheNextAfterTheDelay) {
  connect_race race(250ms, 3);
  ASSERT_TRUE(race.next_start());
  EXPECT_LE(*race.next_start(), start);
  race.started(start);
  EXPECT_EQ(race.next_start(), start + 250ms);
  race.started(start + 250ms);
  EXPECT_EQ(race.next_start(), start + 500ms);
  EXPECT_EQ(race.running(), 2U);
}

TEST(ConnectRace, AFailureStartsTheNextAtOnce) {
  connect_race race(250ms, 3);
  race.started(start);
  race.failed(start + 10ms);
  EXPECT_EQ(race.next_start(), start + 10ms);
  EXPECT_EQ(race.running(), 0U);
}

TEST(ConnectRace, NoMoreRunThanItIsWide) {
  connect_race race(250ms, 2);
  race.started(start);
  race.started(start + 250ms);
  EXPECT_EQ(race.next_start(), std::nullopt);
  race.failed(start + 300ms);
  EXPECT_EQ(race.next_start(), start + 300ms);
}

TEST(ConnectRace, SomebodyMayAlwaysRun) {
  connect_race race(250ms, 0);
  EXPECT_TRUE(race.next_start());
  race.started(start);
  EXPECT_EQ(race.next_start(), std::nullopt);
}

}  // namespace
}  // namespace bunraku::policy
