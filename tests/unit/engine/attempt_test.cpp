#include <bunraku/outcome.hpp>

#include <gtest/gtest.h>

namespace bunraku {
namespace {

using std::chrono::microseconds;

std::string after(microseconds elapsed) {
  const auto text =
      attempt(master("a.example.com", 8140, source_kind::list), stage::connect, {}, "gone", elapsed).to_string();
  return text.substr(text.find(" ("));
}

TEST(Attempt, TellsItsTimeToTheNearestHundredth) {
  EXPECT_EQ(after(microseconds(0)), " (after 0.00 s)");
  EXPECT_EQ(after(microseconds(4'999)), " (after 0.00 s)");
  EXPECT_EQ(after(microseconds(5'000)), " (after 0.01 s)");
  EXPECT_EQ(after(microseconds(994'999)), " (after 0.99 s)");
  EXPECT_EQ(after(microseconds(995'000)), " (after 1.00 s)");
  EXPECT_EQ(after(microseconds(61'230'000)), " (after 61.23 s)");
}

TEST(Attempt, TellsItsReasonOrTheErrorOrTheStatus) {
  const master who("a.example.com", 8140, source_kind::list);
  EXPECT_EQ(attempt(who, stage::connect, {}, "gone", microseconds(0)).to_string(),
            "a.example.com:8140: connect: gone (after 0.00 s)");
  EXPECT_EQ(attempt(who, stage::done, {}, "", microseconds(0), 503).to_string(),
            "a.example.com:8140: done: status 503 (after 0.00 s)");
  const auto refused = make_error_code(boost::system::errc::connection_refused);
  EXPECT_EQ(attempt(who, stage::connect, refused, "", microseconds(0)).to_string(),
            "a.example.com:8140: connect: Connection refused (after 0.00 s)");
}

}  // namespace
}  // namespace bunraku
