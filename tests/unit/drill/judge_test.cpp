#include "drill/step.hpp"

#include <gmock/gmock.h>

using namespace shim::drill;
using namespace std::chrono_literals;
using testing::HasSubstr;

namespace {

step refused() { return {fault::refused, "catalog", 3s, row_of(fault::refused).expect, {}}; }

sample at(milliseconds when, std::string master, int status = 200) {
  return {.at = when, .took = 10ms, .status = status, .master = std::move(master), .why = {}, .served = status == 200};
}

/// One request before, two while the fault is on, one after it.
observation good() {
  observation o;
  o.masters = {"a:8140", "b:8140"};
  o.samples = {at(0ms, "a:8140"), at(200ms, "b:8140"), at(400ms, "b:8140"), at(700ms, "a:8140")};
  o.fault_from = 150ms;
  o.fault_to = 650ms;
  o.total = 800ms;
  o.hits = 1;
  return o;
}

}  // namespace

TEST(Judge, PassesWhatIsAsExpected) {
  const auto v = judge(refused(), good());
  EXPECT_EQ(v.what, result::passed) << v.words.at(0);
  EXPECT_EQ(v.requests, 2u);
  EXPECT_EQ(v.unserved, 0u);
  EXPECT_THAT(v.words.at(0), HasSubstr("All 2 requests were served while the first master refuses connections"));
}

TEST(Judge, ARequestThatWasNotServedFailsItWithTheReason) {
  auto o = good();
  o.samples[1] = at(200ms, "", 502);
  o.samples[1].why = "all refused";
  const auto v = judge(refused(), o);
  EXPECT_EQ(v.what, result::failed);
  EXPECT_THAT(v.words.at(0), HasSubstr("1 of 2 requests were not served; the first of them: all refused"));
}

TEST(Judge, AnAnswerThatIsLateFailsIt) {
  auto o = good();
  o.samples[2].took = 2500ms;
  EXPECT_EQ(judge(refused(), o).what, result::failed);
}

TEST(Judge, AnAnswerOfTheBrokenMasterFailsIt) {
  auto o = good();
  o.samples[2].master = "a:8140";
  EXPECT_EQ(judge(refused(), o).what, result::failed);
}

TEST(Judge, SomebodyWhoWasNoMasterFailsIt) {
  auto o = good();
  o.samples[2].master = "evil:8140";
  EXPECT_THAT(judge(refused(), o).words.at(0), HasSubstr("evil:8140 answered"));
}

TEST(Judge, WhatDoesNotRecoverFails) {
  auto o = good();
  o.samples.back() = at(700ms, "", 502);
  EXPECT_EQ(judge(refused(), o).what, result::failed);
}

TEST(Judge, AloneIsNoFailureOfBunraku) {
  auto o = good();
  o.masters = {"a:8140"};
  o.samples[1] = at(200ms, "", 502);
  const auto v = judge(refused(), o);
  EXPECT_EQ(v.what, result::alone);
  EXPECT_THAT(v.words.at(0), HasSubstr("a:8140 is the only master of catalog: nobody can take over."));
}

TEST(Judge, WhatWasBrokenBeforeOrNeverMetSaysNothing) {
  auto o = good();
  o.samples[0] = at(0ms, "", 404);
  EXPECT_EQ(judge(refused(), o).what, result::not_played);
  o = good();
  o.hits = 0;
  EXPECT_EQ(judge(refused(), o).what, result::not_played);
  o.trouble = "no plugin.";
  EXPECT_THAT(judge(refused(), o).words.at(0), HasSubstr("no plugin."));
}

TEST(Judge, WhenEveryMasterIsGoneRequestsMayFailButQuickly) {
  const step gone{fault::all_gone, "catalog", 3s, row_of(fault::all_gone).expect, {}};
  auto o = good();
  o.samples[1] = at(200ms, "", 502);
  o.samples[2] = at(400ms, "", 502);
  EXPECT_EQ(judge(gone, o).what, result::passed);
  o.samples[2].took = 20s;
  EXPECT_EQ(judge(gone, o).what, result::failed);
}

TEST(Judge, TheGapIsTheLongestTimeWithoutAGoodAnswer) {
  auto o = good();
  o.samples[1] = at(200ms, "", 502);
  o.samples[3].at = 655ms;
  const auto v = judge(refused(), o);
  EXPECT_EQ(v.gap_from, 150ms);  // from the fault's begin to the end of the answer at 400 ms
  EXPECT_EQ(v.gap, 260ms);
}

TEST(Choose, NamesServicesAndKindsAreUnderstood) {
  const std::vector<std::string> services{"ca", "catalog"};
  std::vector<step> all, some;
  EXPECT_FALSE(choose({}, services, all));
  EXPECT_EQ(all.size(), 2 * 8 + 2u);
  EXPECT_FALSE(choose({"catalog"}, services, some));
  EXPECT_EQ(some.size(), 8u);
  some.clear();
  EXPECT_FALSE(choose({"refused", "ca-refused", "dns-dead"}, services, some));
  EXPECT_EQ(some.size(), 3u);
  const auto why = choose({"catalog-refusde"}, services, some);
  ASSERT_TRUE(why);
  EXPECT_THAT(*why, HasSubstr("Did you mean `catalog-refused`?"));
}

