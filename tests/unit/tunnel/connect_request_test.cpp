#include "tunnel/connect_request.hpp"

#include <gmock/gmock.h>

using namespace shim::tunnel;
using testing::HasSubstr;
using testing::StartsWith;

namespace {

std::expected<connect_request, refusal> parse(const std::string& target, const std::string& fields) {
  return parse_connect("CONNECT " + target + " HTTP/1.1\r\n" + fields + "\r\n", {});
}
std::string taken(const std::string& target) {
  const auto read = parse(target, "Host: " + target + "\r\n");
  return read ? read->host + " " + std::to_string(read->port) : std::string(read.error().text);
}
int refused(const std::string& head) {
  const auto read = parse_connect(head, {});
  return read ? 0 : read.error().status;
}

}  // namespace

TEST(ConnectRequest, IsANameAndAPort) {
  EXPECT_EQ(taken("puppet.example.com:8140"), "puppet.example.com 8140");
  EXPECT_EQ(taken("Puppet.Example.COM.:1"), "puppet.example.com 1");
  EXPECT_EQ(taken("127.0.0.1:65535"), "127.0.0.1 65535");
  EXPECT_EQ(taken("[2001:DB8::1]:443"), "2001:db8::1 443");
  EXPECT_EQ(taken("[::]:1"), ":: 1");
  EXPECT_EQ(taken("AZ.az:1"), "az.az 1");
  EXPECT_EQ(taken(std::string(255, 'a') + ":1"), std::string(255, 'a') + " 1");
}

TEST(ConnectRequest, NothingElseIsATarget) {
  for (const char* target : {"puppet",
                             "puppet:",
                             ":8140",
                             "puppet:0",
                             "puppet:65536",
                             "puppet:+1",
                             "puppet:8140x",
                             "/",
                             "*",
                             "http://puppet:8140/",
                             "user@puppet:1",
                             "pup pet:1",
                             "[::1]",
                             "[]:1",
                             "[x]:1",
                             "[1.2.3.4]:1",
                             "::1:1",
                             ".:1",
                             ".a:1",
                             "a..:1",
                             "p\xc3\xa4:1",
                             "a/b:1",
                             "a%62:1",
                             "puppet:000001",
                             "[:]:1",
                             "[::1:1",
                             "[::x]:1"})
    // Without a Host field that could be what is refused.
    EXPECT_EQ(refused("CONNECT " + std::string(target) + " HTTP/1.0\r\n\r\n"), 400) << target;
  EXPECT_EQ(refused("CONNECT " + std::string(256, 'a') + ":1 HTTP/1.0\r\n\r\n"), 400);
  EXPECT_EQ(refused("CONNECT " + std::string(20000, 'a') + ":1 HTTP/1.0\r\n\r\n"), 414);
}

TEST(ConnectRequest, LimitsAreExact) {
  const std::string head = "CONNECT puppet:8140 HTTP/1.0\r\n\r\n";
  const auto status = [&](const shim::http::limits& bounds) {
    const auto read = parse_connect(head, bounds);
    return read ? 0 : read.error().status;
  };
  EXPECT_EQ(status({.target_bytes = 11}), 0);
  EXPECT_EQ(status({.target_bytes = 10}), 414);
  EXPECT_EQ(status({.head_bytes = head.size()}), 0);
  EXPECT_EQ(status({.head_bytes = head.size() - 1}), 431);
}

TEST(ConnectRequest, OtherMethodsAreToldWhatThisIs) {
  const auto read = parse_connect("GET http://puppet:8140/ HTTP/1.1\r\nHost: puppet:8140\r\n\r\n", {});
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().status, 501);
  EXPECT_THAT(std::string(read.error().text), HasSubstr("CONNECT NAME:PORT"));
  EXPECT_EQ(refused("connect a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n"), 501);
}

