#include "cli/moment.hpp"

#include <gtest/gtest.h>

namespace {

using namespace std::chrono;
using shim::cli::read_moment;

TEST(Moment, IsADayOrASecondInUtc) {
  const sys_seconds noon = sys_days(year(2027) / 1 / 31) + 12h + 30min + 5s;
  EXPECT_EQ(read_moment("2027-01-31"), sys_days(year(2027) / 1 / 31));
  EXPECT_EQ(read_moment("2027-01-31T12:30:05Z"), noon);
  EXPECT_EQ(read_moment("2027-01-31 12:30:05"), noon);
  EXPECT_EQ(read_moment("2028-02-29"), sys_days(year(2028) / 2 / 29));
}

TEST(Moment, IsNothingElse) {
  for (const auto* text :
       {"", "now", "2027", "2027-1-31", "2027-02-29", "2027-13-01", "2027-00-10", "1949-12-31", "2027-01-31T12:30:05",
        "2027-01-31 12:30:05Z", "2027-01-31T24:00:00Z", "2027-01-31T12:60:00Z", "2027-01-31T12:30:61Z", "2027-01-31x",
        "2027-01-31T12:30:05Z ", " 2027-01-31", "+027-01-31", "2027-01-31T12:30"})
    EXPECT_EQ(read_moment(text), std::nullopt) << text;
}

}  // namespace
