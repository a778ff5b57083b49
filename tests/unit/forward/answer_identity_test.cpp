#include "forward/answer_identity.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace shim::forward {
namespace {

/// The text must outlive what is parsed of it.
http::response_head parsed(const std::string& text) { return http::parse_response(text, {}, "GET").value(); }
std::string answer(const std::string& status, const std::string& fields) {
  return "HTTP/1.1 " + status + "\r\n" + fields + "\r\n";
}
std::string difference(const std::string& first, const std::string& second) {
  const answer_identity identity(parsed(first));
  return identity.difference(parsed(second));
}

const std::string plain = "Content-Type: application/octet-stream\r\nContent-Length: 7\r\n";
const std::string gzip =
    "Content-Type: application/octet-stream\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n";

TEST(AnswerIdentity, OfTheSameThingFromTwoMastersIsTheSame) {
  EXPECT_EQ(difference(answer("200 OK", plain), answer("200 Fine", "Date: now\r\n" + plain)), "");
  EXPECT_EQ(difference(answer("200 OK", gzip), answer("200 OK", gzip)), "");
}

TEST(AnswerIdentity, SaysWhatDiffers) {
  const auto first = answer("200 OK", plain);
  EXPECT_EQ(difference(first, answer("404 Not Found", plain)), "its status is 404");
  EXPECT_EQ(difference(first, answer("200 OK", "Content-Type: application/octet-stream\r\nContent-Length: 8\r\n")),
            "its Content-Length is 8, not 7");
  EXPECT_EQ(
      difference(first, answer("200 OK", "Content-Type: application/octet-stream\r\nTransfer-Encoding: chunked\r\n")),
      "its Content-Length is not given, not 7");
  EXPECT_EQ(difference(first, answer("200 OK", "Content-Type: text/plain\r\nContent-Length: 7\r\n")),
            "its Content-Type differs");
  EXPECT_EQ(difference(first, answer("200 OK", "Content-Length: 7\r\n")), "its Content-Type differs");
  EXPECT_EQ(difference(first, answer("200 OK", plain + "Content-Encoding: gzip\r\n")), "its Content-Encoding differs");
  EXPECT_EQ(difference(answer("200 OK", gzip), answer("200 OK", "Content-Type: application/octet-stream\r\n")),
            "its body has no length");
}

TEST(AnswerIdentity, ComparesValidatorsIfBothHaveThem) {
  for (const std::string name : {"ETag", "Last-Modified"}) {
    const auto with = [&](const std::string& value) { return answer("200 OK", plain + name + ": " + value + "\r\n"); };
    EXPECT_EQ(difference(with("a"), with("a")), "");
    EXPECT_EQ(difference(with("a"), with("b")), "its " + name + " differs");
    EXPECT_EQ(difference(with("a"), answer("200 OK", plain)), "");
    EXPECT_EQ(difference(answer("200 OK", plain), with("b")), "");
  }
}

TEST(AnswerIdentity, OnlyWholeAnswersWithAnEndCanBeGoneOnWith) {
  EXPECT_TRUE(answer_identity::can_go_on(parsed(answer("200 OK", plain))));
  EXPECT_TRUE(answer_identity::can_go_on(parsed(answer("200 OK", gzip))));
  EXPECT_FALSE(answer_identity::can_go_on(parsed(answer("206 Partial Content", plain))));
  EXPECT_FALSE(answer_identity::can_go_on(parsed(answer("404 Not Found", plain))));
  EXPECT_FALSE(answer_identity::can_go_on(parsed(answer("200 OK", ""))));  // ends with the connection
}

}  // namespace
}  // namespace shim::forward
