#include "policy/srv_order.hpp"

#include "support/srv_frequencies.hpp"

#include <bunraku/resolution.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <set>

namespace bunraku::policy {
namespace {

master srv(std::string host, std::uint16_t priority, std::uint16_t weight, std::uint16_t port = 8140) {
  return {std::move(host), port, source_kind::srv, priority, weight};
}
std::vector<std::string> hosts(const std::vector<master>& order) {
  std::vector<std::string> names;
  for (const auto& m : order) names.push_back(m.host());
  return names;
}
std::vector<master> order(const std::vector<master>& records, std::uint64_t seed) {
  random chance(seed);
  return srv_order(records, chance);
}

using test::expect_within_bound, test::next_by_rfc, test::second_by_rfc;

TEST(SrvOrder, FrequenciesOverThreePrioritiesAreRfc2782sWithinThe99PercentBound) {
  const std::vector<std::vector<master>> tiers{
      {srv("a0", 0, 0), srv("a1", 0, 1), srv("a2", 0, 2), srv("a5", 0, 5)},
      {srv("b0", 10, 0), srv("b00", 10, 0), srv("b3", 10, 3)},
      {srv("c1", 65535, 1), srv("c11", 65535, 1), srv("c7", 65535, 7)},
  };
  std::vector<master> all;
  for (const auto& tier : tiers) all.insert(all.end(), tier.begin(), tier.end());

  constexpr unsigned draws = 10000;
  std::vector<std::map<std::string, unsigned>> at(all.size());
  for (unsigned seed = 0; seed < draws; ++seed) {
    const auto drawn = order(all, seed);
    ASSERT_EQ(drawn.size(), all.size());
    for (std::size_t i = 0; i < drawn.size(); ++i) ++at[i][drawn[i].host()];
  }
  for (std::size_t tier = 0, place = 0; tier < tiers.size(); place += tiers[tier++].size()) {
    const auto name = "priority " + std::to_string(tiers[tier][0].priority());
    expect_within_bound(at[place], next_by_rfc(tiers[tier]), draws, name + ", first");
    expect_within_bound(at[place + 1], second_by_rfc(tiers[tier]), draws, name + ", second");
  }
}

TEST(SrvOrder, TheDistributionOfTheTestIsTheOneThatTheHeaderStates) {
  const auto mixed = next_by_rfc({srv("z", 0, 0), srv("y", 0, 0), srv("w", 0, 4)});
  EXPECT_NEAR(mixed.at("z"), 0.1, 1e-9);
  EXPECT_NEAR(mixed.at("y"), 0.1, 1e-9);
  EXPECT_NEAR(mixed.at("w"), 0.8, 1e-9);
  const auto plain = next_by_rfc({srv("v", 0, 1), srv("w", 0, 3)});
  EXPECT_NEAR(plain.at("v"), 1.5 / 5, 1e-9);
  EXPECT_NEAR(plain.at("w"), 3.5 / 5, 1e-9);
}

TEST(SrvOrder, LowerPriorityNumbersComeFirstWhateverTheWeights) {
  for (std::uint64_t seed = 0; seed < 100; ++seed)
    EXPECT_EQ(hosts(order({srv("c", 65535, 65535), srv("b", 1, 100), srv("a", 0, 0)}, seed)),
              (std::vector<std::string>{"a", "b", "c"}));
}

TEST(SrvOrder, ZeroWeightIsStillChosenSometimes) {
  unsigned first = 0;
  for (std::uint64_t seed = 0; seed < 2000; ++seed)
    first += order({srv("zero", 0, 0), srv("nine", 0, 9)}, seed)[0].host() == "zero";
  EXPECT_GT(first, 120u);  // 1 in 10 is due
  EXPECT_LT(first, 300u);
}

TEST(SrvOrder, FullWeightsDoNotOverflow) {
  std::vector<master> records;
  for (int i = 0; i < 256; ++i) records.push_back(srv("m" + std::to_string(i), 0, 65535));
  unsigned low = 0;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const auto drawn = order(records, seed);
    ASSERT_EQ(drawn.size(), 256u);
    low += std::stoi(drawn[0].host().substr(1)) < 128;
  }
  EXPECT_GT(low, 60u);
  EXPECT_LT(low, 140u);
}

TEST(SrvOrder, SameSeedAndSetGiveTheSameOrderHoweverTheAnswerWasRotated) {
  std::vector<master> records{srv("a", 0, 1), srv("b", 0, 2), srv("c", 0, 3), srv("d", 0, 0)};
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    const auto before = order(records, seed);
    std::ranges::rotate(records, records.begin() + 1);
    EXPECT_EQ(order(records, seed), before);
  }
}

