#include "forward/upstream_pool.hpp"

#include <bunraku/local.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/connect_pair.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/write.hpp>
#include <gtest/gtest.h>

#include <chrono>
#include <list>
#include <string>

namespace shim::forward {
namespace {

namespace net = boost::asio;
using namespace std::chrono_literals;

const bunraku::master a{"a.example.com", 8140, bunraku::source_kind::list};
const bunraku::master b{"b.example.com", 8140, bunraku::source_kind::list};

struct UpstreamPool : testing::Test {
  /// A connection whose peer is called `name`, put back.
  net::local::stream_protocol::socket& put(const bunraku::master& to, const std::string& name) {
    return put(to, name, pool.era());
  }
  net::local::stream_protocol::socket& put(const bunraku::master& to, const std::string& name, std::uint64_t era) {
    net::local::stream_protocol::socket mine(context);
    net::local::connect_pair(peers.emplace_back(context), mine);
    pool.put(to, bunraku::plain_connection(std::move(mine), name), era);
    return peers.back();
  }
  std::string taken(const bunraku::master& to) {
    const auto got = pool.take(to, upstream_pool::clock::now());
    return got ? got->peer() : "none";
  }
  static bool is_closed(net::local::stream_protocol::socket& peer) {
    char byte;
    boost::system::error_code error;
    peer.non_blocking(true);
    peer.read_some(net::buffer(&byte, 1), error);
    return error == net::error::eof;
  }
  void run_until_empty() {
    for (const auto end = upstream_pool::clock::now() + 1min; pool.size() != 0 && upstream_pool::clock::now() < end;) {
      context.restart();
      context.run_for(1ms);
    }
  }

  net::io_context context;
  std::list<net::local::stream_protocol::socket> peers;
  upstream_pool pool{context.get_executor(), 1h, 3};
};

TEST_F(UpstreamPool, GivesTheOneThatWasUsedLastAndEachOnce) {
  put(a, "first");
  put(b, "other");
  put(a, "second");
  EXPECT_EQ(taken(a), "second");
  EXPECT_EQ(taken(a), "first");
  EXPECT_EQ(taken(a), "none");
  EXPECT_EQ(taken(b), "other");
}

TEST_F(UpstreamPool, PassesOverOneThatItsMasterEndedOrSpokeOn) {
  put(a, "good");
  net::write(put(a, "spoke"), net::buffer("x", 1));
  put(a, "ended").close();
  EXPECT_EQ(taken(a), "good");
  EXPECT_EQ(pool.size(), 0U) << "the others are gone";
}

TEST_F(UpstreamPool, HoldsNoMoreThanItsLimitAndForgetsTheOldest) {
  auto& oldest = put(a, "1");
  put(a, "2");
  put(a, "3");
  put(b, "4");
  EXPECT_EQ(pool.size(), 3U);
  EXPECT_TRUE(is_closed(oldest));
  EXPECT_EQ(taken(b), "4");
  pool.set_limits(1h, 0);
  EXPECT_TRUE(is_closed(put(a, "5")));
}

TEST_F(UpstreamPool, OfAnotherIdentityNothingIsUsedAgain) {
  auto& idle = put(a, "idle");
  const auto before = pool.era();
  pool.clear();
  EXPECT_TRUE(is_closed(idle));
  EXPECT_EQ(taken(a), "none");
  EXPECT_TRUE(is_closed(put(a, "in use meanwhile", before)));
  EXPECT_EQ(taken(a), "none");
  put(a, "made anew");
  EXPECT_EQ(taken(a), "made anew");
}

TEST_F(UpstreamPool, OfAMasterThatHangsAllAreDropped) {
  auto& one = put(a, "1");
  put(b, "2");
  auto& three = put(a, "3");
  pool.drop(a);
  EXPECT_TRUE(is_closed(one));
  EXPECT_TRUE(is_closed(three));
  EXPECT_EQ(taken(b), "2");
}

TEST_F(UpstreamPool, WhatWasIdleForTooLongIsNotGiven) {
  put(a, "1");
  pool.set_limits(-1ms, 3);
  EXPECT_EQ(taken(a), "none");
}

TEST_F(UpstreamPool, EndsWhatIsIdleForTooLongAndSaysWhenNothingIsLeft) {
  int idle = 0;
  pool.when_idle([&] { ++idle; });
  pool.set_limits(20ms, 3);
  auto& one = put(a, "1");
  auto& two = put(b, "2");
  run_until_empty();
  EXPECT_TRUE(is_closed(one));
  EXPECT_TRUE(is_closed(two));
  EXPECT_EQ(idle, 1);
  put(a, "3");
  run_until_empty();
  EXPECT_EQ(idle, 2) << "its timer runs again";
}

TEST_F(UpstreamPool, NoTimerRunsAfterAllWasEndedAndOneDoesForWhatComesLater) {
  put(a, "1");
  pool.clear();
  context.run();  // returns at once
  pool.set_limits(20ms, 3);
  auto& later = put(a, "2");
  run_until_empty();
  EXPECT_TRUE(is_closed(later));
}

}  // namespace
}  // namespace shim::forward
