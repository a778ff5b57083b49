#include "forward/timed_stream.hpp"

#include <bunraku/local.hpp>

#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/connect_pair.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/write.hpp>
#include <gtest/gtest.h>

#include <string>

namespace shim::forward {
namespace {
namespace net = boost::asio;

struct TimedStream : testing::Test {
  TimedStream() { net::local::connect_pair(peer, mine); }
  void say(std::size_t bytes) { net::write(peer, net::buffer(std::string(bytes, 'x'))); }

  net::io_context context;
  net::local::stream_protocol::socket peer{context}, mine{context};
  deadlines all{context.get_executor()};
  timed_stream stream{bunraku::connection(), all};
  byte_buffer into;
};

TEST_F(TimedStream, TakesALargeBodyInLargePieces) {
  stream.replace(bunraku::plain_connection(std::move(mine), "test"));
  say(100'000);
  EXPECT_FALSE(stream.fill_body_now(into, 300'000));
  EXPECT_EQ(into.size(), byte_buffer::streaming);
}

TEST_F(TimedStream, TakesABodyOfAMebibyteInLargerOnes) {
  stream.replace(bunraku::plain_connection(std::move(mine), "test"));
  say(100'000);
  EXPECT_FALSE(stream.fill_body_now(into, 1 << 20));
  EXPECT_EQ(into.size(), 100'000u);
  for (int more = 0; more < 3; ++more) {
    say(60'000);
    stream.stream().native_wait(bunraku::direction::read);
    stream.add_body_now(into, 1 << 20);
  }
  EXPECT_EQ(into.size(), byte_buffer::bulk);
}

TEST_F(TimedStream, HoldsNoLargeBufferForASmallBody) {
  stream.replace(bunraku::plain_connection(std::move(mine), "test"));
  say(100'000);
  EXPECT_FALSE(stream.fill_body_now(into, 100));
  EXPECT_EQ(into.size(), byte_buffer::usual);
  into.clear();
  EXPECT_FALSE(stream.fill_now(into));
  EXPECT_EQ(into.size(), byte_buffer::usual);
}

TEST_F(TimedStream, WaitsForNothingBehindALittle) {
  stream.replace(bunraku::plain_connection(std::move(mine), "test"));
  say(20'000);
  EXPECT_FALSE(stream.fill_body_now(into, 10'000'000));
  EXPECT_EQ(into.size(), 20'000u);
  into.clear();
  EXPECT_EQ(stream.fill_body_now(into, 10'000'000), net::error::would_block);
  peer.close();
  stream.stream().native_wait(bunraku::direction::read);
  EXPECT_EQ(stream.fill_body_now(into, 10'000'000), net::error::eof);
}

}  // namespace
}  // namespace shim::forward
