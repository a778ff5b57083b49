#include "engine/handshake_turns.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include <list>
#include <utility>

namespace bunraku::engine {
namespace {
namespace net = boost::asio;
using namespace std::chrono_literals;

class HandshakeTurns : public testing::Test {
 protected:
  /// One who wants a connection.
  struct caller {
    explicit caller(net::io_context& io) : wake(io) {}
    net::steady_timer wake;
    bool over = false;
    handshake_turns::turn turn;
    bool leads() const { return over && turn.leads(); }
    bool follows() const { return over && !turn.leads(); }
  };
  caller& comes(std::chrono::milliseconds limit = 60s, const std::string& master = "one:8140") {
    auto& c = callers_.emplace_back(io_);
    net::co_spawn(io_, handshake_turns::wait(turns_, master, c.wake, limit),
                  [&c](const std::exception_ptr&, handshake_turns::turn t) {
                    c.turn = std::move(t);
                    c.over = true;
                  });
    settle();
    return c;
  }
  /// All that is ready, without any timer's time coming.
  void settle() {
    io_.restart();
    while (io_.poll() != 0) {
    }
  }
  void run_until(const bool& over) {
    io_.restart();
    while (!over && io_.run_one_for(60s) != 0) {
    }
    ASSERT_TRUE(over);
  }

  net::io_context io_{1};
  std::shared_ptr<handshake_turns> turns_ = std::make_shared<handshake_turns>();
  std::list<caller> callers_;
};

TEST_F(HandshakeTurns, TheFirstLeadsAndTheOthersWaitForItsSession) {
  auto& first = comes();
  auto& second = comes();
  auto& third = comes();
  EXPECT_TRUE(first.leads());
  EXPECT_FALSE(second.over || third.over);
  first.turn.succeeded();
  settle();
  EXPECT_FALSE(second.over || third.over) << "the session is still on its way";
  turns_->session_came("one:8140");
  settle();
  EXPECT_TRUE(second.follows() && third.follows());
}

TEST_F(HandshakeTurns, ASessionMayComeBeforeTheHandshakesEnd) {
  auto& first = comes();
  auto& second = comes();
  turns_->session_came("one:8140");
  settle();
  EXPECT_TRUE(second.follows());
  first.turn.succeeded();
  EXPECT_TRUE(comes().leads()) << "its session was of no use to this one";
}

TEST_F(HandshakeTurns, MastersHaveNothingToDoWithEachOther) {
  EXPECT_TRUE(comes().leads());
  EXPECT_TRUE(comes(60s, "two:8140").leads());
}

TEST_F(HandshakeTurns, WhenTheLeaderFailsTheNextOneLeadsAndTheOthersWaitForThat) {
  auto& first = comes();
  auto& second = comes();
  auto& third = comes();
  first.turn = {};
  settle();
  EXPECT_TRUE(second.leads());
  EXPECT_FALSE(third.over);
  turns_->session_came("one:8140");
  settle();
  EXPECT_TRUE(third.follows());
}

TEST_F(HandshakeTurns, AMasterThatGivesNoSessionIsWaitedForOnce) {
  auto& first = comes();
  auto& second = comes();
  first.turn.succeeded();
  run_until(second.over);
  EXPECT_TRUE(second.follows());
  EXPECT_TRUE(comes().follows());
  EXPECT_TRUE(comes().follows());
  turns_->session_came("one:8140");
  EXPECT_TRUE(comes().leads());
}

TEST_F(HandshakeTurns, NobodyWaitsForLongerThanTheLimit) {
  auto& first = comes();
  auto& second = comes(1ms);
  run_until(second.over);
  EXPECT_TRUE(first.leads() && second.follows());
  EXPECT_FALSE(comes().over) << "the leader may still bring one";
}

TEST_F(HandshakeTurns, WhoCancelsWaitsNoLonger) {
  auto& first = comes();
  auto& second = comes();
  second.wake.cancel();
  settle();
  EXPECT_TRUE(first.leads() && second.follows());
}

TEST_F(HandshakeTurns, ThereMayBeManyMasters) {
  for (int i = 0; i < 64; ++i) EXPECT_TRUE(comes(60s, "m" + std::to_string(i) + ":8140").leads());
  EXPECT_TRUE(comes(60s, "further:8140").follows());
  EXPECT_TRUE(comes(60s, "further:8140").follows());
  callers_.front().turn = {};
  EXPECT_TRUE(comes(60s, "further:8140").leads());
}

}  // namespace
}  // namespace bunraku::engine
