#include "cli/print_resolution.hpp"

#include <gtest/gtest.h>

using namespace shim::cli;
using bunraku::master;
using bunraku::source_kind;

namespace {

bunraku::resolution said(std::vector<master> masters) {
  bunraku::resolution made;
  auto& answer = made.answers.emplace_back();
  answer.asked = "_x-puppet._tcp.test";
  answer.state = bunraku::source_answer::status::answered;
  answer.masters = std::move(masters);
  return made;
}

master srv(const char* host, std::uint16_t priority, std::uint16_t weight) {
  return {host, 8140, source_kind::srv, priority, weight};
}

TEST(ResolutionText, AMasterStandsWhereItsLowestPriorityPutsItWithAllOfItsWeightThere) {
  const auto all = said({srv("one", 20, 3), srv("one", 10, 5), srv("two", 10, 8), srv("one", 10, 7)});
  EXPECT_EQ(reason_of(all, srv("one", 10, 5)), "SRV priority 10, weight 12 of 20");
  EXPECT_EQ(reason_of(all, srv("two", 10, 8)), "SRV priority 10, weight 8 of 20");
}

TEST(ResolutionText, AMasterThatIsAloneInItsPriorityNeedsNoWeight) {
  const auto all = said({srv("one", 10, 5), srv("one", 10, 7), srv("two", 20, 0), srv("three", 20, 0)});
  EXPECT_EQ(reason_of(all, srv("one", 10, 5)), "SRV priority 10");
  EXPECT_EQ(reason_of(all, srv("two", 20, 0)), "SRV priority 20, all weights 0");
}

}  // namespace
