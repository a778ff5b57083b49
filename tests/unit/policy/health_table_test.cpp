#include "policy/health_table.hpp"

#include <gtest/gtest.h>

#include <string>

namespace bunraku::policy {
namespace {

using namespace std::chrono_literals;
using kind = health_event::kind;

const auto start = health_table::time_point{} + 1000h;
const master compile1{"compile1.example.com", 8140, source_kind::srv, 10, 50};
const master compile2{"compile2.example.com", 8140, source_kind::srv, 10, 50};

struct HealthTable : testing::Test {
  random chance{5};
  health_table table;
  health_table::time_point now = start;

  void tell(const master& who, service of, kind k, int times = 1, std::string_view reason = "because") {
    for (int i = 0; i < times; ++i)
      table.report(who, of, {.what = k, .reason = reason, .retry_after = 60s}, now, chance);
  }
  health state(const master& who, service of) { return table.consult(who, of, now).state; }
};

TEST_F(HealthTable, AStrangerIsUpAndCostsNothing) {
  EXPECT_EQ(state(compile1, service::catalog), health::up);
  EXPECT_EQ(table.size(), 0u);
}

TEST_F(HealthTable, AConnectFailureConcernsEveryService) {
  tell(compile1, service::catalog, kind::connect_failed, 3);
  EXPECT_EQ(state(compile1, service::catalog), health::down);
  EXPECT_EQ(state(compile1, service::files), health::down);
  EXPECT_EQ(state(compile1, service::report), health::down);
  EXPECT_EQ(state(compile2, service::catalog), health::up);
}

TEST_F(HealthTable, AServerErrorConcernsItsServiceOnly) {
  for (const auto k : {kind::server_error, kind::unanswered, kind::broken_answer}) tell(compile1, service::catalog, k);
  EXPECT_EQ(state(compile1, service::catalog), health::down);
  EXPECT_EQ(state(compile1, service::files), health::up);
}

TEST_F(HealthTable, AnotherPortIsAnotherMaster) {
  tell(compile1, service::catalog, kind::connect_failed, 3);
  EXPECT_EQ(state({"compile1.example.com", 8141, source_kind::srv, 10, 50}, service::catalog), health::up);
}

TEST_F(HealthTable, AChangedPriorityWeightOrSourceForgetsNothing) {
  tell(compile1, service::catalog, kind::connect_failed, 3);
  EXPECT_EQ(state({"compile1.example.com", 8140, source_kind::srv, 20, 1}, service::catalog), health::down);
  EXPECT_EQ(state({"compile1.example.com", 8140, source_kind::list}, service::catalog), health::down);
}

TEST_F(HealthTable, GoodNewsOfOneMasterAreNoneOfAnother) {
  state(compile1, service::catalog);
  tell(compile1, service::catalog, kind::connect_failed);
  state(compile1, service::catalog);
  tell(compile2, service::catalog, kind::answered);
  EXPECT_TRUE(table.next_probe(now)) << "compile1 is suspect still";
  tell(compile1, service::catalog, kind::answered);
  EXPECT_FALSE(table.next_probe(now));
}

TEST_F(HealthTable, AnErrorAnswerShowsThatTheMasterCanBeReached) {
  tell(compile1, service::catalog, kind::connect_failed, 2);
  EXPECT_EQ(state(compile1, service::files), health::suspect);
  tell(compile1, service::catalog, kind::server_error);
  EXPECT_EQ(state(compile1, service::files), health::up);
  EXPECT_EQ(state(compile1, service::catalog), health::suspect);
}

TEST_F(HealthTable, SilenceDoesNotShowThat) {
  tell(compile1, service::catalog, kind::connect_failed, 2);
  tell(compile1, service::catalog, kind::unanswered);
  EXPECT_EQ(state(compile1, service::files), health::suspect);
}

TEST_F(HealthTable, AnAnswerIsGoodNewsForBothLayers) {
  tell(compile1, service::catalog, kind::connect_failed, 2);
  tell(compile1, service::catalog, kind::server_error);
  tell(compile1, service::catalog, kind::answered);
  EXPECT_EQ(state(compile1, service::catalog), health::up);
  EXPECT_EQ(state(compile1, service::files), health::up);
}

TEST_F(HealthTable, TheWorseLayerDecides) {
  tell(compile1, service::catalog, kind::saturated);
  EXPECT_EQ(state(compile1, service::catalog), health::saturated);
  EXPECT_EQ(table.consult(compile1, service::catalog, now).until, now + 60s);
  tell(compile1, service::files, kind::connect_failed, 3);
  EXPECT_EQ(state(compile1, service::catalog), health::down);
  EXPECT_LT(table.consult(compile1, service::catalog, now).until, now + 60s);
  EXPECT_EQ(state(compile1, service::files), health::down);
}

TEST_F(HealthTable, DrainingIsOfTheWholeMaster) {
  tell(compile1, service::catalog, kind::drain);
  EXPECT_EQ(state(compile1, service::files), health::draining);
  tell(compile1, service::files, kind::undrain);
  EXPECT_EQ(state(compile1, service::catalog), health::up);
}

TEST_F(HealthTable, OneTrialForBothLayersTogether) {
  tell(compile1, service::catalog, kind::server_error, 3);
  tell(compile1, service::catalog, kind::connect_failed, 3);
  now += 5s;
  EXPECT_TRUE(table.consult(compile1, service::catalog, now).trial_is_free);
  tell(compile1, service::catalog, kind::trial_begun);
  EXPECT_FALSE(table.consult(compile1, service::catalog, now).trial_is_free);
  EXPECT_FALSE(table.consult(compile1, service::files, now).trial_is_free);
  tell(compile1, service::catalog, kind::answered);
  EXPECT_EQ(state(compile1, service::catalog), health::up);
  EXPECT_EQ(state(compile1, service::files), health::up);
}

TEST_F(HealthTable, ATrialThatNeverReachedTheServiceLeavesItsTrialFree) {
  tell(compile1, service::catalog, kind::server_error, 3);
  now += 5s;
  tell(compile1, service::catalog, kind::trial_begun);
  EXPECT_FALSE(table.consult(compile1, service::catalog, now).trial_is_free);
  tell(compile1, service::catalog, kind::connect_failed);
  EXPECT_EQ(state(compile1, service::catalog), health::probation);
  EXPECT_TRUE(table.consult(compile1, service::catalog, now).trial_is_free);
}

TEST_F(HealthTable, ATrialThatShowedNothingOfTheMasterLeavesItsTrialFree) {
  tell(compile1, service::catalog, kind::connect_failed, 3);
  now += 5s;
  tell(compile1, service::catalog, kind::trial_begun);
  tell(compile1, service::catalog, kind::unanswered);
  EXPECT_EQ(state(compile1, service::files), health::probation);
  EXPECT_TRUE(table.consult(compile1, service::files, now).trial_is_free);
}

TEST_F(HealthTable, WhatIsDownInBothLayersIsDownUntilBothAreOver) {
  const auto longer = [&](const master& who, kind k) {  // by a trial that failed
    tell(who, service::catalog, k, 3);
    now = *table.look(who, service::catalog, now).until;
    tell(who, service::catalog, k);
  };
  longer(compile1, kind::unanswered);
  tell(compile1, service::catalog, kind::connect_failed, 3);
  longer(compile2, kind::connect_failed);
  tell(compile2, service::catalog, kind::unanswered, 3);
  for (const auto& who : {compile1, compile2}) {
    const auto until = *table.look(who, service::catalog, now).until;
    EXPECT_EQ(table.look(who, service::catalog, until - 1ms).state, health::down);
    EXPECT_EQ(table.look(who, service::catalog, until).state, health::probation);
  }
}

TEST_F(HealthTable, SlowStartOfBothLayersMultiplies) {
  tell(compile1, service::catalog, kind::server_error, 3);
  tell(compile1, service::catalog, kind::connect_failed, 3);
  tell(compile1, service::catalog, kind::answered);
  EXPECT_LE(table.consult(compile1, service::catalog, now).share, health_state::full_share / 100 + 1);
  EXPECT_GE(table.consult(compile1, service::catalog, now).share, 1u);
  now += 60s;
  EXPECT_EQ(table.consult(compile1, service::catalog, now).share, health_state::full_share);
}

TEST_F(HealthTable, NobodyIsProbedWhileAllIsWell) {
  tell(compile1, service::catalog, kind::answered, 10);
  EXPECT_EQ(table.next_probe(now), std::nullopt);
  EXPECT_TRUE(table.take_due_probes(now + 1h, chance).empty());
}

TEST_F(HealthTable, ASuspectIsProbedOnceWhenItIsDue) {
  tell(compile1, service::files, kind::unanswered);
  const auto due = table.next_probe(now);
  ASSERT_TRUE(due);
  EXPECT_TRUE(table.take_due_probes(*due - 1ms, chance).empty());
  const auto wanted = table.take_due_probes(*due, chance);
  ASSERT_EQ(wanted.size(), 1u);
  EXPECT_EQ(wanted[0].who, compile1);
  EXPECT_EQ(wanted[0].of, service::files);
  EXPECT_TRUE(table.take_due_probes(*due, chance).empty());
  EXPECT_GT(*table.next_probe(*due), *due);
}

TEST_F(HealthTable, AMasterThatIsDownIsLeftAloneUntilItsTimeIsOverWhateverItsServicesWant) {
  tell(compile1, service::files, kind::unanswered);
  tell(compile1, service::files, kind::connect_failed, 3);
  const auto until = *table.consult(compile1, service::files, now).until;
  EXPECT_EQ(table.next_probe(now), until);
  EXPECT_TRUE(table.take_due_probes(until - 1ms, chance).empty());
  EXPECT_EQ(table.take_due_probes(until, chance).size(), 1u);
  EXPECT_TRUE(table.take_due_probes(until, chance).empty()) << "the probe is the trial";
}

TEST_F(HealthTable, ProbesOfADeadMasterBecomeRare) {
  tell(compile1, service::files, kind::connect_failed);
  int probes = 0;
  for (const auto end = now + 1h; now < end; now += 1s) {
    table.consult(compile1, service::files, now);
    for (const auto& each : table.take_due_probes(now, chance)) {
      ++probes;
      tell(each.who, each.of, kind::connect_failed);
    }
  }
  EXPECT_GE(probes, 12);
  EXPECT_LE(probes, 35);
}

TEST_F(HealthTable, AMasterNobodyAsksAboutAnyMoreIsNotProbed) {
  tell(compile1, service::files, kind::unanswered);
  EXPECT_NE(table.next_probe(now + 15min), std::nullopt);
  EXPECT_EQ(table.next_probe(now + 15min + 1s), std::nullopt);
  table.consult(compile1, service::files, now + 20min);
  EXPECT_NE(table.next_probe(now + 20min), std::nullopt);
}

TEST_F(HealthTable, TheAnswersToItsProbesDoNotKeepUpTheInterestInAMaster) {
  tell(compile1, service::files, kind::connect_failed);
  for (const auto end = now + 1h; now < end; now += 1s) {
    for (const auto& each : table.take_due_probes(now, chance)) {
      EXPECT_LE(now, start + 15min);
      table.reached(each.who, each.of, 1ms, now);
      tell(each.who, each.of, kind::probe_failed);
    }
  }
  EXPECT_EQ(table.next_probe(now), std::nullopt);
}

/// Services are numbered by their order in a configuration, and that may be read anew.
TEST_F(HealthTable, OfAServiceThatIsGoneNothingIsKeptAndNothingAsked) {
  now = health_table::time_point{} + 1min;  // a host that has just started
  const auto canary = static_cast<service>(4);
  tell(compile1, service::files, kind::server_error);
  tell(compile1, canary, kind::server_error);
  tell(compile2, canary, kind::connect_failed, 3);
  ASSERT_TRUE(table.next_probe(now));
  table.renumber([&](service s) { return s == canary ? gone_service : s; });
  EXPECT_FALSE(table.next_probe(now));
  EXPECT_TRUE(table.take_due_probes(now + 10min, chance).empty());
  EXPECT_EQ(state(compile1, canary), health::up);
  EXPECT_EQ(state(compile1, service::files), health::suspect);
  EXPECT_EQ(state(compile2, service::files), health::down) << "the master as a whole";
  for (const auto& each : table.take_due_probes(now + 10min, chance))
    EXPECT_EQ(each.of, service::files) << "what they were asked about again for";
}

TEST_F(HealthTable, WhatWasLearnedForAServiceFollowsItsNumber) {
  const auto canary = static_cast<service>(4), debug = static_cast<service>(5);
  tell(compile1, canary, kind::unanswered);
  tell(compile1, debug, kind::unanswered, 3);
  table.renumber([&](service s) { return s == canary ? debug : s == debug ? canary : s; });
  EXPECT_EQ(state(compile1, debug), health::suspect);
  EXPECT_EQ(state(compile1, canary), health::down);
  tell(compile2, debug, kind::unanswered);
  table.renumber([&](service s) { return s == debug ? canary : s == canary ? gone_service : s; });
  EXPECT_EQ(state(compile1, canary), health::suspect);
  const auto wanted = table.take_due_probes(now + 10min, chance);
  ASSERT_EQ(wanted.size(), 2u);
  for (const auto& each : wanted) EXPECT_EQ(each.of, canary);
}

TEST_F(HealthTable, WhatIsToldForAServiceThatIsGoneIsLearnedOfTheMasterAlone) {
  tell(compile1, gone_service, kind::unanswered, 3);
  tell(compile2, gone_service, kind::connect_failed, 3);
  EXPECT_EQ(state(compile1, service::files), health::up);
  EXPECT_TRUE(table.take_due_probes(now + 10min, chance).empty()) << "whom should be asked what?";
  EXPECT_EQ(state(compile2, service::files), health::down);
  for (const auto& line : table.snapshot(now)) EXPECT_FALSE(line.of);
}

TEST_F(HealthTable, AMasterIsProbedForTheServiceItWasLastAskedAboutFor) {
  tell(compile1, service::catalog, kind::connect_failed, 3);
  table.consult(compile1, service::files, now);
  const auto wanted = table.take_due_probes(*table.next_probe(now), chance);
  ASSERT_EQ(wanted.size(), 1u);
  EXPECT_EQ(wanted[0].of, service::files);
}

TEST_F(HealthTable, AskForNoMoreProbesThanWanted) {
  for (int i = 0; i < 20; ++i)
    tell({"m" + std::to_string(i), 8140, source_kind::list}, service::catalog, kind::unanswered);
  std::size_t all = 0;
  for (int i = 0; i < 7; ++i) {
    const auto some = table.take_due_probes(now + 2s, chance, 3);
    EXPECT_LE(some.size(), 3u);
    all += some.size();
  }
  EXPECT_EQ(all, 20u);
}

TEST_F(HealthTable, ForgetsTheMasterLongestNotAskedAbout) {
  health_table small({}, 3);
  const auto failing = [&](std::string host) {
    const master m{std::move(host), 8140, source_kind::list};
    small.report(m, service::catalog, {.what = kind::unanswered}, now += 1s, chance);
    return m;
  };
  const auto a = failing("a"), b = failing("b"), c = failing("c");
  small.consult(a, service::catalog, now += 1s);
  const auto d = failing("d");
  EXPECT_EQ(small.size(), 3u);
  EXPECT_EQ(small.look(a, service::catalog, now).state, health::suspect);
  EXPECT_EQ(small.look(b, service::catalog, now).state, health::up) << "forgotten";
  EXPECT_EQ(small.look(d, service::catalog, now).state, health::suspect);
}

TEST_F(HealthTable, TheOperatorsOrderIsNotForgottenForOthers) {
  health_table small({}, 2);
  small.report(compile1, service::catalog, {.what = kind::drain}, now, chance);
  for (int i = 0; i < 10; ++i)
    small.report({"m" + std::to_string(i), 8140, source_kind::list}, service::catalog, {.what = kind::answered},
                 now += 1s, chance);
  EXPECT_EQ(small.look(compile1, service::catalog, now).state, health::draining);
}

TEST_F(HealthTable, ServicesOfAMasterAreBounded) {
  for (std::uint16_t i = 0; i < 1000; ++i) tell(compile1, service{i}, kind::unanswered);
  EXPECT_EQ(table.snapshot(now).size(), 65u);
}

TEST_F(HealthTable, TheSnapshotTellsWhyAndSinceWhen) {
  tell(compile2, service::catalog, kind::answered);
  now += 10s;
  tell(compile1, service::files, kind::unanswered, 2, "no answer within 4 s");
  tell(compile1, service::files, kind::cancelled);
  const auto lines = table.snapshot(now + 1s);
  ASSERT_EQ(lines.size(), 4u);
  EXPECT_EQ(lines[0].who, compile1);
  EXPECT_EQ(lines[0].of, std::nullopt);
  EXPECT_EQ(lines[0].state, health::up);
  EXPECT_EQ(lines[1].of, service::files);
  EXPECT_EQ(lines[1].state, health::suspect);
  EXPECT_EQ(lines[1].since, start + 10s);
  EXPECT_EQ(lines[1].failures, 2u);
  EXPECT_EQ(lines[1].reason, "no answer within 4 s");
  EXPECT_EQ(lines[1].counts.failed, 2u);
  EXPECT_EQ(lines[1].counts.cancelled, 1u);
  EXPECT_EQ(lines[2].who, compile2);
  EXPECT_EQ(lines[3].counts.answered, 1u);
}

TEST_F(HealthTable, RoundTripsAreAMovingMeanForEachMaster) {
  EXPECT_EQ(table.round_trip(compile1), 0us);
  table.reached(compile1, service::catalog, 80ms, now);
  EXPECT_EQ(table.round_trip(compile1), 80ms);
  table.reached(compile1, service::files, 160ms, now);
  EXPECT_EQ(table.round_trip(compile1), 90ms);
  EXPECT_EQ(table.round_trip(compile2), 0us);
  table.reached(compile2, service::files, 1h, now);
  EXPECT_EQ(table.round_trip(compile2), 10s);
}

}  // namespace
}  // namespace bunraku::policy
