#include <bunraku/plan.hpp>

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace bunraku {
namespace {

const master a{"a.example.com", 8140, source_kind::list}, b{"b.example.com", 8140, source_kind::list};
const master c{"c.example.com", 8140, source_kind::list}, d{"d.example.com", 8140, source_kind::list};

plan plan_of(const std::vector<master>& masters) {
  plan made(service::catalog);
  made.append(masters);
  return made;
}
std::string left_of(const plan& p) {
  std::string out;
  for (std::size_t i = 0; i != p.left(); ++i) out += p.left_at(i).host().substr(0, 1);
  return out;
}

TEST(Plan, GivesEachMasterOnce) {
  auto p = plan_of({a, b, a});
  EXPECT_EQ(left_of(p), "ab");
  EXPECT_EQ(p.take_front(), a);
  ASSERT_NE(p.front(), nullptr);
  EXPECT_EQ(*p.front(), b);
  p.append({b, a, c});
  EXPECT_EQ(left_of(p), "bc") << "neither one that was tried comes again, nor one that will be";
  p.take_front();
  p.take_front();
  EXPECT_EQ(p.front(), nullptr);
  EXPECT_EQ(p.left(), 0U);
}

TEST(Plan, AnotherPortIsAnotherMaster) {
  EXPECT_EQ(plan_of({a, master("a.example.com", 8141, source_kind::list)}).left(), 2U);
  EXPECT_EQ(plan_of({a, master("a.example.com", 8140, source_kind::srv, 10, 5)}).left(), 1U);
}

TEST(Plan, TheFirstOfThoseLeftMayComeLast) {
  auto p = plan_of({a, b, c, d});
  p.take_front();
  p.put_last(2);
  EXPECT_EQ(left_of(p), "dbc");
  p.put_last(0);
  EXPECT_EQ(left_of(p), "dbc");
}

TEST(Plan, OneThatOnlyLostARaceComesAgainAfterAllOthers) {
  auto p = plan_of({a, b});
  p.give_back(p.take_front());
  EXPECT_EQ(left_of(p), "ba");
}

TEST(Plan, OneWhoseIdleConnectionWasDeadComesAgainAtOnce) {
  auto p = plan_of({a, b, c});
  p.retry(p.take_front());
  EXPECT_EQ(left_of(p), "abc");
}

TEST(Plan, OneThatWasNotTriedMayComeNextAndComesOnce) {
  auto p = plan_of({a, b, c});
  p.take_front();
  p.put_next(c);
  EXPECT_EQ(left_of(p), "cb");
  p.put_next(d);
  EXPECT_EQ(left_of(p), "dcb") << "of a source that was not asked yet";
  p.append({d});
  EXPECT_EQ(left_of(p), "dcb");
}

TEST(Plan, WhatBelongsToOneMasterGoesNowhereElse) {
  auto p = plan_of({a, b, c});
  p.count_source(0);
  p.take_front();
  p.narrow_to(a);
  EXPECT_EQ(left_of(p), "a");
  EXPECT_GT(p.sources_asked(1), 1000U) << "no further source is asked";
  p.take_front();
  EXPECT_EQ(p.front(), nullptr);
}

}  // namespace
}  // namespace bunraku
