#include "forward/request_body.hpp"

#include <bunraku/local.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/connect_pair.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/asio/write.hpp>
#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <string>

namespace shim::forward {
namespace {

namespace net = boost::asio;
using namespace std::chrono_literals;
using http::body_framing;
using http::body_kind;

struct RequestBody : testing::Test {
  RequestBody() {
    net::local::connect_pair(peer, mine);
    stream.replace(bunraku::plain_connection(std::move(mine), "test"));
  }
  void say(const std::string& bytes) { net::write(peer, net::buffer(bytes)); }
  template <class T>
  T run(net::awaitable<T> what) {
    auto done = net::co_spawn(context, std::move(what), net::use_future);
    while (done.wait_for(0s) != std::future_status::ready) {  // the deadlines' timer may be armed for longer
      context.restart();
      context.run_one();
    }
    return done.get();
  }
  /// All that it gives from its begin on, or what went wrong.
  std::string given(request_body& body) {
    body.rewind();
    std::string out;
    while (!body.given_out()) {
      const auto piece = run(body.next());
      if (!piece) return "error " + std::to_string(piece.error().status);
      out += *piece;
    }
    return out;
  }
  request_body made(const body_framing& framing, std::size_t memory = 1 << 20, std::chrono::milliseconds stall = 1min) {
    return {stream, in, framing, {.memory = memory, .file = 0, .directory = "/nonexistent", .all = use}, stall};
  }

  net::io_context context;
  net::local::stream_protocol::socket peer{context}, mine{context};
  deadlines all{context.get_executor()};
  timed_stream stream{bunraku::connection(), all};
  byte_buffer in;
  replay_use use;
};

TEST_F(RequestBody, IsGivenAgainAsOftenAsNeeded) {
  auto body = made({.kind = body_kind::length, .length = 5});
  say("hello and more");
  for (int i = 0; i < 3; ++i) EXPECT_EQ(given(body), "hello") << i;
  EXPECT_TRUE(body.complete());
  EXPECT_TRUE(body.replayable());
  EXPECT_EQ(body.bytes(), 5U) << "read once";
  EXPECT_EQ(in.view(), " and more") << "the next request";
}

TEST_F(RequestBody, APartThatWasGivenIsGivenAgainBeforeTheRest) {
  auto body = made({.kind = body_kind::length, .length = 10});
  say("hello");
  EXPECT_EQ(run(body.next()), "hello");
  EXPECT_FALSE(body.complete());
  EXPECT_FALSE(body.given_out());
  say("world");
  EXPECT_EQ(given(body), "helloworld");
}

TEST_F(RequestBody, ChunksAreGivenInTheirCodingWithoutWhatIsDropped) {
  auto body = made({.kind = body_kind::chunked});
  say("4;a=b\r\nwiki\r\n0\r\nTrailer: x\r\n\r\nmore");
  for (int i = 0; i < 2; ++i) EXPECT_EQ(given(body), "4\r\nwiki\r\n0\r\n\r\n");
  EXPECT_EQ(in.view(), "more");
}

TEST_F(RequestBody, WithoutAnyThereIsNothingToSend) {
  for (const auto& none : {body_framing{}, body_framing{.kind = body_kind::length, .length = 0}}) {
    auto body = made(none);
    EXPECT_TRUE(body.complete());
    EXPECT_TRUE(body.given_out());
    EXPECT_TRUE(body.is_keepable());
    EXPECT_TRUE(body.replayable());
    EXPECT_TRUE(run(body.discard(0)));
  }
}

TEST_F(RequestBody, OnlyOneThatSaysThatItFitsIsKnownToBeKept) {
  EXPECT_TRUE(made({.kind = body_kind::length, .length = 1000}, 1000).is_keepable());
  EXPECT_FALSE(made({.kind = body_kind::length, .length = 1001}, 1000).is_keepable());
  EXPECT_FALSE(made({.kind = body_kind::chunked}, 1000).is_keepable());
}

TEST_F(RequestBody, WhatIsTooLargeIsGivenOnceAndNotAgain) {
  auto body = made({.kind = body_kind::length, .length = 2000}, 1000);
  say(std::string(2000, 'x'));
  EXPECT_EQ(given(body).size(), 2000U);
  EXPECT_FALSE(body.replayable());
}

TEST_F(RequestBody, SaysWhoseFaultItIsThatItEndsEarly) {
  auto cut = made({.kind = body_kind::length, .length = 10});
  say("hello");
  peer.close();
  EXPECT_EQ(given(cut), "error 400");
}

TEST_F(RequestBody, AClientThatStopsSendingIsToldThatItWasTooSlow) {
  auto slow = made({.kind = body_kind::length, .length = 10}, 1000, 1ms);
  say("hello");
  EXPECT_EQ(given(slow), "error 408");
}

TEST_F(RequestBody, AMalformedChunkIsTheClientsFault) {
  auto body = made({.kind = body_kind::chunked});
  say("x\r\n");
  EXPECT_EQ(given(body), "error 400");
}

TEST_F(RequestBody, WhatNobodyWantsIsReadUpToALimit) {
  {
    auto body = made({.kind = body_kind::length, .length = 10});
    say("helloworldmore");
    EXPECT_TRUE(run(body.discard(10)));
    EXPECT_TRUE(body.complete());
    EXPECT_FALSE(body.replayable());
  }
  EXPECT_EQ(in.view(), "more");
}

TEST_F(RequestBody, WhatIsBehindTheLimitEndsTheConnection) {
  auto body = made({.kind = body_kind::length, .length = 10});
  say("helloworld");
  EXPECT_FALSE(run(body.discard(9)));
}

TEST_F(RequestBody, OfWhatWasGivenToAMasterNothingIsReadTwice) {
  {
    auto body = made({.kind = body_kind::length, .length = 10});
    say("hello");
    EXPECT_EQ(run(body.next()), "hello");
    say("worldmore");
    EXPECT_TRUE(run(body.discard(100)));
  }
  EXPECT_EQ(in.view(), "more");
}

TEST_F(RequestBody, ItsLastPieceIsNoPartOfTheNextRequest) {
  {
    auto body = made({.kind = body_kind::length, .length = 5});
    say("hellomore");
    EXPECT_EQ(run(body.next()), "hello");
  }
  EXPECT_EQ(in.view(), "more");
}

}  // namespace
}  // namespace shim::forward
