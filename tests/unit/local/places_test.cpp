#include "local/places.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

namespace {

using shim::local::places;

struct room : places {
  explicit room(std::size_t count) { most = count; }
  std::unique_ptr<place> enter() { return make_room() ? std::make_unique<place>(*this) : nullptr; }
  std::unique_ptr<place> enter_as(client who) {
    auto one = enter();
    return one && one->belongs_to(who) ? std::move(one) : nullptr;
  }
};

TEST(Places, NodesOwnMayHaveAll) {
  room of(4);
  std::vector<std::unique_ptr<places::place>> in;
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(in.emplace_back(of.enter()));
  EXPECT_FALSE(of.enter());
  in.pop_back();
  EXPECT_TRUE(of.enter());
}

TEST(Places, OneThatWaitsGivesWayAndTheOldestFirst) {
  room of(2);
  std::vector<int> gave_up;
  const auto first = of.enter(), second = of.enter();
  first->wait([&] { gave_up.push_back(1); });
  second->wait([&] { gave_up.push_back(2); });
  const auto third = of.enter();
  EXPECT_TRUE(third);
  EXPECT_EQ(gave_up, std::vector{1});
  EXPECT_TRUE(first->lost());
  EXPECT_EQ(of.taken(), 2U);
  second->settle();
  EXPECT_FALSE(of.enter());
  EXPECT_EQ(gave_up, std::vector{1});
}

TEST(Places, OneThatGaveWayIsNotCountedTwice) {
  room of(1);
  auto first = of.enter();
  first->wait([] {});
  const auto second = of.enter();
  ASSERT_TRUE(second);
  first.reset();
  EXPECT_EQ(of.taken(), 1U);
  EXPECT_FALSE(of.enter());
}

TEST(Places, OneThatLeftIsNotToldToGiveWay) {
  room of(1);
  bool told = false;
  {
    const auto first = of.enter();
    first->wait([&] { told = true; });
  }
  EXPECT_TRUE(of.enter());
  EXPECT_FALSE(told);
}

TEST(Places, AClientHasAtMostHalf) {
  room of(8);
  std::vector<std::unique_ptr<places::place>> in;
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(in.emplace_back(of.enter_as(places::user(0))));
  EXPECT_FALSE(of.enter_as(places::user(0)));
  EXPECT_EQ(of.taken(), 4U);
  in.pop_back();
  EXPECT_TRUE(of.enter_as(places::user(0)));
}

TEST(Places, AllClientsTogetherLeaveAQuarter) {
  room of(8);
  std::vector<std::unique_ptr<places::place>> in;
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(in.emplace_back(of.enter_as(places::tunnels)));
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(in.emplace_back(of.enter_as(places::user(1))));
  EXPECT_FALSE(of.enter_as(places::user(1)));
  EXPECT_FALSE(of.enter_as(places::user(2)));
  ASSERT_TRUE(in.emplace_back(of.enter()));
  ASSERT_TRUE(in.emplace_back(of.enter()));
  EXPECT_FALSE(of.enter());
}

TEST(Places, AReleaseGivesBackAllThatItHeld) {
  room of(4);
  const auto one = of.enter_as(places::tunnels);
  one->release();
  EXPECT_EQ(of.taken(), 0U);
  const auto two = of.enter_as(places::tunnels), three = of.enter_as(places::tunnels);
  EXPECT_TRUE(two);
  EXPECT_TRUE(three);
}

}  // namespace
