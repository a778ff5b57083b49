#include "policy/knowledge.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace bunraku::policy {
namespace {

using namespace std::chrono_literals;
using what = outcome::kind;

const master a{"a.example.com", 8140, source_kind::list};
const master b{"b.example.com", 8140, source_kind::list};
const master c{"c.example.com", 8140, source_kind::list};
constexpr std::string_view content = "/puppet/v3/file_content/modules/m/x";
const endpoint& file = find_endpoint("GET", content);
const endpoint& report = find_endpoint("PUT", "/puppet/v3/report/agent1");

struct Knowledge : testing::Test {
  knowledge known{"agent1", random(3)};
  knowledge::time_point now = knowledge::time_point{} + 1000h;

  void tell(const master& who, what k, int times = 1) {
    outcome news(k, "because");
    news.set_retry_after(60s);
    for (int i = 0; i < times; ++i) known.report(who, service::catalog, news, now);
  }
  void fail_to_connect(const master& who, int times = 3) {
    for (int i = 0; i < times; ++i)
      known.connect_failed(who, service::catalog, health_event::kind::connect_failed, "refused", now);
  }
  health state(const master& who, service of = service::catalog) const {
    return known.health().look(who, of, now).state;
  }
  bool trial_is_free(const master& who) const { return known.health().look(who, service::catalog, now).trial_is_free; }
  void add(plan& into, std::vector<master> masters) {
    source_answer from;
    from.masters = std::move(masters);
    known.add_in_order(into, from, now);
  }
  /// Of one source.
  plan plan_of(std::vector<master> masters) {
    plan made(service::catalog);
    add(made, std::move(masters));
    std::size_t down = 0;
    known.is_worth_trying(made, down, now);
    return made;
  }
  run_ticket begin_run() { return known.begin_exchange(file, content, now); }
  void end(const run_ticket& ticket, const endpoint& row, const master* by) {
    known.end_exchange(ticket, {.row = row, .of = row.service, .answered_by = by, .status = 200}, now);
  }
};

TEST_F(Knowledge, WhatAnOutcomeSaysOfAMaster) {
  for (const auto& [k, once, thrice] :
       {std::tuple(what::unanswered, health::suspect, health::down),
        std::tuple(what::broken_answer, health::suspect, health::down),
        std::tuple(what::server_error, health::suspect, health::down),
        std::tuple(what::no_tls, health::suspect, health::down),
        std::tuple(what::bad_certificate, health::down, health::down),
        std::tuple(what::saturated, health::saturated, health::saturated),
        std::tuple(what::begun, health::up, health::up), std::tuple(what::answered, health::up, health::up),
        std::tuple(what::spoke_tls, health::up, health::up), std::tuple(what::cancelled, health::up, health::up)}) {
    known = knowledge("agent1", random(3));
    tell(a, k);
    EXPECT_EQ(state(a), once) << static_cast<int>(k);
    tell(a, k, 2);
    EXPECT_EQ(state(a), thrice) << static_cast<int>(k);
  }
}

TEST_F(Knowledge, ThatItSpeaksTlsDoesNotClearTheCountOfFailures) {
  tell(a, what::no_tls, 2);
  tell(a, what::spoke_tls);
  EXPECT_EQ(state(a), health::up);
  tell(a, what::no_tls);
  EXPECT_EQ(state(a), health::down);
}

TEST_F(Knowledge, TheMastersWordsReachItsHealth) {
  outcome full(what::saturated, "status 503");
  full.set_retry_after(7s);
  known.report(a, service::catalog, full, now);
  EXPECT_EQ(known.health().look(a, service::catalog, now).until, now + 7s);
  outcome answered(what::answered);
  answered.set_first_byte(30ms);
  known.report(b, service::catalog, answered, now);
  for (const auto& line : known.health().snapshot(now)) {
    if (line.of && line.who == a) EXPECT_EQ(line.reason, "status 503");
    if (line.of && line.who == b) EXPECT_EQ(line.first_byte, 30ms);
  }
}

TEST_F(Knowledge, ARequestThatBeginsIsNewsOnlyForAMasterOnTrial) {
  tell(a, what::begun);
  EXPECT_EQ(known.health().size(), 0u);
  fail_to_connect(b);
  now += 5s;
  ASSERT_TRUE(trial_is_free(b));
  tell(b, what::begun);
  EXPECT_FALSE(trial_is_free(b));
}

TEST_F(Knowledge, APlanThatBeginsWithAMasterOnProbationTakesItsTrial) {
  fail_to_connect(a);
  now += 5s;
  EXPECT_EQ(plan_of({b, a}).left_at(0), b);
  EXPECT_TRUE(trial_is_free(a)) << "it is only the second";
  auto both = plan_of({c});
  add(both, {a});
  EXPECT_TRUE(trial_is_free(a)) << "it comes after those of another source";
  EXPECT_EQ(plan_of({a, b}).left_at(0), a);
  EXPECT_FALSE(trial_is_free(a));
  EXPECT_EQ(plan_of({a, b}).left_at(0), b) << "one trial at a time";
}

TEST_F(Knowledge, LookingAtTheOrderTakesNoTrialAndAsksForNoProbe) {
  tell(a, what::unanswered);
  fail_to_connect(b);
  begin_run();
  now += 20min;
  ASSERT_TRUE(trial_is_free(b));
  const std::vector<master> list{b, a};
  const auto& order = known.look_at_order(service::catalog, list, now);
  ASSERT_EQ(order.size(), 2u);
  EXPECT_EQ(order[0].why, pick_reason::suspect);
  EXPECT_EQ(order[1].why, pick_reason::trial);
  EXPECT_TRUE(trial_is_free(b));
  EXPECT_TRUE(known.take_due_probes(now).empty()) << "nobody asked about them for a quarter of an hour";
  plan_of(list);
  EXPECT_FALSE(known.take_due_probes(now).empty());
}

TEST_F(Knowledge, TheRunsOwnMasterComesFirst) {
  EXPECT_EQ(plan_of({a, b}).left_at(0), a);
  end(begin_run(), file, &b);
  EXPECT_EQ(plan_of({a, b}).left_at(0), b);
  EXPECT_EQ(known.look_at_order(service::catalog, std::vector{a, b}, now).front().index, 1u);
}

TEST_F(Knowledge, EachLookAtAnOrderIsAtTheMastersItIsOf) {
  fail_to_connect(a);
  EXPECT_EQ(known.look_at_order(service::catalog, std::vector{a}, now).front().why, pick_reason::down);
  EXPECT_EQ(known.look_at_order(service::catalog, std::vector{b}, now).front().why, pick_reason::healthy);
}

TEST_F(Knowledge, AFurtherSourceIsAskedWhenAllOfTheFirstAreDown) {
  fail_to_connect(a);
  fail_to_connect(b);
  std::size_t down = 0;
  plan made(service::catalog);
  EXPECT_FALSE(known.is_worth_trying(made, down, now)) << "nobody is known";
  EXPECT_EQ(down, 0u);
  add(made, {a, b});
  EXPECT_FALSE(known.is_worth_trying(made, down, now));
  EXPECT_EQ(down, 2u);
  EXPECT_FALSE(known.is_worth_trying(made, down, now)) << "a source that knows nobody changes nothing";
  EXPECT_EQ(down, 2u);
  add(made, {c});
  EXPECT_TRUE(known.is_worth_trying(made, down, now));
  EXPECT_EQ(down, 0u);
  ASSERT_EQ(made.left(), 3u);
  EXPECT_EQ(made.left_at(0), c);
  EXPECT_EQ(made.left_at(1), a) << "those that are down come last, and are not forgotten";
}

TEST_F(Knowledge, AMasterWhoseTrialIsFreeIsWorthTryingAndOneWhoseTrialIsOnIsNot) {
  fail_to_connect(a);
  now += 5s;
  std::size_t down = 0;
  plan one(service::catalog), other(service::catalog);
  add(one, {a});
  add(other, {a});
  EXPECT_TRUE(known.is_worth_trying(one, down, now)) << "and has the trial now";
  EXPECT_FALSE(known.is_worth_trying(other, down, now));
  EXPECT_EQ(down, 1u);
}

TEST_F(Knowledge, APlanThatBeginsWithALaterSourcesMasterTakesThatOnesTrial) {
  fail_to_connect(b);
  now += 5s;
  fail_to_connect(a);
  std::size_t down = 0;
  plan made(service::catalog);
  add(made, {a});
  EXPECT_FALSE(known.is_worth_trying(made, down, now));
  add(made, {b});
  EXPECT_TRUE(trial_is_free(b));
  EXPECT_TRUE(known.is_worth_trying(made, down, now));
  EXPECT_EQ(*made.front(), b);
  EXPECT_FALSE(trial_is_free(b));
}

TEST_F(Knowledge, APlanThatGoesToALaterSourceLeavesATrialAsItIs) {
  fail_to_connect(a);
  now += 5s;
  known.trying(a, service::catalog, now);
  now += 20s;
  std::size_t down = 0;
  plan made(service::catalog);
  add(made, {a});
  EXPECT_FALSE(known.is_worth_trying(made, down, now));
  add(made, {b});
  EXPECT_TRUE(known.is_worth_trying(made, down, now));
  now += 10s;
  EXPECT_TRUE(trial_is_free(a)) << "nobody concluded it in 30 s";
}

TEST_F(Knowledge, AMasterThatIsOnlySuspectOrFullIsWorthTrying) {
  tell(a, what::unanswered);
  tell(b, what::saturated);
  for (const auto& who : {a, b}) {
    std::size_t down = 0;
    plan made(service::catalog);
    add(made, {who});
    EXPECT_TRUE(known.is_worth_trying(made, down, now));
  }
}

TEST_F(Knowledge, OnlyAnswersThatWereTimedTeachWhatIsOverdue) {
  const auto after = [&](const outcome& each) {
    for (int i = 0; i < 20; ++i) known.report(a, service::files, each, now);
    return known.overdue_after(file, 0);
  };
  const auto unlearned = known.overdue_after(file, 0);
  EXPECT_EQ(after(outcome(what::answered).set_first_byte(1ms)), unlearned) << "of which request?";
  EXPECT_EQ(after(outcome(what::answered).set_endpoint(file)), unlearned) << "not timed";
  EXPECT_EQ(after(outcome(what::server_error).set_endpoint(file).set_first_byte(1ms)), unlearned)
      << "no work was done for it";
  EXPECT_LT(after(outcome(what::answered).set_endpoint(file).set_first_byte(1ms)), unlearned);
}

TEST_F(Knowledge, AStatusQuestionGetsThreeRoundTrips) {
  EXPECT_EQ(known.patience_with(a, 500ms), 500ms);
  known.reached(a, service::catalog, 100ms, now);
  EXPECT_EQ(known.patience_with(a, 500ms), 500ms);
  known.reached(b, service::catalog, 400ms, now);
  EXPECT_EQ(known.patience_with(b, 500ms), 1200ms);
}

TEST_F(Knowledge, AMasterThatOnlyLivesIsNoNewsOfItsRequest) {
  tell(a, what::unanswered);
  known.status_told(a, service::catalog, std::nullopt, {}, now);
  EXPECT_EQ(state(a), health::suspect);
  known.status_told(a, service::catalog, health_event::kind::hangs, "no answer", now);
  EXPECT_EQ(state(a), health::down);
}

TEST_F(Knowledge, EachRequestPaysForAPartOfARepetition) {
  const auto full = known.retries_left(now);
  for (std::uint32_t i = 0; i < full; ++i) ASSERT_TRUE(known.spend_retry(now));
  EXPECT_FALSE(known.spend_retry(now));
  EXPECT_EQ(known.retries_left(now + 1h), full) << "looking ahead spends nothing and gives nothing";
  EXPECT_EQ(known.retries_left(now), 0u);
  for (int i = 0; i < 5; ++i) known.begin_exchange(file, content, now);
  EXPECT_EQ(known.retries_left(now), 1u);
}

TEST_F(Knowledge, NobodyIsProbedWhileNoRunIsOn) {
  tell(a, what::unanswered);
  EXPECT_EQ(known.next_probe(now), std::nullopt);
  EXPECT_TRUE(known.take_due_probes(now + 10s).empty());
  const auto run = begin_run();
  const auto due = known.next_probe(now);
  ASSERT_TRUE(due);
  EXPECT_TRUE(known.take_due_probes(*due - 1ms).empty());
  end(run, file, &b);
  EXPECT_EQ(known.next_probe(now), due) << "the run goes on for a while";
  const auto asked = known.take_due_probes(*due);
  ASSERT_EQ(asked.size(), 1u);
  EXPECT_EQ(asked[0].who, a);
  now = *due;
  known.probe_told(a, service::catalog, health_event::kind::probe_answered, {}, now);
  EXPECT_EQ(state(a), health::up);
  tell(a, what::unanswered);
  end(known.begin_exchange(report, "/puppet/v3/report/agent1", now), report, &b);
  EXPECT_EQ(known.next_probe(now), std::nullopt);
  EXPECT_TRUE(known.take_due_probes(now + 10s).empty());
}

TEST_F(Knowledge, NoTimerIsWantedForAProbeThatIsDueAfterTheRun) {
  end(begin_run(), file, &b);
  now = *known.runs().idle_end() - 2s;
  fail_to_connect(a);
  ASSERT_GT(*known.health().next_probe(now), now + 2s);
  EXPECT_EQ(known.next_probe(now), std::nullopt);
  tell(b, what::unanswered);
  ASSERT_LT(*known.health().next_probe(now), now + 2s);
  EXPECT_EQ(known.next_probe(now), known.health().next_probe(now));
}

TEST_F(Knowledge, TheCatalogsMasterIsOneOfItsOwnRunOnly) {
  const auto& catalog = find_endpoint("POST", "/puppet/v3/catalog/agent1");
  const auto first = known.begin_exchange(catalog, "/puppet/v3/catalog/agent1", now);
  EXPECT_EQ(known.catalog_master(first), nullptr);
  end(first, catalog, &a);
  ASSERT_NE(known.catalog_master(first), nullptr);
  EXPECT_EQ(*known.catalog_master(first), a);
  EXPECT_EQ(known.catalog_master({}), nullptr) << "of no run";
  now += 11min;
  const auto second = known.begin_exchange(catalog, "/puppet/v3/catalog/agent1", now);
  end(second, catalog, &b);
  EXPECT_EQ(known.catalog_master(first), nullptr);
  EXPECT_EQ(*known.catalog_master(second), b);
  end(known.begin_exchange(report, "/puppet/v3/report/agent1", now), report, &b);
  EXPECT_EQ(known.catalog_master(second), nullptr) << "the run is over";
}

TEST_F(Knowledge, CountsTheExchangesUnderWay) {
  const auto one = begin_run(), two = begin_run();
  EXPECT_EQ(known.open_exchanges(), 2u);
  end(one, file, &a);
  end(two, file, nullptr);
  EXPECT_EQ(known.open_exchanges(), 0u);
}

TEST_F(Knowledge, OnlyADrainedMasterIsUndrained) {
  EXPECT_FALSE(known.undrain(a, now));
  known.drain(a, 60s, now);
  EXPECT_EQ(state(a, service::files), health::draining);
  EXPECT_TRUE(known.undrain(a, now));
  EXPECT_EQ(state(a), health::up);
  known.drain(a, 60s, now);
  now += 60s;
  EXPECT_FALSE(known.undrain(a, now));
}

TEST_F(Knowledge, AReloadBringsTheCertnamesPreferenceAndForgetsNothing) {
  ASSERT_TRUE(known.key());
  const auto before = known.key();
  tell(a, what::unanswered);
  known.reloaded("agent2");
  EXPECT_TRUE(known.key());
  EXPECT_NE(known.key(), before);
  known.reloaded("");
  EXPECT_EQ(known.key(), std::nullopt);
  EXPECT_EQ(state(a), health::suspect);
}

TEST_F(Knowledge, AfterAnotherNumberingOnlyPuppetsOwnServicesAreToldUnderTheNumberTheyHad) {
  const auto canary = static_cast<service>(first_further_service);
  const auto then = known.numbering();
  EXPECT_EQ(known.told_for(canary, then), canary);
  known.renumber([](service s) { return s; });
  EXPECT_EQ(known.told_for(canary, then), gone_service);
  EXPECT_EQ(known.told_for(service::report, then), service::report);
  EXPECT_EQ(known.told_for(canary, known.numbering()), canary);
}

TEST_F(Knowledge, OnlyTheSlowerMasterOfARaceIsSuspect) {
  known.lost_race(a, service::catalog, now);
  EXPECT_EQ(state(a), health::suspect);
  EXPECT_EQ(state(b), health::up);
}

}  // namespace
}  // namespace bunraku::policy
