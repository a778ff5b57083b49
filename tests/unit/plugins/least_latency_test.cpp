#include "least_latency/latency.hpp"

#include <gmock/gmock.h>

using namespace least_latency;
using namespace std::chrono_literals;
using ::testing::ElementsAre;

namespace {

const latency::time_point start{};
const std::vector<std::string> two{"a", "b"};

TEST(LeastLatency, AMasterThatNobodyKnowsCountsAsFast) {
  latency l(1h);
  EXPECT_THAT(l.costs("catalog", two, start), ElementsAre(1000, 1000));
  l.learn("catalog", "catalog", "a", 2s, start);
  EXPECT_THAT(l.costs("catalog", two, start), ElementsAre(1000, 1000)) << "nothing to compare it with";
}

TEST(LeastLatency, TheSlowerOneCostsMore) {
  latency l(1h);
  l.learn("catalog", "catalog", "a", 4s, start);
  l.learn("catalog", "catalog", "b", 2s, start);
  EXPECT_THAT(l.costs("catalog", two, start), ElementsAre(2000, 1000));
}

TEST(LeastLatency, APeakCountsAtOnceAndFasterAnswersBringItDownSlowly) {
  latency l(1h);
  for (const auto* m : {"a", "b"}) l.learn("catalog", "catalog", m, 1s, start);
  l.learn("catalog", "catalog", "a", 9s, start + 1s);
  EXPECT_NEAR(static_cast<double>(l.costs("catalog", two, start + 1s)[0]), 9000, 10);
  l.learn("catalog", "catalog", "a", 1s, start + 2s);
  EXPECT_GT(l.costs("catalog", two, start + 2s)[0], 8900);
  l.learn("catalog", "catalog", "a", 1s, start + 10h);
  l.learn("catalog", "catalog", "b", 1s, start + 10h);
  EXPECT_LT(l.costs("catalog", two, start + 10h)[0], 1010);
}

TEST(LeastLatency, AMasterThatWasSlowOnceIsTriedAgainWithTime) {
  latency l(1h);
  l.learn("catalog", "catalog", "a", 100s, start);
  l.learn("catalog", "catalog", "b", 1s, start + 8h);
  EXPECT_EQ(l.costs("catalog", two, start + 8h)[0], 1000);
}

TEST(LeastLatency, KindsOfRequestsAreNotMixed) {
  latency l(1h);
  l.learn("catalog", "catalog", "a", 5s, start);  // a compiles, b answers for files: b is not faster for that
  l.learn("catalog", "file_metadata", "b", 5ms, start);
  EXPECT_THAT(l.costs("catalog", two, start), ElementsAre(1000, 1000));
  l.learn("catalog", "file_metadata", "a", 10ms, start);
  EXPECT_THAT(l.costs("catalog", two, start), ElementsAre(2000, 1000));
  EXPECT_THAT(l.costs("files", two, start), ElementsAre(1000, 1000)) << "services neither";
}

}  // namespace
