#include "unit/http/bytes.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <string>

namespace shim::http {
namespace {

using enum framing_error;

TEST(ParseResponse, GivesWhatTheMasterSaid) {
  const std::string bytes = head_of("HTTP/1.1 404 Not Found|Content-Type: text/plain|Content-Length: 53|");
  const auto head = parse_response(bytes, {}, "GET");
  ASSERT_TRUE(head) << text_of(head.error());
  EXPECT_EQ(head->status, 404);
  EXPECT_EQ(head->reason, "Not Found");
  EXPECT_EQ(head->minor, 1);
  EXPECT_EQ(head->body, (body_framing{body_kind::length, 53}));
  EXPECT_EQ(head->announced_length, std::nullopt);
  EXPECT_TRUE(head->keep_alive);
  EXPECT_EQ(head->fields.find("content-type"), "text/plain");
}

TEST(ParseResponse, TakesEachStatusOfFiveClasses) {
  for (const std::string status : {"100", "199", "299", "399", "499", "599"})
    EXPECT_TRUE(parse_response(head_of("HTTP/1.1 " + status + " X|Content-Length: 0|"), {}, "GET")) << status;
}

struct accepted {
  const char* what;
  const char* method;
  std::string bytes;
  body_framing body;
  std::optional<std::uint64_t> announced;
  bool keep_alive;
};

TEST(ParseResponse, KnowsWhereTheBodyEnds) {
  const body_framing none{};
  const body_framing chunked{body_kind::chunked, 0};
  const body_framing close{body_kind::until_close, 0};
  const body_framing three{body_kind::length, 3};
  const body_framing empty{body_kind::length, 0};
  const accepted rows[] = {
      {"length", "GET", "HTTP/1.1 200 OK|Content-Length: 3|", three, {}, true},
      {"empty", "PUT", "HTTP/1.1 200 OK|Content-Length: 0|", empty, {}, true},
      {"chunked", "GET", "HTTP/1.1 200 OK|Transfer-Encoding: chunked|", chunked, {}, true},
      {"last on its connection", "GET", "HTTP/1.1 503 x|Content-Length: 3|Connection: close|", three, {}, false},
      {"until close", "GET", "HTTP/1.1 200 OK|", close, {}, false},
      {"HTTP/1.0", "GET", "HTTP/1.0 200 OK|", close, {}, false},
      {"HTTP/1.0 with length", "GET", "HTTP/1.0 200 OK|Content-Length: 3|Connection: keep-alive|", three, {}, false},
      {"HEAD with length", "HEAD", "HTTP/1.1 200 OK|Content-Length: 3|", none, 3, true},
      {"HEAD with chunked", "HEAD", "HTTP/1.1 404 Not Found|Transfer-Encoding: chunked|", none, {}, true},
      {"HEAD with neither", "HEAD", "HTTP/1.1 200 OK|", none, {}, true},
      {"304", "GET", "HTTP/1.1 304 Not Modified|", none, {}, true},
      {"304 with length", "GET", "HTTP/1.1 304 Not Modified|Content-Length: 3|", none, 3, true},
      {"304 with chunked", "GET", "HTTP/1.1 304 Not Modified|Transfer-Encoding: chunked|", none, {}, true},
      {"204", "PUT", "HTTP/1.1 204 No Content|", none, {}, true},
      {"204 with empty length", "PUT", "HTTP/1.1 204 No Content|Content-Length: 0|", none, {}, true},
      {"204 that lies", "PUT", "HTTP/1.1 204 No Content|Content-Length: 3|", none, {}, false},
      {"204 that lies in chunks", "PUT", "HTTP/1.1 204 No Content|Transfer-Encoding: chunked|", none, {}, false},
      {"100", "PUT", "HTTP/1.1 100 Continue|", none, {}, true},
      {"103", "GET", "HTTP/1.1 103 Early Hints|Link: x|", none, {}, true},
      {"205 without a body", "GET", "HTTP/1.1 205 Reset Content|Content-Length: 0|", empty, {}, true},
      {"HEAD of a 205", "HEAD", "HTTP/1.1 205 Reset Content|Content-Length: 3|", none, 3, true},
      {"empty reason", "GET", "HTTP/1.1 200 |Content-Length: 3|", three, {}, true},
      {"two Hosts mean nothing here", "GET", "HTTP/1.1 200 OK|Host: a|Host: b|Content-Length: 3|", three, {}, true},
  };
  for (const auto& row : rows) {
    const std::string bytes = head_of(row.bytes);
    const auto head = parse_response(bytes, {}, row.method);
    ASSERT_TRUE(head) << row.what << ": " << text_of(head.error());
    EXPECT_EQ(head->body, row.body) << row.what;
    EXPECT_EQ(head->announced_length, row.announced) << row.what;
    EXPECT_EQ(head->keep_alive, row.keep_alive) << row.what;
  }
}

TEST(ParseResponse, RefusesWhatCouldBeReadInTwoWays) {
  struct row {
    std::string bytes;
    framing_error why;
  };
  const row rows[] = {
      {"HTTP/1.1 200 OK|Content-Length: 3|Transfer-Encoding: chunked|", both_lengths},
      {"HTTP/1.1 200 OK|Content-Length: 3|Content-Length: 3|", content_length_repeated},
      {"HTTP/1.1 200 OK|Content-Length: 3, 3|", bad_content_length},
      {"HTTP/1.1 200 OK|Content-Length: -1|", bad_content_length},
      {"HTTP/1.1 200 OK|Transfer-Encoding: gzip, chunked|", bad_transfer_encoding},
      {"HTTP/1.1 200 OK|Transfer-Encoding: chunked|Transfer-Encoding: chunked|", transfer_encoding_repeated},
      {"HTTP/1.0 200 OK|Transfer-Encoding: chunked|", transfer_encoding_on_http10},
      {"HTTP/1.1 304 Not Modified|Content-Length: x|", bad_content_length},
      {"HTTP/1.1 101 Switching Protocols|Upgrade: websocket|", protocol_switch},
      {"HTTP/1.1 100 Continue|Content-Length: 3|", answer_body_not_allowed},
      {"HTTP/1.1 103 Early Hints|Transfer-Encoding: chunked|", answer_body_not_allowed},
      {"HTTP/1.1 205 Reset Content|Content-Length: 3|", answer_body_not_allowed},
      {"HTTP/1.1 205 Reset Content|Transfer-Encoding: chunked|", answer_body_not_allowed},
      {"HTTP/1.1 205 Reset Content|", answer_body_not_allowed},
      {"HTTP/1.1 305 Use Proxy|Content-Length: 3|", answer_body_not_allowed},
      {"HTTP/1.1 200|", bad_status_line},
      {"HTTP/1.1  200 OK|", bad_status_line},
      {"HTTP/1.1 200OK|", bad_status_line},
      {"HTTP/1.1 2000 OK|", bad_status_line},
      {"HTTP/1.1 20 OK|", bad_status_line},
      {"HTTP/1.1\t200 OK|", bad_status_line},
      {"ICY 200 OK..|", bad_status_line},
      {"http/1.1 200 OK|", bad_status_line},
      {" HTTP/1.1 200 OK|", bad_status_line},
      {"HTTP/2.0 200 OK|", unsupported_version},
      {"HTTP/1.2 200 OK|", unsupported_version},
      {"HTTP/1.1 099 OK|", bad_status},
      {"HTTP/1.1 600 OK|", bad_status},
      {"HTTP/1.1 2x0 OK|", bad_status},
      {"HTTP/1.1 +20 OK|", bad_status},
      {"HTTP/1.1 200 O\x01K|", control_character},
      {"HTTP/1.1 200 O\x7fK|", control_character},
      {"HTTP/1.1 200 O\rK|", bare_carriage_return},
      {"HTTP/1.1 200 OK|Content-Length : 3|", space_before_colon},
      {"HTTP/1.1 200 OK|X: y| Content-Length: 3|", folded_field},
      {"HTTP/1.1 200 OK|X\x80: y|", bad_field_name},
      {"HTTP/1.1 200 OK|Connection: \"close\"|", bad_connection},
      {"|HTTP/1.1 200 OK|", leading_line_break},
  };
  for (const auto& r : rows) {
    const auto head = parse_response(head_of(r.bytes), {}, "GET");
    ASSERT_FALSE(head) << r.bytes;
    EXPECT_EQ(head.error(), r.why) << r.bytes;
  }
}

TEST(ParseResponse, RefusesAnythingButExactlyOneHead) {
  const std::string whole = head_of("HTTP/1.1 200 OK|Content-Length: 3|");
  for (std::size_t n = 0; n < whole.size(); ++n) {
    EXPECT_FALSE(parse_response(std::string_view(whole).substr(0, n), {}, "GET")) << n;
  }
  EXPECT_EQ(parse_response(whole + "abc", {}, "GET").error(), not_one_head);
}

TEST(ParseResponse, HasTheSameLimits) {
  const std::string bytes = head_of("HTTP/1.1 200 OK|A: b|C: d|");
  EXPECT_TRUE(parse_response(bytes, {.head_bytes = bytes.size(), .fields = 2}, "GET"));
  EXPECT_EQ(parse_response(bytes, {.head_bytes = bytes.size() - 1}, "GET").error(), head_too_large);
  EXPECT_EQ(parse_response(bytes, {.fields = 1}, "GET").error(), too_many_fields);
}

}  // namespace
}  // namespace shim::http