TEST(ExitStatus, ACaThatIsAloneIsNoFailure) {
  played one{refused(), good(), {}};
  one.found.what = result::alone;
  EXPECT_EQ(exit_status({one}), 1);
  one.of.service = "ca";
  EXPECT_EQ(exit_status({one}), 0);
  one.found.what = result::not_played;
  EXPECT_EQ(exit_status({one}), 2);
}

TEST(Reports, WhatMastersSayIsNeverMarkup) {
  played one{refused(), good(), {}};
  one.seen.samples[1] = at(200ms, "", 502);
  one.seen.samples[1].why = "<script>alert(1)</script> & \"more\"";
  one.found = judge(one.of, one.seen);
  const heading of{.certname = "<b>", .version = "1", .began = "2026-11-27T03:00:00Z", .took = 1s};
  for (const auto& text : {to_html(of, {one}), to_junit(of, {one})}) {
    EXPECT_EQ(text.find("<script>"), text.npos);
    EXPECT_EQ(text.find("<b>"), text.npos);
    EXPECT_THAT(text, HasSubstr("&lt;script&gt;"));
  }
  EXPECT_THAT(to_json(of, {one}), HasSubstr("\"scenario\":\"catalog-refused\""));
}

namespace {

step by_agent() {
  auto s = refused();
  s.by = traffic::agent;
  return s;
}

/// Three runs, each with a request for the catalog and one for a report, which has other masters.
observation runs() {
  auto o = good();
  o.samples = {at(0ms, "a:8140"), at(10ms, "r:1"),     at(200ms, "b:8140"),
               at(210ms, "r:1"),  at(700ms, "a:8140"), at(710ms, "r:1")};
  for (auto& s : o.samples) s.service = s.master == "r:1" ? "report" : "catalog";
  o.runs = {{.at = 0ms, .took = 100ms, .status = 0, .why = {}},
            {.at = 190ms, .took = 400ms, .status = 2, .why = {}},
            {.at = 690ms, .took = 100ms, .status = 0, .why = {}}};
  return o;
}

}  // namespace

TEST(Judge, RunsOfTheAgentPassWithOtherServicesMastersInThem) {
  const auto v = judge(by_agent(), runs());
  EXPECT_EQ(v.what, result::passed) << v.words.at(0);
  EXPECT_THAT(v.words.at(0), HasSubstr("1 of 1 run of the agent ended well"));
  EXPECT_EQ(v.gap, 10ms);  // its longest wait for an answer, not the time in which it asked for nothing
}

TEST(Judge, ARunThatEndsBadlyFailsItWithTheAgentsFirstError) {
  auto o = runs();
  o.runs[1].status = 1;
  o.runs[1].why = "Error: Could not retrieve catalog";
  const auto v = judge(by_agent(), o);
  EXPECT_EQ(v.what, result::failed);
  EXPECT_THAT(v.words.at(0), HasSubstr("ended with exit status 1: Error: Could not retrieve catalog"));
}

TEST(Judge, AnErrorFailsARunWhateverItsExitStatus) {
  auto o = runs();
  o.runs[1].why = "Error: Could not send report";
  EXPECT_EQ(judge(by_agent(), o).what, result::failed);
}

TEST(Judge, ARunThatFailsWithoutTheFaultSaysNothingAboutIt) {
  auto o = runs();
  o.runs[0].status = 4;
  const auto v = judge(by_agent(), o);
  EXPECT_EQ(v.what, result::not_played);
  EXPECT_THAT(v.words.at(0), HasSubstr("The agent's run ended with exit status 4"));
}

TEST(Judge, AnAnswerIsLateByItsUsualTime) {
  auto o = runs();
  o.samples[2].took = 5s;
  o.samples[2].usual = 4s;
  EXPECT_EQ(judge(by_agent(), o).what, result::passed);
  o.samples[2].usual = 1s;
  const auto v = judge(by_agent(), o);
  EXPECT_EQ(v.what, result::failed);
  EXPECT_THAT(v.words.at(0),
              HasSubstr("The slowest answer of catalog took 5.0 s, more than 2.0 s longer than the 1.0 s of "
                        "before the fault."));
}

TEST(Judge, AnAnswerIsWaitedForLongerThanItMayTake) {
  EXPECT_GT(patience({fault::hung, "catalog", 3s, {.within = 10min}, {}}), 10min);
}

TEST(Judge, AnAnswerThatIsJustTooLateSaysByHowMuch) {
  auto o = good();
  o.samples[1].took = 2s + 40us;
  const auto v = judge({fault::reset, "files", 3s, {.within = 2s}, {}}, o);
  EXPECT_EQ(v.what, result::failed);
  EXPECT_THAT(v.words.at(0), HasSubstr("The slowest answer took 2000.040 ms, more than 2.0 s."));
}

TEST(Judge, ADownloadThatWasContinuedIsTold) {
  auto o = good();
  o.samples[1].continued = "at byte 1000 on b:8140";
  step s{fault::reset, "files", 3s, row_of(fault::reset).expect, {}};
  EXPECT_THAT(judge(s, o).words.at(1),
              HasSubstr("One answer that broke off was finished by another master, at byte 1000 on "
                        "b:8140, and every byte was right."));
}
