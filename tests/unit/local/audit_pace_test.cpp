#include "local/audit_pace.hpp"

#include <gtest/gtest.h>

namespace {

using shim::local::audit_pace;
using namespace std::chrono_literals;

const audit_pace::time_point start{1000h};

/// So many refusals at once; how many of them are written.
std::uint64_t written(audit_pace& pace, audit_pace::time_point now, int refusals) {
  std::uint64_t count = 0;
  for (int i = 0; i < refusals; ++i) count += pace.on_refusal(now).write ? 1 : 0;
  return count;
}

TEST(AuditPace, EachRefusalIsWrittenUpToTheBurst) {
  audit_pace pace;
  EXPECT_EQ(written(pace, start, 50), 50u);
  EXPECT_EQ(written(pace, start, 5000), 0u);
}

TEST(AuditPace, TheNextLineSaysHowManyWereLeftOut) {
  audit_pace pace;
  written(pace, start, 53);
  EXPECT_FALSE(pace.on_refusal(start + 999ms).write);
  const auto next = pace.on_refusal(start + 1s);
  EXPECT_TRUE(next.write);
  EXPECT_EQ(next.left_out, 4u);
  const auto after = pace.on_refusal(start + 2s);
  EXPECT_TRUE(after.write);
  EXPECT_EQ(after.left_out, 0u);
}

TEST(AuditPace, OneMoreIsEarnedForEachSecondAndNeverMoreThanTheBurst) {
  audit_pace pace;
  written(pace, start, 60);
  EXPECT_EQ(written(pace, start + 3s, 60), 3u);
  EXPECT_EQ(written(pace, start + 3500ms, 60), 0u);
  EXPECT_EQ(written(pace, start + 4s, 60), 1u);
  EXPECT_EQ(written(pace, start + 1000h, 60), 50u);
}

TEST(AuditPace, TheFirstRefusalOfAFreshProcessIsWrittenWhateverTheClockSays) {
  audit_pace pace;
  const auto first = pace.on_refusal(audit_pace::time_point{});
  EXPECT_TRUE(first.write);
  EXPECT_EQ(first.left_out, 0u);
}

}  // namespace
