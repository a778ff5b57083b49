#include "policy/health_state.hpp"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

namespace bunraku::policy {
namespace {

using namespace std::chrono_literals;
using kind = health_event::kind;
using time_point = health_state::time_point;

const time_point start = time_point{} + 1000h;
const health_limits limits;

/// A state under test, reached the way it is reached in life.
struct subject {
  random chance{7};
  time_point now = start;
  health_state state{start};

  subject& tell(kind k, std::string_view reason = "because") {
    health_event e{k, reason};
    e.retry_after = 60s;
    state.on(e, now, chance, limits);
    return *this;
  }
  subject& wait(time_point::duration t) {
    now += t;
    return *this;
  }
  health at() const { return state.at(now); }
};

subject up() { return {}; }
subject suspect() { return up().tell(kind::unanswered); }
subject down() { return suspect().tell(kind::unanswered).tell(kind::unanswered); }
subject probation() { return down().wait(5s); }
subject trying() { return probation().tell(kind::trial_begun); }
subject saturated() { return up().tell(kind::saturated); }
subject draining() { return up().tell(kind::drain); }

/// What each event makes of each state: u(p) s(uspect) p(robation, trial free) t(rial under way) S(aturated) D(own)
/// d(raining). Written by hand: this table is the specification.
struct row {
  kind what;
  const char* becomes;  // from: up suspect down probation trying saturated draining
};
constexpr row transitions[] = {
    {kind::connect_failed, "s s D D D s d"}, {kind::bad_certificate, "D D D D D D d"},
    {kind::hangs, "D D D D D D d"},          {kind::unanswered, "s s D D D s d"},
    {kind::broken_answer, "s s D D D s d"},  {kind::server_error, "s s D D D s d"},
    {kind::probe_failed, "s s D D D s d"},   {kind::saturated, "S S S S S S d"},
    {kind::lost_race, "s s D D D S d"},      {kind::probe_begun, "u s D t t S d"},
    {kind::trial_begun, "u s D t t S d"},    {kind::own_fault, "u s D p p S d"},
    {kind::cancelled, "u s D p p S d"},      {kind::answered, "u u u u u S d"},
    {kind::probe_answered, "u u u u u S d"}, {kind::drain, "d d d d d d d"},
    {kind::undrain, "u s D p t S u"},
};

char letter(const subject& s) {
  switch (s.at()) {
    case health::up: return 'u';
    case health::suspect: return 's';
    case health::probation: return s.state.trial_is_free(s.now) ? 'p' : 't';
    case health::saturated: return 'S';
    case health::draining: return 'd';
    case health::down: return 'D';
  }
  return '?';
}

bool trying_now(const subject& s) { return letter(s) == 't'; }

TEST(HealthState, EveryEventInEveryState) {
  const std::vector<subject> from = {up(), suspect(), down(), probation(), trying(), saturated(), draining()};
  const std::string names = "usDptSd";
  for (std::size_t i = 0; i < from.size(); ++i) ASSERT_EQ(letter(from[i]), names[i]);
  std::size_t events = 0;
  for (const auto& [what, becomes] : transitions) {
    for (std::size_t i = 0; i < from.size(); ++i) {
      subject s = from[i];
      s.tell(what);
      EXPECT_EQ(letter(s), becomes[2 * i]) << name_of(what) << " from " << names[i];
    }
    EXPECT_EQ(static_cast<std::size_t>(what), static_cast<std::size_t>(transitions[events].what));
    ++events;
  }
  EXPECT_EQ(events, static_cast<std::size_t>(kind::undrain) + 1) << "an event is missing in the table";
}

TEST(HealthState, ThreeFailuresInARowMakeItDown) {
  auto s = up().tell(kind::unanswered).tell(kind::server_error);
  EXPECT_EQ(s.at(), health::suspect);
  s.tell(kind::broken_answer);
  EXPECT_EQ(s.at(), health::down);
  EXPECT_EQ(s.state.failures(), 3u);
}

TEST(HealthState, AnAnswerClearsTheCount) {
  auto s = up().tell(kind::unanswered).tell(kind::unanswered).tell(kind::answered);
  EXPECT_EQ(s.state.failures(), 0u);
  s.tell(kind::unanswered).tell(kind::unanswered);
  EXPECT_EQ(s.at(), health::suspect);
}

TEST(HealthState, AProbesAnswerDoesNotClearTheCount) {
  auto s = up().tell(kind::unanswered).tell(kind::unanswered).tell(kind::probe_answered);
  EXPECT_EQ(s.at(), health::up);
  s.tell(kind::unanswered);
  EXPECT_EQ(s.at(), health::down);
}

TEST(HealthState, FineStatusAndBrokenWorkComesBackEverMoreSeldom) {
  auto s = down();
  auto before = *s.state.until(s.now) - s.now;
  for (int i = 0; i < 3; ++i) {
    s.wait(before).tell(kind::probe_answered);
    ASSERT_EQ(s.at(), health::up);
    s.tell(kind::server_error);
    ASSERT_EQ(s.at(), health::down);
    const auto after = *s.state.until(s.now) - s.now;
    EXPECT_GE(after, before);
    before = after;
  }
  EXPECT_GE(before, 20s);  // the fourth time: half of 8 * 5 s at least
  EXPECT_LE(before, 40s);
}

TEST(HealthState, DownLastsABackoffThatGrowsWithEachFailedTrialUpToTheCeiling) {
  auto s = down();
  std::chrono::milliseconds whole = limits.down.first;
  for (int i = 0; i < 12; ++i) {
    const auto left = *s.state.until(s.now) - s.now;
    EXPECT_GE(left, whole / 2);
    EXPECT_LE(left, whole);
    s.wait(left - 1ms);
    EXPECT_EQ(s.at(), health::down);
    s.wait(1ms);
    EXPECT_EQ(s.at(), health::probation);
    s.tell(kind::trial_begun).tell(kind::unanswered);
    ASSERT_EQ(s.at(), health::down);
    whole = std::min(whole * 2, limits.down.ceiling);
  }
}

TEST(HealthState, AnAnswerMakesTheNextTimeDownAShortOneAgain) {
  auto s = down();
  for (int i = 0; i < 5; ++i) s.wait(*s.state.until(s.now) - s.now).tell(kind::trial_begun).tell(kind::unanswered);
  ASSERT_GT(*s.state.until(s.now), s.now + limits.down.first);
  s.wait(*s.state.until(s.now) - s.now).tell(kind::trial_begun).tell(kind::answered);
  s.tell(kind::hangs);
  ASSERT_EQ(s.at(), health::down);
  EXPECT_LE(*s.state.until(s.now), s.now + limits.down.first);
}

TEST(HealthState, FailuresWhileDownDoNotLengthenIt) {
  auto s = down();
  const auto until = s.state.until(s.now);
  for (int i = 0; i < 300; ++i) s.tell(kind::connect_failed, "refused again");
  EXPECT_EQ(s.state.until(s.now), until);
  EXPECT_EQ(s.state.counts().failed, 303u);
  EXPECT_EQ(s.state.reason(), "refused again");
}

TEST(HealthState, ProbationHasExactlyOneTrialAtATime) {
  EXPECT_FALSE(up().state.trial_is_free(start));
  EXPECT_FALSE(down().state.trial_is_free(start));
  auto s = probation();
  EXPECT_TRUE(s.state.trial_is_free(s.now));
  s.tell(kind::trial_begun);
  EXPECT_FALSE(s.state.trial_is_free(s.now));
  EXPECT_EQ(*s.state.until(s.now), s.now + limits.trial_limit);
}

TEST(HealthState, ACancelledTrialProvesNothingAndIsFreeAgain) {
  EXPECT_TRUE(trying().tell(kind::cancelled).state.trial_is_free(start + 5s));
  EXPECT_TRUE(trying().tell(kind::own_fault).state.trial_is_free(start + 5s));
}

TEST(HealthState, ATrialNobodyConcludesIsFreeAgainInTheEnd) {
  auto s = trying().wait(limits.trial_limit - 1ms);
  EXPECT_FALSE(s.state.trial_is_free(s.now));
  s.wait(1ms);
  EXPECT_TRUE(s.state.trial_is_free(s.now));
}

TEST(HealthState, ATrialThatFailedDoesNotKeepTheNextOneFromBeingFree) {
  auto s = trying();
  ASSERT_GT(*s.state.until(s.now), s.now + 10s) << "longer than it is down the second time";
  s.tell(kind::unanswered);
  s.wait(*s.state.until(s.now) - s.now);
  EXPECT_TRUE(s.state.trial_is_free(s.now));
  EXPECT_LE(*s.state.probe_due(s.now), s.now);
  s.tell(kind::undrain);  // an event that begins and ends no trial
  EXPECT_EQ(s.at(), health::probation);
  EXPECT_TRUE(s.state.trial_is_free(s.now));
}

TEST(HealthState, OneFailureInATrialIsEnoughAlsoWhenOneWasEnoughBefore) {
  auto s = up().tell(kind::bad_certificate).wait(5s).tell(kind::trial_begun).tell(kind::connect_failed);
  EXPECT_EQ(s.at(), health::down);
}

TEST(HealthState, OnlyTheMastersOwnFaultsHurt) {
  auto s = up();
  for (int i = 0; i < 100; ++i) s.tell(kind::own_fault, "no descriptors").tell(kind::cancelled);
  EXPECT_EQ(s.at(), health::up);
  EXPECT_EQ(s.state.failures(), 0u);
  EXPECT_EQ(s.state.counts().own_faults, 100u);
  EXPECT_EQ(s.state.counts().cancelled, 100u);
  EXPECT_EQ(s.state.counts().failed, 0u);
}

TEST(HealthState, OwnFaultsInARowEndWithARealAnswer) {
  auto s = up();
  s.tell(kind::own_fault, "it refused us").tell(kind::own_fault, "it refused us").tell(kind::cancelled);
  EXPECT_EQ(s.state.own_faults(), 2u);
  EXPECT_EQ(s.state.reason(), "it refused us");
  s.tell(kind::answered);
  EXPECT_EQ(s.state.own_faults(), 0u);
  EXPECT_EQ(s.state.counts().own_faults, 2u);
}

TEST(HealthState, CountsAnswersToRequestsAlone) {
  auto s = up().tell(kind::answered).tell(kind::probe_answered).tell(kind::answered);
  EXPECT_EQ(s.state.counts().answered, 2u);
}

TEST(HealthState, WhyItIsNotUpIsNotOverwrittenByAFaultOfOurs) {
  auto s = up().tell(kind::connect_failed, "refused");
  s.tell(kind::own_fault, "no descriptors");
  EXPECT_EQ(s.state.reason(), "refused");
}

TEST(HealthState, LosingRacesNeverMakesItDown) {
  auto s = up();
  for (int i = 0; i < 100; ++i) s.tell(kind::lost_race);
  EXPECT_EQ(s.at(), health::suspect);
  EXPECT_EQ(s.state.counts().lost_races, 100u);
}

TEST(HealthState, SaturatedEndsByItself) {
  auto s = saturated().wait(60s - 1ms);
  EXPECT_EQ(s.at(), health::saturated);
  s.wait(1ms);
  EXPECT_EQ(s.at(), health::up);
  EXPECT_EQ(s.state.since(s.now), start + 60s);
  EXPECT_EQ(s.state.until(s.now), std::nullopt);
}

TEST(HealthState, WhatHappensAfterSaturationMeetsAMasterThatIsUp) {
  EXPECT_EQ(saturated().wait(60s).tell(kind::lost_race).at(), health::suspect);
}

TEST(HealthState, SaturationIsCountedApartAndTold) {
  auto s = up().tell(kind::saturated, "status 503");
  EXPECT_EQ(s.state.counts().saturated, 1u);
  EXPECT_EQ(s.state.counts().failed, 0u);
  EXPECT_EQ(s.state.counts().lost_races, 0u);
  EXPECT_EQ(s.state.reason(), "status 503");
}

TEST(HealthState, RetryAfterIsKeptWithinLimits) {
  for (const auto& [said, kept] : std::map<std::chrono::seconds, std::chrono::seconds>{
           {-5s, 1s}, {0s, 1s}, {7s, 7s}, {300s, 300s}, {1800s, 300s}, {std::chrono::seconds::max(), 300s}}) {
    subject s;
    health_event e{kind::saturated};
    e.retry_after = said;
    s.state.on(e, s.now, s.chance, limits);
    EXPECT_EQ(*s.state.until(s.now), s.now + kept) << said.count();
  }
}

TEST(HealthState, SaturationIsNoFailure) {
  auto s = up();
  for (int i = 0; i < 10; ++i) s.tell(kind::saturated);
  EXPECT_EQ(s.state.failures(), 0u);
}

TEST(HealthState, DrainingEndsOnlyByTheOperator) {
  auto s = draining().wait(10000h);
  EXPECT_EQ(s.at(), health::draining);
  s.tell(kind::undrain);
  EXPECT_EQ(s.at(), health::up);
}

TEST(HealthState, DrainWithAnEndEndsByItselfAndStartsSlowly) {
  auto s = down();
  health_event e{kind::drain};
  e.drain_for = 60s;
  s.state.on(e, s.now, s.chance, limits);
  EXPECT_EQ(*s.state.until(s.now), s.now + 60s);
  EXPECT_EQ(s.wait(59s).at(), health::draining);
  const auto end = s.now + 1s;
  EXPECT_EQ(s.wait(7s).at(), health::up);
  EXPECT_EQ(s.state.since(s.now), end);
  EXPECT_EQ(s.state.until(s.now), std::nullopt);
  const auto looked_at = s.state.share(s.now, limits);
  EXPECT_LT(looked_at, health_state::full_share);
  s.tell(kind::answered);  // the first event after the end sees it too
  EXPECT_EQ(s.at(), health::up);
  EXPECT_EQ(s.state.share(s.now, limits), looked_at);
}

TEST(HealthState, TheShortestDrainEndsToo) {
  subject s;
  health_event e{kind::drain};
  e.drain_for = 1s;
  s.state.on(e, s.now, s.chance, limits);
  EXPECT_EQ(s.at(), health::draining);
  EXPECT_EQ(s.wait(1s).at(), health::up);
}

TEST(HealthState, AfterADrainThatIsOverFailuresCountAgain) {
  subject s;
  health_event e{kind::drain};
  e.drain_for = 60s;
  s.state.on(e, s.now, s.chance, limits);
  EXPECT_EQ(s.wait(59s).tell(kind::hangs).at(), health::draining);
  EXPECT_EQ(s.wait(1s).tell(kind::unanswered).at(), health::suspect);
  EXPECT_EQ(s.tell(kind::hangs).at(), health::down);
}

TEST(HealthState, DrainAgainMovesItsEnd) {
  auto s = draining();
  const auto began = s.now;
  health_event e{kind::drain};
  e.drain_for = 60s;
  s.wait(10s).state.on(e, s.now, s.chance, limits);
  EXPECT_EQ(*s.state.until(s.now), s.now + 60s);
  EXPECT_EQ(s.state.since(s.now), began);
}

TEST(HealthState, RecoveryStartsSlowly) {
  auto s = trying().tell(kind::answered);
  EXPECT_EQ(s.state.share(s.now, limits), health_state::full_share / 10);
  std::uint32_t before = 0;
  for (int i = 0; i < 60; ++i) {
    const auto now = s.state.share(s.wait(1s).now, limits);
    EXPECT_GE(now, before);
    before = now;
  }
  EXPECT_EQ(before, health_state::full_share);
}

TEST(HealthState, WithoutASlowStartRecoveryIsWholeAtOnce) {
  auto s = trying().tell(kind::answered);
  auto without = limits;
  without.slow_start = {};
  EXPECT_EQ(s.state.share(s.now, without), health_state::full_share);
}

TEST(HealthState, ASuspectThatWasNeverDownHasItsFullShareAtOnce) {
  auto s = suspect().tell(kind::answered);
  EXPECT_EQ(s.state.share(s.now, limits), health_state::full_share);
}

TEST(HealthState, ProbesAreForSuspectsAndForThoseWhoseTimeIsOver) {
  EXPECT_EQ(up().state.probe_due(start), std::nullopt);
  EXPECT_EQ(saturated().state.probe_due(start), std::nullopt);
  EXPECT_EQ(draining().state.probe_due(start), std::nullopt);

  auto s = suspect();
  EXPECT_GE(*s.state.probe_due(s.now), s.now + limits.first_probe / 2);
  EXPECT_LE(*s.state.probe_due(s.now), s.now + limits.first_probe);
  s.tell(kind::probe_begun);
  EXPECT_GE(*s.state.probe_due(s.now), s.now + limits.next_probe / 2);

  auto d = down();
  EXPECT_EQ(d.state.probe_due(d.now), d.state.until(d.now));
  auto p = probation();
  EXPECT_LE(*p.state.probe_due(p.now), p.now);
  p.tell(kind::probe_begun);
  EXPECT_EQ(p.state.probe_due(p.now), p.now + limits.trial_limit);
}

TEST(HealthState, AProbeThatFailedThroughOurOwnFaultIsNotPutAgainAtOnce) {
  auto p = probation().tell(kind::probe_begun).tell(kind::own_fault);
  EXPECT_TRUE(p.state.trial_is_free(p.now));
  EXPECT_GE(*p.state.probe_due(p.now), p.now + limits.next_probe / 2);
}

TEST(HealthState, AMasterFoundToHangIsDownAtOnce) {
  auto s = up().tell(kind::hangs, "no answer to a status question within 500 ms");
  EXPECT_EQ(s.at(), health::down);
  EXPECT_EQ(s.state.reason(), "no answer to a status question within 500 ms");
}

TEST(HealthState, AnotherFailureOfASuspectDoesNotPutOffItsProbe) {
  auto s = suspect();
  const auto due = s.state.probe_due(s.now);
  s.wait(100ms).tell(kind::unanswered);
  EXPECT_EQ(s.state.probe_due(s.now), due);
}

TEST(HealthState, RemembersSinceWhenAndWhy) {
  auto s = up().wait(10s).tell(kind::connect_failed, "Connection refused");
  EXPECT_EQ(s.state.since(s.now), start + 10s);
  s.wait(5s).tell(kind::connect_failed, "Connection refused");
  EXPECT_EQ(s.state.since(s.now), start + 10s);
  EXPECT_EQ(s.state.reason(), "Connection refused");
  s.tell(kind::connect_failed, std::string(5000, 'x'));
  EXPECT_EQ(s.state.reason().size(), 200u);
}

TEST(HealthState, HoldsItsBoundsWhateverHappens) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    random fate(seed);
    subject s;
    for (int step = 0; step < 500; ++step) {
      s.wait(std::chrono::milliseconds(fate.below(20000)));
      s.tell(static_cast<kind>(fate.below(static_cast<std::uint64_t>(kind::undrain) + 1)));
      const auto until = s.state.until(s.now);
      const auto share = s.state.share(s.now, limits);
      ASSERT_LE(s.state.since(s.now), s.now) << seed;
      if (until) ASSERT_TRUE(*until > s.now && *until <= s.now + limits.saturated_ceiling) << seed;
      ASSERT_TRUE(share >= 1 && share <= health_state::full_share) << seed;
      ASSERT_EQ(s.at() == health::down || s.at() == health::saturated, until && !trying_now(s)) << seed;
      if (s.at() == health::up || s.at() == health::draining) ASSERT_EQ(s.state.probe_due(s.now), std::nullopt) << seed;
    }
  }
}

TEST(HealthState, KeepsAMovingMeanOfFirstByteTimes) {
  subject s;
  const auto answered_after = [&](std::chrono::microseconds first_byte) {
    health_event e{kind::answered};
    e.first_byte = first_byte;
    s.state.on(e, s.now, s.chance, limits);
    return s.state.first_byte();
  };
  EXPECT_EQ(answered_after(8ms), 8ms);
  EXPECT_EQ(answered_after(16ms), 9ms);
  EXPECT_EQ(answered_after(1ms), 8ms);
  EXPECT_EQ(answered_after(0ms), 8ms) << "not measured";
  s = subject();
  EXPECT_EQ(answered_after(1us), 1us);
}

}  // namespace
}  // namespace bunraku::policy
