#include "policy/selection.hpp"

#include "policy/rendezvous.hpp"
#include "policy/srv_order.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

namespace bunraku::policy {
namespace {

using namespace std::chrono_literals;
using names = std::vector<std::string>;
using enum pick_reason;

master srv(std::string host, std::uint16_t priority, std::uint16_t weight, std::uint16_t port = 8140) {
  return {std::move(host), port, source_kind::srv, priority, weight};
}

/// A source and what is known of its masters.
struct site {
  std::vector<master> masters;
  std::vector<health_view> views = {};
  const master* pinned = nullptr;
  selection_limits limits = {};

  site& is(std::string_view host, health h, int seconds = 0, bool free = false) {
    views.resize(masters.size());
    for (std::size_t i = 0; i < masters.size(); ++i) {
      if (masters[i].host() != host) continue;
      views[i].state = h;
      views[i].trial_is_free = free;
      views[i].until = health_state::time_point{} + 1000h + std::chrono::seconds(seconds);
    }
    return *this;
  }
  std::vector<pick> picks(std::string_view certname, std::uint64_t seed = 1) {
    views.resize(masters.size());
    random chance(seed);
    std::vector<pick> order;
    selection what{.masters = masters, .health = views, .key = {}, .pinned = pinned, .limits = limits};
    if (!certname.empty()) what.key = rendezvous_key(certname);
    what.order(chance, order);
    return order;
  }
  names order(std::string_view certname = "agent1.example.com", std::uint64_t seed = 1) {
    names hosts;
    for (const auto& p : picks(certname, seed)) hosts.push_back(masters[p.index].host());
    return hosts;
  }
  std::map<std::string, pick_reason> reasons(std::string_view certname = "agent1.example.com") {
    std::map<std::string, pick_reason> why;
    for (const auto& p : picks(certname)) why[masters[p.index].host()] = p.why;
    return why;
  }
};

constexpr int fleet = 50000;
std::string node(int i) { return "node" + std::to_string(i) + ".example.com"; }

std::vector<std::string> first_choices(site s) {
  std::vector<std::string> first;
  for (int i = 0; i < fleet; ++i) first.push_back(s.order(node(i)).front());
  return first;
}
std::map<std::string, int> count(const std::vector<std::string>& choices) {
  std::map<std::string, int> load;
  for (const auto& host : choices) ++load[host];
  return load;
}

site five_compilers() {
  return {{srv("c1", 10, 10), srv("c2", 10, 20), srv("c3", 10, 30), srv("c4", 10, 15), srv("c5", 10, 25)}};
}

/// Pearson's statistic of the loads against the weights.
double chi_square(const site& s, const std::map<std::string, int>& load) {
  double sum = 0, total = 0, result = 0;
  for (const auto& m : s.masters) sum += m.weight();
  for (const auto& [host, n] : load) total += n;
  for (const auto& m : s.masters) {
    const double expected = total * m.weight() / sum;
    const double found = load.contains(m.host()) ? load.at(m.host()) : 0;
    EXPECT_NEAR(found, expected, expected / 10) << m.host();
    result += (found - expected) * (found - expected) / expected;
  }
  return result;
}

TEST(SelectionFleet, WeightsHoldOverManyNodes) {
  const auto s = five_compilers();
  EXPECT_LT(chi_square(s, count(first_choices(s))), 18.47);  // 4 degrees of freedom, 99.9 %
}

TEST(SelectionFleet, WeightsOfVeryDifferentSizeHoldToo) {
  const site s{{srv("small", 0, 1), srv("large", 0, 65535), srv("middle", 0, 3000)}};
  const auto load = count(first_choices(s));
  EXPECT_NEAR(load.at("middle"), fleet * 3000.0 / 68536, fleet * 0.005);
  EXPECT_GT(load.at("large"), fleet * 9 / 10);
}

TEST(SelectionFleet, SecondChoicesFollowTheWeightsOfTheOthers) {
  auto s = five_compilers();
  std::map<std::string, int> second;
  int without_c3 = 0;
  for (int i = 0; i < fleet; ++i) {
    const auto order = s.order(node(i));
    if (order[0] != "c3") continue;
    ++without_c3;
    ++second[order[1]];
  }
  std::erase_if(s.masters, [](const master& m) { return m.host() == "c3"; });
  EXPECT_LT(chi_square(s, second), 16.27);  // 3 degrees of freedom, 99.9 %
  EXPECT_GT(without_c3, fleet / 4);
}

TEST(SelectionFleet, RemovingAMasterMovesOnlyItsOwnNodes) {
  auto s = five_compilers();
  const auto before = first_choices(s);
  std::erase_if(s.masters, [](const master& m) { return m.host() == "c3"; });
  const auto after = first_choices(s);
  for (std::size_t i = 0; i < before.size(); ++i) {
    if (before[i] == "c3") continue;
    ASSERT_EQ(before[i], after[i]) << i;
  }
  EXPECT_LT(chi_square(s, count(after)), 16.27);
}

TEST(SelectionFleet, AddingAMasterMovesNodesOnlyToIt) {
  auto s = five_compilers();
  const auto before = first_choices(s);
  s.masters.push_back(srv("c6", 10, 20));
  const auto after = first_choices(s);
  int moved = 0;
  for (std::size_t i = 0; i < before.size(); ++i) {
    if (before[i] == after[i]) continue;
    ++moved;
    ASSERT_EQ(after[i], "c6");
  }
  EXPECT_NEAR(moved, fleet * 20.0 / 120, fleet * 0.01);
}

TEST(SelectionFleet, AHeavierWeightOnlyDrawsNodesIn) {
  auto s = five_compilers();
  const auto before = first_choices(s);
  s.masters[0] = srv("c1", 10, 60);
  const auto after = first_choices(s);
  for (std::size_t i = 0; i < before.size(); ++i)
    if (before[i] != after[i]) ASSERT_EQ(after[i], "c1");
}

TEST(SelectionFleet, SlowStartTakesAShareOfTheWeight) {
  auto s = five_compilers();
  s.views.resize(5);
  s.views[2].share = health_state::full_share / 10;  // c3: 3 instead of 30
  EXPECT_NEAR(count(first_choices(s)).at("c3"), fleet * 3.0 / 73, fleet * 0.005);
}

TEST(SelectionFleet, SlowStartHoldsWhereAllWeightsAreZeroToo) {
  site s{{srv("a", 0, 0), srv("b", 0, 0), srv("other tier", 10, 5)}};
  s.views.resize(3);
  s.views[1].share = health_state::full_share / 4;
  EXPECT_NEAR(count(first_choices(s)).at("b"), fleet * 0.2, fleet * 0.01);
}

TEST(SelectionFleet, EqualWeightsIncludingAllZeroAreEqual) {
  for (const auto weight : {std::uint16_t{0}, std::uint16_t{7}}) {
    site s{{srv("a", 0, weight), srv("b", 0, weight), srv("c", 0, weight), srv("d", 0, weight)}};
    for (const auto& [host, n] : count(first_choices(s))) EXPECT_NEAR(n, fleet * 0.25, fleet * 0.01) << host << weight;
  }
}

TEST(Selection, DependsOnTheSetAndNotOnItsOrder) {
  auto s = five_compilers();
  const auto order = s.order();
  std::ranges::sort(s.masters);
  do EXPECT_EQ(s.order(), order);
  while (std::ranges::next_permutation(s.masters).found);
}

TEST(Selection, WeightZeroComesAfterAllOthersOfItsPriority) {
  site s{{srv("zero", 10, 0), srv("one", 10, 1), srv("heavy", 10, 65535), srv("next", 20, 9)}};
  for (int i = 0; i < 1000; ++i) {
    const auto order = s.order(node(i));
    ASSERT_EQ(order[2], "zero");
    ASSERT_EQ(order[3], "next");
  }
}

TEST(Selection, PrioritiesAreStrict) {
  site s{{srv("c", 30, 9), srv("a", 10, 1), srv("b", 20, 65535)}};
  for (int i = 0; i < 1000; ++i) ASSERT_EQ(s.order(node(i)), (names{"a", "b", "c"}));
}

TEST(Selection, AListIsTriedAsWritten) {
  site s{{master("z", 8140, source_kind::list), master("a", 8140, source_kind::list),
          master("m", 8140, source_kind::list)}};
  for (int i = 0; i < 100; ++i) ASSERT_EQ(s.order(node(i)), (names{"z", "a", "m"}));
  EXPECT_EQ(s.order(""), (names{"z", "a", "m"}));
}

TEST(Selection, WithoutAKeyItIsExactlyTheDrawOfRfc2782) {
  auto s = five_compilers();
  s.masters.push_back(srv("c6", 5, 0));
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    random chance(seed);
    names expected;
    for (const auto& m : srv_order(s.masters, chance)) expected.push_back(m.host());
    ASSERT_EQ(s.order("", seed), expected) << seed;
  }
}

TEST(Selection, HealthDecidesBeforePreference) {
  site s{{srv("up", 10, 1), srv("suspect", 10, 65535), srv("trial", 10, 65535), srv("saturated", 10, 65535),
          srv("draining", 10, 65535), srv("down", 10, 65535)}};
  s.is("suspect", health::suspect).is("trial", health::probation, 0, true).is("saturated", health::saturated);
  s.is("draining", health::draining).is("down", health::down);
  const names expected{"up", "suspect", "trial", "saturated", "draining", "down"};
  for (int i = 0; i < 100; ++i) ASSERT_EQ(s.order(node(i)), expected);
  EXPECT_EQ(s.order(""), expected);
}

TEST(Selection, EveryStateHasItsPlaceWhateverTheWeights) {
  site s{{srv("down", 0, 60000), srv("draining", 0, 50000), srv("saturated", 0, 1), srv("trial", 0, 40000),
          srv("spared", 0, 3000), srv("suspect", 0, 200), srv("healthy", 0, 1)}};
  s.limits.ejection_percent = 0;
  s.is("suspect", health::suspect).is("spared", health::down, 1).is("trial", health::probation, 0, true);
  s.is("saturated", health::saturated, 3600).is("draining", health::draining).is("down", health::down, 2);
  for (int i = 0; i < 100; ++i)
    ASSERT_EQ(s.order(node(i)), (names{"healthy", "suspect", "spared", "trial", "saturated", "draining", "down"}));
}

TEST(Selection, WhatCanWorkOfALaterPriorityComesBeforeWhatCannotOfAnEarlier) {
  site s{{srv("down1", 10, 1), srv("busy1", 10, 1), srv("trial1", 10, 1), srv("up2", 20, 1), srv("suspect2", 20, 1)}};
  s.is("down1", health::down).is("busy1", health::saturated).is("trial1", health::probation, 0, true);
  s.is("suspect2", health::suspect);
  EXPECT_EQ(s.order(), (names{"trial1", "up2", "suspect2", "busy1", "down1"}));
}

TEST(Selection, AMasterWhoseTrialIsTakenWaitsWithThoseThatAreDown) {
  site s{{srv("trying", 10, 1), srv("up", 20, 1)}};
  s.is("trying", health::probation, 0, false);
  EXPECT_EQ(s.order(), (names{"up", "trying"}));
  EXPECT_EQ(s.reasons().at("trying"), down);
}

TEST(Selection, SaturatedOnesInTheOrderOfTheirReturnWhateverTheirPriority) {
  site s{{srv("a", 10, 1), srv("b", 10, 1), srv("c", 20, 1)}};
  s.is("a", health::saturated, 30).is("b", health::saturated, 10).is("c", health::saturated, 20);
  EXPECT_EQ(s.order(), (names{"b", "c", "a"}));
}

TEST(Selection, WhenAllAreDownAllAreTriedInTheOrderTheyWouldHaveAnyway) {
  auto s = five_compilers();
  s.masters.push_back(srv("far", 20, 1));
  const auto healthy = s.order();
  for (const auto& m : s.masters) s.is(m.host(), health::down);
  EXPECT_EQ(s.order(), healthy);
}

TEST(Selection, NobodyIsEverLeftOutOrTwiceIn) {
  random chance(11);
  constexpr health all[] = {health::up,        health::suspect,  health::probation,
                            health::saturated, health::draining, health::down};
  for (int round = 0; round < 3000; ++round) {
    site s;
    const auto size = chance.below(9);
    for (std::uint64_t i = 0; i < size; ++i) {
      s.masters.push_back(srv("m" + std::to_string(i), static_cast<std::uint16_t>(chance.below(3)),
                              static_cast<std::uint16_t>(chance.below(4))));
      s.is(s.masters.back().host(), all[chance.below(6)], static_cast<int>(chance.below(50)), chance.below(2) == 0);
    }
    if (size > 0 && chance.below(2) == 0) s.pinned = &s.masters[chance.below(size)];
    auto order = s.order(chance.below(3) == 0 ? "" : "agent");
    std::ranges::sort(order);
    ASSERT_EQ(order.size(), size);
    ASSERT_TRUE(std::ranges::adjacent_find(order) == order.end());
  }
}

TEST(Selection, ThePinnedMasterComesFirstWhileItWorks) {
  const master far = srv("far", 30, 1);
  for (const auto h : {health::up, health::suspect, health::draining}) {
    site s{{srv("near", 10, 1), srv("nearer", 5, 1), far}};
    s.pinned = &far;
    s.is("far", h);
    EXPECT_EQ(s.order().front(), "far") << name_of(h);
    EXPECT_EQ(s.reasons().at("far"), pinned);
  }
}

TEST(Selection, APinnedMasterThatCannotWorkLosesItsPlace) {
  const master far = srv("far", 30, 1);
  for (const auto h : {health::down, health::saturated, health::probation}) {
    site s{{srv("near", 10, 1), srv("nearer", 5, 1), far}};
    s.pinned = &far;
    s.is("far", h, 0, true);
    EXPECT_EQ(s.order(), (names{"nearer", "near", "far"})) << name_of(h);
  }
}

TEST(Selection, APinnedMasterOfAnotherSourceChangesNothing) {
  auto s = five_compilers();
  const auto before = s.order();
  const master elsewhere = srv("elsewhere", 0, 1);
  s.pinned = &elsewhere;
  EXPECT_EQ(s.order(), before);
}

TEST(SelectionEjection, AtMostHalfOfAPriorityIsLeftOutWhileOneOfItWorks) {
  site s{{srv("a", 10, 1), srv("b", 10, 1), srv("c", 10, 1), srv("d", 10, 1), srv("far", 20, 1)}};
  s.is("b", health::down, 30).is("c", health::down, 10).is("d", health::down, 20);
  const auto why = s.reasons();
  EXPECT_EQ(why.at("a"), healthy);
  EXPECT_EQ(why.at("c"), spared) << "whose time is over first";
  EXPECT_EQ(why.at("d"), down);
  EXPECT_EQ(why.at("b"), down);
  EXPECT_EQ(s.order()[0], "a");
  EXPECT_EQ(s.order()[1], "c");
  EXPECT_EQ(s.order()[2], "far");
}

TEST(SelectionEjection, CountsThoseOfItsPriorityWhereverTheyStand) {
  site s{
      {srv("far", 20, 1), srv("a", 10, 1), srv("farther", 30, 1), srv("b", 10, 1), srv("c", 10, 1), srv("d", 10, 1)}};
  s.is("b", health::down, 30).is("c", health::down, 10).is("d", health::down, 20);
  const auto why = s.reasons();
  EXPECT_EQ(why.at("c"), spared);
  EXPECT_EQ(why.at("d"), down);
  EXPECT_EQ(why.at("b"), down);
}

TEST(SelectionEjection, WhenNoneOfItWorksTheNextPriorityIsNext) {
  site s{{srv("a", 10, 1), srv("b", 10, 1), srv("c", 10, 1), srv("far", 20, 1)}};
  s.is("a", health::down).is("b", health::down).is("c", health::down);
  EXPECT_EQ(s.order().front(), "far");
}

TEST(SelectionEjection, OneMayAlwaysBeLeftOut) {
  site s{{srv("a", 10, 1), srv("b", 10, 1)}};
  s.limits.ejection_percent = 0;
  s.is("b", health::down);
  EXPECT_EQ(s.reasons().at("b"), down);
  s.masters.push_back(srv("c", 10, 1));
  s.is("c", health::down, 10);
  EXPECT_EQ(s.reasons().at("b"), spared) << "but no second one";
  EXPECT_EQ(s.reasons().at("c"), down);
}

TEST(SelectionEjection, AllWhoseTimeIsNearestAreSpared) {
  site s{{srv("a", 10, 1), srv("b", 10, 1), srv("c", 10, 1), srv("d", 10, 1), srv("e", 10, 1)}};
  s.is("b", health::down, 40).is("c", health::down, 10).is("d", health::down, 20).is("e", health::down, 30);
  const auto why = s.reasons();
  EXPECT_EQ(why.at("c"), spared);
  EXPECT_EQ(why.at("d"), spared);
  EXPECT_EQ(why.at("e"), down);
  EXPECT_EQ(why.at("b"), down);
}

TEST(SelectionDuplicates, WeightsOfOneMasterAddUp) {
  const site s{{srv("a", 0, 10), srv("b", 0, 20), srv("a", 0, 20)}};
  EXPECT_NEAR(count(first_choices(s)).at("a"), fleet * 0.6, fleet * 0.01);
}

TEST(SelectionDuplicates, EqualRecordsAreOne) {
  const site s{{srv("a", 0, 10), srv("a", 0, 10), srv("b", 0, 10), srv("a", 0, 10)}};
  EXPECT_NEAR(count(first_choices(s)).at("a"), fleet * 0.5, fleet * 0.01);
}

TEST(SelectionDuplicates, WeightsOfAnotherPriorityDoNotAddUp) {
  for (const auto& records : {std::vector{srv("a", 0, 10), srv("b", 0, 10), srv("a", 5, 60000)},
                              std::vector{srv("a", 5, 60000), srv("a", 0, 10), srv("b", 0, 10)}})
    EXPECT_NEAR(count(first_choices({records})).at("a"), fleet * 0.5, fleet * 0.01);
}

TEST(SelectionDuplicates, TheLowestPriorityCounts) {
  site s{{srv("a", 20, 1), srv("b", 10, 1), srv("a", 0, 1)}};
  EXPECT_EQ(s.order(), (names{"a", "b"}));
  site list{{master("a", 8140, source_kind::list), master("b", 8140, source_kind::list),
             master("a", 8140, source_kind::list)}};
  EXPECT_EQ(list.order(), (names{"a", "b"}));
}

TEST(Selection, EveryReasonHasAText) {
  for (const auto why : {pinned, healthy, suspect, spared, trial, saturated, draining, down})
    EXPECT_FALSE(text_of(why).empty());
}

TEST(Selection, NoMastersNoOrder) { EXPECT_TRUE(site{}.order().empty()); }

}  // namespace
}  // namespace bunraku::policy