TEST(SrvOrder, TheNumbersOfASeedAreTheSameOnEveryMachine) {
  EXPECT_EQ(hosts(order({srv("a", 0, 1), srv("b", 0, 2), srv("c", 0, 3), srv("d", 0, 0), srv("e", 1, 0)}, 42)),
            (std::vector<std::string>{"c", "a", "b", "d", "e"}));
}

TEST(SrvOrder, EqualRecordsAreOne) {
  EXPECT_EQ(order({srv("a", 0, 1), srv("a", 0, 1)}, 1).size(), 1u);
  unsigned first = 0;
  for (std::uint64_t seed = 0; seed < 2000; ++seed)
    first += order({srv("a", 0, 4), srv("a", 0, 4), srv("b", 0, 4)}, seed)[0].host() == "a";
  EXPECT_NEAR(first, 1000, 120);
}

TEST(SrvOrder, SameMasterWithOtherWeightsDrawsTwiceAndAppearsOnce) {
  unsigned first = 0;
  for (std::uint64_t seed = 0; seed < 2000; ++seed) {
    const auto drawn = order({srv("a", 0, 40), srv("a", 0, 20), srv("b", 0, 20), srv("a", 5, 1)}, seed);
    ASSERT_EQ(drawn.size(), 2u);
    first += drawn[0].host() == "a";
  }
  EXPECT_NEAR(first, 1500, 120);
}

TEST(SrvOrder, OtherPortIsAnotherMaster) { EXPECT_EQ(order({srv("a", 0, 1), srv("a", 0, 1, 8141)}, 1).size(), 2u); }

TEST(SrvOrder, NothingGivesNothing) { EXPECT_TRUE(order({}, 1).empty()); }

TEST(OrderOf, SourcesFollowEachOtherAndAMasterStandsOnce) {
  resolution from;
  source_answer dns;
  dns.state = source_answer::status::answered;
  dns.masters = {srv("b", 2, 1), srv("a", 1, 1)};
  source_answer list;
  list.kind = source_kind::list;
  list.state = source_answer::status::answered;
  list.masters = {{"z", 8140, source_kind::list}, {"a", 8140, source_kind::list}, {"c", 8140, source_kind::list}};
  from.answers = {dns, list};
  EXPECT_EQ(hosts(order_of(from, "agent1.example.com")), (std::vector<std::string>{"a", "b", "z", "c"}));
}

TEST(OrderOf, ANodeKeepsItsPreferenceAndWithoutANameTheDrawDecides) {
  resolution from;
  source_answer dns;
  dns.state = source_answer::status::answered;
  dns.masters = {srv("a", 0, 10), srv("b", 0, 10), srv("c", 0, 10)};
  from.answers = {dns};
  std::set<std::string> preferred;
  for (int i = 0; i < 50; ++i) {
    const auto node = "agent" + std::to_string(i) + ".example.com";
    const auto order = hosts(order_of(from, node));
    auto turned = from;
    std::ranges::reverse(turned.answers[0].masters);
    EXPECT_EQ(hosts(order_of(turned, node)), order) << "the order of the records in the answer is no preference";
    preferred.insert(order.front());
  }
  EXPECT_EQ(preferred.size(), 3u);
  for (std::uint64_t seed = 0; seed < 50; ++seed)
    EXPECT_EQ(hosts(order_by_draw(from, seed)), hosts(order(dns.masters, seed)));
}

TEST(OrderOf, AbsentEndsTheChainAndFailedDoesNot) {
  source_answer first, list;
  list.kind = source_kind::list;
  list.state = source_answer::status::answered;
  list.masters = {{"z", 8140, source_kind::list}};
  resolution from;
  from.answers = {first, list};
  from.answers[0].state = source_answer::status::failed;
  EXPECT_EQ(order_of(from, "agent1.example.com").size(), 1u);
  from.answers[0].state = source_answer::status::absent;
  EXPECT_TRUE(order_of(from, "agent1.example.com").empty());
}

}  // namespace
}  // namespace bunraku::policy
