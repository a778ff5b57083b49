#include "puppetserver_load/load.hpp"

#include <gmock/gmock.h>

using namespace puppetserver_load;
using ::testing::ElementsAre;

namespace {

std::string metrics(int free, int waiting, double borrow, const char* lock = ":not-in-use") {
  std::string queue;
  for (int i = 0; i != waiting; ++i) queue += std::string(i == 0 ? "" : ",") + R"({"duration-millis":5})";
  return R"({"state":"running","status":{"experimental":{"jruby-pool-lock-status":{"current-state":")" +
         std::string(lock) + R"("},"metrics":{"num-jrubies":4,"num-free-jrubies":)" + std::to_string(free) +
         R"(,"average-borrow-time":)" + std::to_string(borrow) + R"(,"requested-instances":[)" + queue + "]}}}}";
}
two_choices::candidate master(const char* name, std::optional<double> load, std::uint32_t group = 0) {
  return {.name = name, .group = group, .load = load};
}

TEST(PuppetserverLoad, MoreThatWaitAndFewerThatAreFreeAreMoreLoad) {
  const auto idle = load_of(200, metrics(4, 0, 1000)), half = load_of(200, metrics(2, 0, 1000)),
             full = load_of(200, metrics(0, 0, 1000)), queued = load_of(200, metrics(0, 3, 1000));
  EXPECT_DOUBLE_EQ(*idle, 250);
  EXPECT_LT(*idle, *half);
  EXPECT_LT(*half, *full);
  EXPECT_LT(*full, *queued);
  EXPECT_DOUBLE_EQ(*queued, 8000);
}

TEST(PuppetserverLoad, AMasterInTroubleIsBusyAndOneWithoutMetricsHasNoLoad) {
  EXPECT_EQ(load_of(0, ""), busy);
  EXPECT_EQ(load_of(503, "starting"), busy);
  EXPECT_EQ(load_of(200, metrics(4, 0, 10, ":acquired")), busy);
  EXPECT_EQ(load_of(404, "not found: jruby-metrics"), std::nullopt);
  for (const char* text : {"", "[]", "{}", "not json", R"({"status":{"experimental":{"metrics":{}}}})",
                           R"({"status":{"experimental":{"metrics":{"num-free-jrubies":"x"}}}})", R"({"status":7})"})
    EXPECT_EQ(load_of(200, text), std::nullopt) << text;
}

TEST(TwoChoices, AsksForTheTwoItDrewAndThenTakesTheLighter) {
  two_choices two(1);
  for (int i = 0; i != 50; ++i) {
    std::vector<two_choices::candidate> all{master("a", {}), master("b", {}), master("c", {}), master("d", {}, 1)};
    const auto first = two.choose("catalog", all, false);
    ASSERT_TRUE(first.ask);
    EXPECT_EQ(std::ranges::count(first.scores, 1), 2);
    EXPECT_EQ(first.scores[3], 0) << "another group is not asked";
    double load = 100;
    std::size_t lighter = 0;
    for (std::size_t k = 0; k != 3; ++k)
      if (first.scores[k] == 1) all[k].load = load, lighter = load == 100 ? k : lighter, load = 300;
    const auto then = two.choose("catalog", all, true);
    EXPECT_FALSE(then.ask);
    EXPECT_EQ(then.scores[lighter], -2);
  }
}

TEST(TwoChoices, LoadsThatAreKnownNeedNoQuestion) {
  two_choices two(1);
  const auto said = two.choose("catalog", {master("a", 500), master("b", 100)}, false);
  EXPECT_FALSE(said.ask);
  EXPECT_THAT(said.scores, ElementsAre(-1, -2));
}

TEST(TwoChoices, BetweenEqualsAndUnknownsTheLotDecides) {
  two_choices two(1);
  int first = 0;
  for (int i = 0; i != 400; ++i)
    first += two.choose("catalog", {master("a", 100), master("b", 110)}, false).scores[0] == -2;
  EXPECT_NEAR(first, 200, 60);
  first = 0;
  for (int i = 0; i != 400; ++i)
    first += two.choose("catalog", {master("a", {}), master("b", {})}, true).scores[0] == -2;
  EXPECT_NEAR(first, 200, 60);
}

TEST(TwoChoices, WhoHasNoEqualIsNotAskedAbout) {
  two_choices two(1);
  const auto said = two.choose("catalog", {master("a", {}), master("b", {}, 1)}, false);
  EXPECT_FALSE(said.ask);
  EXPECT_THAT(said.scores, ElementsAre(0, 0));
}

TEST(TwoChoices, TheBusiestOfManyIsNearlyNeverChosen) {
  two_choices two(1);
  int busiest = 0;
  for (int i = 0; i != 300; ++i)
    busiest += two.choose("catalog", {master("a", 100), master("b", 100), master("c", 900)}, false).scores[2] == -2;
  EXPECT_EQ(busiest, 0);
}

}  // namespace
