#include "enroll/question.hpp"

#include <bunraku/local.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/connect_pair.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/write.hpp>
#include <gmock/gmock.h>

#include <chrono>
#include <string>

namespace {

using namespace shim::enroll;
namespace net = boost::asio;
using net::local::stream_protocol;
using testing::HasSubstr;
using testing::IsEmpty;
using namespace std::chrono_literals;

enum class then { hang_up, stay_silent };

net::awaitable<void> put(bunraku::connection& stream, std::chrono::milliseconds limit, answer& into) {
  into = co_await ask(stream, "GET", "/puppet-ca/v1/certificate/ca", "ca:8140", {}, limit);
}

/// What is made of a server that writes these bytes.
answer answer_to(const std::string& bytes, then afterwards = then::hang_up, std::chrono::milliseconds limit = 30s) {
  net::io_context loop(1);
  stream_protocol::socket ours(loop), theirs(loop);
  net::local::connect_pair(ours, theirs);
  ours.non_blocking(true);
  auto stream = bunraku::plain_connection(std::move(ours), "peer");
  answer out;
  net::co_spawn(loop, put(stream, limit, out), net::detached);
  net::async_write(theirs, net::buffer(bytes), [&](boost::system::error_code, std::size_t) {
    boost::system::error_code ignored;
    if (afterwards == then::hang_up) theirs.shutdown(stream_protocol::socket::shutdown_send, ignored);
  });
  loop.run();
  return out;
}

TEST(Question, BodiesOfEveryFraming) {
  for (const std::string& rest :
       {std::string("Content-Length: 5\r\n\r\nhello"),
        std::string("Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"), std::string("\r\nhello")}) {
    const auto said = answer_to("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404 Not Found\r\n" + rest);
    EXPECT_THAT(said.error, IsEmpty()) << rest;
    EXPECT_EQ(said.status, 404);
    EXPECT_EQ(said.body, "hello");
  }
  EXPECT_THAT(answer_to("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", then::stay_silent).error, IsEmpty());
}

TEST(Question, ABodyIsWholeOrNone) {
  for (const auto* bytes : {"", "HTTP/1.1 200 OK\r\nContent-Le", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell",
                            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"})
    EXPECT_THAT(answer_to(bytes).error, HasSubstr("before its answer was whole")) << bytes;
}

TEST(Question, TooMuchIsNotRead) {
  const std::string much(largest_answer + 1, 'x');
  EXPECT_THAT(answer_to("HTTP/1.1 200 OK\r\n\r\n" + much).error, HasSubstr("more than 32 MiB"));
  EXPECT_THAT(answer_to("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2000001\r\n" + much).error,
              HasSubstr("more than 32 MiB"));
  EXPECT_THAT(answer_to("HTTP/1.1 200 OK\r\nContent-Length: 33554433\r\n\r\n", then::stay_silent).error,
              HasSubstr("more than 32 MiB"));
  EXPECT_THAT(answer_to("HTTP/1.1 200 OK\r\n" + much).error, HasSubstr("no proper HTTP"));
}

TEST(Question, WhatIsNoProperHttpIsRefused) {
  for (const auto* bytes : {"SSH-2.0-x\r\n\r\n", "HTTP/1.1 200 OK\n\n",
                            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
                            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"})
    EXPECT_THAT(answer_to(bytes).error, HasSubstr("no proper HTTP")) << bytes;
  EXPECT_THAT(answer_to("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx").error,
              HasSubstr("encoding"));
}

TEST(Question, SilenceHasAnEnd) {
  for (const auto* bytes : {"", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe"})
    EXPECT_THAT(answer_to(bytes, then::stay_silent, 50ms).error, HasSubstr("no whole answer within"));
}

}  // namespace
