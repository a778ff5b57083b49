#include "drill/plan_file.hpp"

#include <gmock/gmock.h>

using namespace shim::drill;
using namespace std::chrono_literals;
using testing::HasSubstr;

namespace {

const std::vector<std::string> services{"ca", "catalog", "files", "report"};
const std::chrono::sys_seconds now = std::chrono::sys_days(std::chrono::year(2026) / 11 / 27) + 6h;

std::vector<step> good(std::string_view text) {
  const auto r = parse_plan(text, "p.toml", services, now);
  EXPECT_TRUE(r.found.empty()) << r.found.front().where() << ": " << r.found.front().what();
  return r.steps;
}

std::string bad(std::string_view text) {
  std::string out;
  for (const auto& p : parse_plan(text, "p.toml", services, now).found)
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

TEST(DrillPlan, AStepSaysWhoAsksAndWhatIsDownloaded) {
  const auto steps = good(
      "[[step]]\nscenario = \"catalog-refused\"\ntraffic = \"agent\"\n[[step]]\nscenario = \"files-reset\"\nfile = "
      "\"modules/a/b c\"\n");
  EXPECT_EQ(steps[0].by, traffic::agent);
  EXPECT_EQ(steps[1].by, traffic::probes);
  EXPECT_EQ(steps[1].file, "modules/a/b c");
  EXPECT_EQ(good("[[step]]\nscenario = \"ca-full\"\ntraffic = \"agent\"\n")[0].by, traffic::probes);  // no run asks it
  EXPECT_THAT(bad("[[step]]\nscenario = \"ca-full\"\ntraffic = \"curl\"\n"), HasSubstr("p.toml:3: `traffic`"));
  EXPECT_THAT(bad("[[step]]\nscenario = \"files-full\"\nfile = \"modules/a/b\"\n"),
              HasSubstr("`file` is for files-reset alone; files-full downloads none."));
  EXPECT_THAT(bad("[[step]]\nscenario = \"files-reset\"\ntraffic = \"agent\"\nfile = \"modules/a/b\"\n"),
              HasSubstr("`file` is for files-reset alone"));
  for (const char* file : {"/etc/passwd", "modules/../x", "modules/a/", "puppet:///modules/a/b", "modules/a\\u0001"})
    EXPECT_THAT(bad(std::string("[[step]]\nscenario = \"files-reset\"\nfile = \"") + file + "\"\n"),
                HasSubstr("is no file that masters serve"))
        << file;
}

TEST(DrillPlan, AStepMayBeginAtATimeWhateverItsOffset) {
  const auto steps = good(
      "start = 2026-11-27T07:00:00Z\n[[step]]\nscenario = \"ca-full\"\n[[step]]\nscenario = \"ca-full\"\n[[step]]\n"
      "scenario = \"files\"\nserved = false\nstart = 2026-11-28T02:00:00+01:30\n");
  EXPECT_EQ(steps[0].start, now + 1h);
  EXPECT_FALSE(steps[1].start);
  EXPECT_EQ(to_string(*steps[2].start), "2026-11-28T00:30:00Z");
  EXPECT_FALSE(steps[3].start);  // of a whole service the first one waits
}

TEST(DrillPlan, StartsThatCannotBeAreRefusedWithTheTimeThatItIs) {
  const auto with = [](const std::string& start) {
    return bad("[[step]]\nscenario = \"ca-full\"\nlasts = \"10s\"\nstart = " + start + "\n");
  };
  EXPECT_THAT(
      with("2026-11-27T06:00:00Z"),
      HasSubstr("p.toml:4: `start` is in the past: 2026-11-27T06:00:00Z, and now it is 2026-11-27T06:00:00Z. Give "
                "a later time, or remove it: then it begins at once."));
  EXPECT_THAT(with("2026-11-27T06:30:00+01:00"), HasSubstr("is in the past: 2026-11-27T05:30:00Z"));
  EXPECT_THAT(with("2026-12-27T06:00:00Z"), HasSubstr("more than 7 days ahead"));
  for (const char* start : {"2026-11-28T02:00:00", "2026-11-28", "02:00:00", "\"2026-11-28T02:00:00Z\"", "5"})
    EXPECT_THAT(with(start), HasSubstr("no date and time with an offset")) << start;
  EXPECT_THAT(
      bad("start = 2026-11-27T07:00:00Z\n[[step]]\nscenario = \"ca-full\"\nlasts = \"10s\"\n[[step]]\nscenario = "
          "\"ca-full\"\nstart = 2026-11-27T07:00:09Z\n"),
      HasSubstr("p.toml:7: `start` is before the end of what comes before it, 2026-11-27T07:00:10Z."));
}