TEST(ConnectRequest, TheHostFieldSaysTheSameOrNothing) {
  EXPECT_TRUE(parse("a:1", "Host: a:1\r\n"));
  EXPECT_TRUE(parse("a:1", "Host: A\r\n"));
  EXPECT_TRUE(parse_connect("CONNECT a:1 HTTP/1.0\r\n\r\n", {}));
  EXPECT_TRUE(parse("[::1]:1", "Host: [::1]\r\n"));
  const std::string longest(255, 'a');
  EXPECT_TRUE(parse(longest + ":1", "Host: " + longest + ".\r\n"));
  for (const char* host : {"b:1", "a:2", "", "a:1, b:1", "a:x", "[::1]:1"})
    EXPECT_EQ(refused("CONNECT a:1 HTTP/1.1\r\nHost: " + std::string(host) + "\r\n\r\n"), 400) << host;
  EXPECT_EQ(refused("CONNECT a:1 HTTP/1.1\r\n\r\n"), 400);
  EXPECT_FALSE(parse("a:1", "Host: a:1\r\nHost: a:1\r\n"));
}

TEST(ConnectRequest, OtherFieldsDoNotMatter) {
  EXPECT_TRUE(
      parse("a:1", "Host: a:1\r\nUser-Agent: Ruby\r\nProxy-Authorization: Basic eDp5\r\nContent-Length: 0\r\n"));
}

TEST(ConnectRequest, HasNoBody) {
  for (const char* field : {"Content-Length: 1", "Content-Length: 0, 1", "Transfer-Encoding: chunked",
                            "Transfer-Encoding: chunked\r\nContent-Length: 0"})
    EXPECT_EQ(refused("CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n" + std::string(field) + "\r\n\r\n"), 400) << field;
  EXPECT_FALSE(parse("a:1", "Host: a:1\r\nExpect: 100-continue\r\n"));
}

TEST(ConnectRequest, ItsHeadIsAsStrictAsAnyOther) {
  EXPECT_EQ(refused("CONNECT a:1 HTTP/1.1\nHost: a:1\n\n"), 400);
  EXPECT_EQ(refused("CONNECT  a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n"), 400);
  for (const char* line : {"", "CONNECT", "CONNECT HTTP/1.1", "CONNECT a:1"}) {
    EXPECT_EQ(refused(line), 400) << line;
    EXPECT_EQ(refused(line + std::string("\r\nHost: a:1\r\n\r\n")), 400) << line;
  }
  EXPECT_EQ(refused(" a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n"), 400);
  EXPECT_EQ(refused("CON(NECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n"), 400) << "no word, so no other method either";
  EXPECT_EQ(refused("CONNECT a:1 HTTP/2.0\r\nHost: a:1\r\n\r\n"), 505);
  EXPECT_EQ(refused("CONNECT a:1 HTTP/1.1\r\nHost : a:1\r\n\r\n"), 400);
  EXPECT_EQ(refused("CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n b\r\n\r\n"), 400);
  EXPECT_EQ(refused("CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n"), 400);
  EXPECT_EQ(refused("CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\nmore"), 400);
}

TEST(ConnectRefusal, SaysItInTheReasonAndInTheBody) {
  std::string out;
  write_refusal(out, 403, "x:1 is \"no\" name", ". Known here: y:1 (ca)");
  EXPECT_THAT(out, StartsWith("HTTP/1.1 403 bunraku: x:1 is \"no\" name\r\nContent-Type: application/json\r\n"));
  EXPECT_THAT(out, HasSubstr("Connection: close\r\n\r\n{\"message\":\"bunraku: x:1 is \\\"no\\\" name. Known"));
  const auto body = out.substr(out.find("\r\n\r\n") + 4);
  EXPECT_THAT(out, HasSubstr("Content-Length: " + std::to_string(body.size()) + "\r\n"));
}

TEST(ConnectRefusal, TheReasonIsOneBoundedLine) {
  std::string out;
  write_refusal(out, 502, "a\r\nSet-Cookie: b\t\xc3\xa4 ~" + std::string(5000, 'x'));
  const auto line = out.substr(0, out.find("\r\n"));
  EXPECT_THAT(line, HasSubstr("a??Set-Cookie: b??? ~xxx"));
  EXPECT_LT(line.size(), 1100u);
}
