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
