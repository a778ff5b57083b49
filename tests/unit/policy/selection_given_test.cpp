// What scores that somebody else gives may change in the order, and what not.
#include "policy/rendezvous.hpp"
#include "policy/selection.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <string>
#include <vector>

namespace bunraku::policy {
namespace {

using ::testing::ElementsAre;

struct site {
  std::vector<master> masters;
  std::vector<std::int64_t> given = {};
  std::vector<health_view> views = {};
  const master* pinned = nullptr;
  bool exchangeable = true;

  std::vector<std::string> order() {
    views.resize(masters.size());
    random chance(1);
    std::vector<pick> picks;
    const selection what{.masters = masters,
                         .health = views,
                         .key = rendezvous_key("agent1.example.com"),
                         .pinned = pinned,
                         .exchangeable = exchangeable,
                         .given = given};
    what.order(chance, picks);
    std::vector<std::string> hosts;
    for (const auto& p : picks) hosts.push_back(masters[p.index].host());
    return hosts;
  }
};

master srv(const char* host, std::uint16_t priority) { return {host, 8140, source_kind::srv, priority, 10}; }
master listed(const char* host) { return {host, 8140, source_kind::list}; }

TEST(SelectionGiven, EqualsComeInTheOrderOfTheirScores) {
  site s{.masters = {srv("a", 10), srv("b", 10), srv("c", 10)}, .given = {3, 1, 2}};
  EXPECT_THAT(s.order(), ElementsAre("b", "c", "a"));
}

TEST(SelectionGiven, NoScoreLiftsAMasterAboveItsPriority) {
  site s{.masters = {srv("a", 10), srv("b", 20)}, .given = {1000, -1000}};
  EXPECT_THAT(s.order(), ElementsAre("a", "b"));
}

TEST(SelectionGiven, NorAboveAHealthierOne) {
  site s{.masters = {srv("a", 10), srv("b", 10), srv("c", 10)}, .given = {3, -1000, 2}};
  s.views.resize(3);
  s.views[1].state = health::suspect;
  EXPECT_THAT(s.order(), ElementsAre("c", "a", "b"));
}

TEST(SelectionGiven, DecidesAmongSuspectsAndTrialsToo) {
  for (const auto state : {health::suspect, health::probation}) {
    site s{.masters = {srv("a", 10), srv("b", 10), srv("c", 10)}, .given = {3, 1, 2}};
    s.views.resize(3);
    for (auto& view : s.views) view = {.state = state, .trial_is_free = true, .until = {}};
    EXPECT_THAT(s.order(), ElementsAre("b", "c", "a"));
  }
}

TEST(SelectionGiven, DecidesAmongThoseThatAreSparedToo) {
  site s{.masters = {srv("up", 10), srv("a", 10), srv("b", 10), srv("c", 10), srv("d", 10)}, .given = {0, 2, 1, 0, 0}};
  s.views.resize(5);
  for (int i = 1; i < 5; ++i)
    s.views[static_cast<std::size_t>(i)] = {.state = health::down,
                                            .until = health_state::time_point{} + std::chrono::seconds(i)};
  const auto order = s.order();
  EXPECT_THAT(std::vector(order.begin(), order.begin() + 3), ElementsAre("up", "b", "a"));
}

TEST(SelectionGiven, TheRunsMasterStaysFirst) {
  site s{.masters = {srv("a", 10), srv("b", 10)}, .given = {1000, -1000}};
  s.pinned = &s.masters[0];
  EXPECT_THAT(s.order(), ElementsAre("a", "b"));
}

TEST(SelectionGiven, MastersThatAreDownOrBusyKeepTheirOwnOrder) {
  site s{.masters = {srv("a", 10), srv("b", 10), srv("c", 10)}, .given = {0, -5, -9}};
  s.views.resize(3);
  for (const int i : {1, 2}) s.views[static_cast<std::size_t>(i)].state = health::saturated;
  s.views[1].until = health_state::time_point{} + std::chrono::seconds(1);
  s.views[2].until = health_state::time_point{} + std::chrono::seconds(2);
  EXPECT_THAT(s.order(), ElementsAre("a", "b", "c"));
}

TEST(SelectionGiven, AListsEntriesAreEqualsOnlyForAPolicyAndAsWrittenWithoutItsOpinion) {
  site s{.masters = {listed("m"), listed("z"), listed("a")}};
  EXPECT_THAT(s.order(), ElementsAre("m", "z", "a"));
  s.masters = {listed("z"), listed("a"), listed("m")};
  EXPECT_THAT(s.order(), ElementsAre("z", "a", "m"));
  s.given = {2, 1, 1};
  EXPECT_THAT(s.order(), ElementsAre("a", "m", "z"));
  s.exchangeable = false;
  s.given.clear();
  EXPECT_THAT(s.order(), ElementsAre("z", "a", "m"));
}

TEST(SelectionGiven, WhoAreEqualToThePolicyTooComeInTheOrderOfThisNode) {
  site s{.masters = {srv("a", 10), srv("b", 10), srv("c", 10), srv("d", 10), srv("e", 10)}, .exchangeable = false};
  const auto order = s.order();
  s.exchangeable = true;
  EXPECT_EQ(s.order(), order);
  std::ranges::reverse(s.masters);
  EXPECT_EQ(s.order(), order);
}

TEST(SelectionGiven, MastersOfAPluginHavePrioritiesAsThoseOfDns) {
  const auto of = [](const char* host, std::uint16_t priority) {
    return master(host, 8140, source_kind::plugin, priority, 10);
  };
  site s{.masters = {of("late", 20), of("early", 10)}};
  EXPECT_THAT(s.order(), ElementsAre("early", "late"));
}

}  // namespace
}  // namespace bunraku::policy
