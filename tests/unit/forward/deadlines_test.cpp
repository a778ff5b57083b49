#include "forward/deadlines.hpp"

#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <memory>

namespace shim::forward {
namespace {

using namespace std::chrono_literals;

deadlines::clock::time_point from_now(std::chrono::milliseconds time) { return deadlines::clock::now() + time; }

struct Deadlines : testing::Test {
  /// Lets the loop run until `done`, or for a minute.
  template <class Done>
  void run_until(Done done) {
    const auto end = deadlines::clock::now() + 1min;
    while (!done() && deadlines::clock::now() < end) {
      context.restart();
      context.run_for(1ms);
    }
  }
  boost::asio::io_context context;
  bunraku::connection nobody;
  deadlines all{context.get_executor()};
  deadline first{all, nobody}, second{all, nobody};
};

TEST_F(Deadlines, PassAndSaySo) {
  first.set(from_now(1ms));
  second.set(from_now(1h));
  EXPECT_FALSE(first.expired());
  run_until([&] { return first.expired(); });
  EXPECT_TRUE(first.expired());
  EXPECT_FALSE(second.expired());
}

TEST_F(Deadlines, AreNotPutOffByOthersThatAreSetAllTheTime) {
  first.set(from_now(20ms));
  run_until([&] {
    second.set(from_now(20ms));
    return first.expired();
  });
  EXPECT_TRUE(first.expired());
}

TEST_F(Deadlines, AnEarlierOneIsNotHeldUpByALaterOne) {
  first.set(from_now(1h));
  second.set(from_now(1ms));
  run_until([&] { return second.expired(); });
  EXPECT_TRUE(second.expired());
}

TEST_F(Deadlines, PassAgainAfterAllHavePassed) {
  for (int i = 0; i < 3; ++i) {
    first.set(from_now(1ms));
    EXPECT_FALSE(first.expired());
    run_until([&] { return first.expired(); });
    ASSERT_TRUE(first.expired()) << i;
  }
}

TEST_F(Deadlines, EndInAnyOrder) {
  for (int left = 0; left < 4; ++left) {
    std::array<std::unique_ptr<deadline>, 4> four;
    for (auto& each : four) each = std::make_unique<deadline>(all, nobody);
    for (int i : {1, 2, 0, 3})
      if (i != left) four.at(static_cast<std::size_t>(i)).reset();
    auto& last = *four.at(static_cast<std::size_t>(left));
    last.set(from_now(1ms));
    first.set(from_now(1ms));
    run_until([&] { return last.expired() && first.expired(); });
    EXPECT_TRUE(last.expired() && first.expired()) << left;
  }
}

TEST_F(Deadlines, ThatAreClearedDoNotPass) {
  first.set(from_now(1ms));
  first.clear();
  second.set(from_now(30ms));
  run_until([&] { return second.expired(); });
  EXPECT_FALSE(first.expired());
}

}  // namespace
}  // namespace shim::forward
