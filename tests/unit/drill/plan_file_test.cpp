#include "drill/plan_file.hpp"

#include <gmock/gmock.h>

using namespace shim::drill;
using namespace std::chrono_literals;
using testing::HasSubstr;

namespace {

const std::vector<std::string> services{"ca", "catalog", "files", "report"};

std::vector<step> good(std::string_view text) {
  const auto r = parse_plan(text, "p.toml", services);
  EXPECT_TRUE(r.found.empty()) << r.found.front().where() << ": " << r.found.front().what();
  return r.steps;
}

std::string bad(std::string_view text) {
  std::string out;
  for (const auto& p : parse_plan(text, "p.toml", services).found)
    out += p.where() + ": " + p.what() + ' ' + p.fix() + '\n';
  return out;
}

}  // namespace

TEST(DrillPlan, StepsHaveWhatTheirScenarioExpectsUnlessTheySayOtherwise) {
  const auto steps = good(
      "[[step]]\nscenario = \"catalog-refused\"\n\n[[step]]\nscenario = \"files-hung\"\nlasts = \"10s\"\nwithin = "
      "\"1s\"\nanother = false\n");
  ASSERT_EQ(steps.size(), 2u);
  EXPECT_EQ(steps[0].expect, row_of(fault::refused).expect);
  EXPECT_EQ(steps[0].lasts, 3s);
  EXPECT_EQ(steps[1].what, fault::hung);
  EXPECT_EQ(steps[1].lasts, 10s);
  EXPECT_EQ(steps[1].expect.within, 1s);
  EXPECT_EQ(steps[1].expect.another, false);
  EXPECT_EQ(steps[1].where, "p.toml:4");
}

TEST(DrillPlan, AServiceStandsForAllItsScenarios) {
  EXPECT_EQ(good("[[step]]\nscenario = \"files\"\nserved = false\n").size(), 8u);
}

TEST(DrillPlan, UnknownThingsAreNamedWithWhatWasMeant) {
  EXPECT_THAT(bad("[[step]]\nscenario = \"catalog-refusde\"\n"),
              HasSubstr("p.toml:2: There is no scenario `catalog-refusde`. Did you mean `catalog-refused`?"));
  EXPECT_THAT(bad("[[step]]\nscenario = \"ca-full\"\nlast = \"3s\"\n"),
              HasSubstr("p.toml:3: A step has no key `last`. Did you mean `lasts`?"));
  EXPECT_THAT(bad("[[steps]]\nscenario = \"ca-full\"\n"), HasSubstr("There is no `steps`"));
  EXPECT_THAT(bad("[[step]]\nlasts = \"3s\"\n"), HasSubstr("p.toml:1: This step names no scenario."));
  EXPECT_THAT(bad(""), HasSubstr("p.toml: There is no [[step]] in it."));
  EXPECT_THAT(bad("[[step]\n"), HasSubstr("p.toml:1: This is not TOML"));
}

TEST(DrillPlan, TimesThatAreNoneOrTooLongAreRefused) {
  for (const char* time : {"\"3\"", "3", "\"\"", "\"-1s\"", "\"0s\"", "\"61s\"", "\"1d\"", "true"})
    EXPECT_THAT(bad(std::string("[[step]]\nscenario = \"ca-full\"\nlasts = ") + time + "\n"),
                HasSubstr("p.toml:3: `lasts`"))
        << time;
}

TEST(DrillPlan, ContradictionsAreRefused) {
  EXPECT_THAT(bad("[[step]]\nscenario = \"ca-full\"\nserved = false\nanother = true\n"), HasSubstr("p.toml:4:"));
  EXPECT_THAT(bad("[[step]]\nscenario = \"ca-all-gone\"\nserved = true\n"), HasSubstr("nobody can serve"));
  EXPECT_THAT(bad("[[step]]\nscenario = \"ca-full\"\nserved = \"yes\"\n"), HasSubstr("neither true nor false"));
}

TEST(DrillPlan, EveryMistakeIsToldAtOnce) {
  const auto told = bad("[[step]]\nscenario = \"x\"\n[[step]]\nscenario = \"ca-full\"\nwithin = \"x\"\n");
  EXPECT_THAT(told, HasSubstr("p.toml:2:"));
  EXPECT_THAT(told, HasSubstr("p.toml:5:"));
}
