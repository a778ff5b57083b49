#include "unit/http/bytes.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace shim::http {
namespace {

const std::string catalog_post = head_of(
    "POST /puppet/v3/catalog/agent1.example.com?environment=production HTTP/1.1|X-Puppet-Version: 8.10.0|"
    "Accept:  application/json \t|Empty:|host: puppet.example.com:8140|Content-Length: 10753|");

TEST(ParseRequest, GivesWhatTheAgentSaid) {
  const auto head = parse_request(catalog_post);
  ASSERT_TRUE(head) << text_of(head.error());
  EXPECT_EQ(head->method, "POST");
  EXPECT_EQ(head->target, "/puppet/v3/catalog/agent1.example.com?environment=production");
  EXPECT_EQ(head->host, "puppet.example.com:8140");
  EXPECT_EQ(head->minor, 1);
  EXPECT_EQ(head->body, (body_framing{body_kind::length, 10753}));
  EXPECT_TRUE(head->keep_alive);
  EXPECT_FALSE(head->expect_continue);
  EXPECT_FALSE(head->is_head);
  ASSERT_EQ(head->fields.size(), 5U);
  EXPECT_EQ(head->fields[0].name, "X-Puppet-Version");
  EXPECT_EQ(head->fields[1].value, "application/json");
  EXPECT_EQ(head->fields[2].value, "");
  EXPECT_EQ(head->fields.find("x-puppet-version"), "8.10.0");
  EXPECT_EQ(head->fields.find("x_puppet_version"), std::nullopt);
  EXPECT_EQ(head->fields.find("X-Puppet"), std::nullopt);
}

TEST(ParseRequest, KnowsHeadWhoseAnswerHasNoBody) {
  const std::string bytes = head_of("HEAD / HTTP/1.1|Host: a|");
  const auto head = parse_request(bytes);
  ASSERT_TRUE(head);
  EXPECT_TRUE(head->is_head);
}

TEST(ParseRequest, CopiesKeepTheirFields) {
  auto head = parse_request(catalog_post);
  ASSERT_TRUE(head);
  const request_head copy = *head;
  head->fields.clear();
  ASSERT_EQ(copy.fields.size(), 5U);
  EXPECT_EQ(copy.fields[4].value, "10753");
}

struct accepted {
  const char* what;
  std::string bytes;
  body_framing body;
  bool keep_alive;
  bool expect_continue;
};

TEST(ParseRequest, UnderstandsFramingAndConnection) {
  const body_framing none{};
  const body_framing chunked{body_kind::chunked, 0};
  const auto length = [](std::uint64_t n) { return body_framing{body_kind::length, n}; };
  const accepted rows[] = {
      {"no body", "GET / HTTP/1.1|Host: a|", none, true, false},
      {"GET that says it has no body", "GET / HTTP/1.1|Host: a|Content-Length: 0|", none, true, false},
      {"POST without any length", "POST / HTTP/1.1|Host: a|", none, true, false},
      {"empty body", "PUT / HTTP/1.1|Host: a|Content-Length: 0|", length(0), true, false},
      {"largest length", "PUT / HTTP/1.1|Host: a|Content-Length: 999999999999999999|", length(999999999999999999), true,
       false},
      {"chunked", "PUT / HTTP/1.1|Host: a|Transfer-Encoding: chunked|", chunked, true, false},
      {"chunked in capitals", "PUT / HTTP/1.1|Host: a|transfer-encoding: CHUNKED|", chunked, true, false},
      {"close", "GET / HTTP/1.1|Host: a|Connection: close|", none, false, false},
      {"close in a list", "GET / HTTP/1.1|Host: a|Connection: x-a, , Close ,|", none, false, false},
      {"close on a second line", "GET / HTTP/1.1|Host: a|Connection: keep-alive|Connection: close|", none, false,
       false},
      {"keep-alive", "GET / HTTP/1.1|Host: a|Connection: keep-alive|", none, true, false},
      {"HTTP/1.0", "GET / HTTP/1.0|Host: a|", none, false, false},
      {"HTTP/1.0 without Host", "GET / HTTP/1.0|", none, false, false},
      {"HTTP/1.0 that asks for more", "GET / HTTP/1.0|Connection: keep-alive|", none, false, false},
      {"HTTP/1.0 with a body", "POST / HTTP/1.0|Content-Length: 3|", length(3), false, false},
      {"expects 100", "PUT / HTTP/1.1|Host: a|Content-Length: 3|Expect: 100-Continue|", length(3), true, true},
      {"expects 100 with chunks", "PUT / HTTP/1.1|Host: a|Transfer-Encoding: chunked|Expect: 100-continue|", chunked,
       true, true},
      {"expects 100 with nothing to send", "PUT / HTTP/1.1|Host: a|Content-Length: 0|Expect: 100-continue|", length(0),
       true, false},
      {"HTTP/1.0 cannot expect", "PUT / HTTP/1.0|Content-Length: 3|Expect: whatever|", length(3), false, false},
  };
  for (const auto& row : rows) {
    const std::string bytes = head_of(row.bytes);
    const auto head = parse_request(bytes);
    ASSERT_TRUE(head) << row.what << ": " << text_of(head.error());
    EXPECT_EQ(head->body, row.body) << row.what;
    EXPECT_EQ(head->keep_alive, row.keep_alive) << row.what;
    EXPECT_EQ(head->expect_continue, row.expect_continue) << row.what;
  }
}

TEST(ParseRequest, TakesTargetsByteForByte) {
  for (const std::string target : {"/", "/puppet/v3/file_bucket_file/sha256/00//tmp/x", "/a/../b/./c", "/a%20b%2Fc?%zz",
                                   "/a?b=c?d&e=/f", "/%C3%A4%AF%c3%a4%af%09", "/file[1]+(2)!*'~;=@:$,&",
                                   "/puppet/v3/file_metadatas/plugins?ignore=.svn&ignore=CVS"}) {
    const std::string bytes = head_of("GET " + target + " HTTP/1.1|Host: a|");
    const auto head = parse_request(bytes);
    ASSERT_TRUE(head) << target << ": " << text_of(head.error());
    EXPECT_EQ(head->target, target);
  }
}

TEST(ParseRequest, TakesTheFormsOfHost) {
  for (const std::string host : {"a", "puppet.example.com", "puppet_1.example.com:8140", "127.0.0.1:1", "[::1]", "[::]",
                                 "[fe80::1]:65535", "xn--bcher-kva.example", "PUPPET."}) {
    const std::string bytes = head_of("GET / HTTP/1.1|Host: " + host + "|");
    const auto head = parse_request(bytes);
    ASSERT_TRUE(head) << host << ": " << text_of(head.error());
    EXPECT_EQ(head->host, host);
  }
}

TEST(ParseRequest, RefusesMalformedHosts) {
  for (const std::string host : {"",      ":8140",    "a:",    "a:0",  "a:65536", "a:123456", "a:000080",
                                 "a:-1",  "a:80:80",  "a b",   "a,b",  "a/b",     "u@a",      "a%2e",
                                 "::1",   "[::1",     "[]",    "[:]",  "[::1]x",  "[::1]:",   "a:8x",
                                 "a:4 0", "[::1]x80", "[::g]", "a\\b", "a#b",     "\xc3\xa4", "[fe80::1%25eth0]"}) {
    const std::string bytes = head_of("GET / HTTP/1.1|Host: " + host + "|");
    const auto head = parse_request(bytes);
    ASSERT_FALSE(head) << host;
    EXPECT_EQ(head.error(), framing_error::bad_host) << host;
  }
  EXPECT_FALSE(parse_request(head_of("GET / HTTP/1.1|Host: " + std::string(256, 'a') + "|")));
  EXPECT_TRUE(parse_request(head_of("GET / HTTP/1.1|Host: " + std::string(255, 'a') + "|")));
}

TEST(ParseRequest, TakesOpaqueValues) {
  const std::string bytes = head_of("GET / HTTP/1.1|Host: a|X-Note: \t gr\xc3\xbc\xc3\x9f\x80\xff\tyou: \"|");
  const auto head = parse_request(bytes);
  ASSERT_TRUE(head) << text_of(head.error());
  EXPECT_EQ(head->fields.find("x-note"), "gr\xc3\xbc\xc3\x9f\x80\xff\tyou: \"");
}

TEST(ParseRequest, ToleratesAConnectionOfSixteenNamesAndNoMore) {
  std::string options = "close";
  for (int i = 1; i < 16; ++i) options += ",a";
  EXPECT_TRUE(parse_request(head_of("GET / HTTP/1.1|Host: a|Connection: " + options + "|")));
  const auto head = parse_request(head_of("GET / HTTP/1.1|Host: a|Connection: " + options + "|Connection: a|"));
  ASSERT_FALSE(head);
  EXPECT_EQ(head.error(), framing_error::bad_connection);
}

TEST(RequestLimits, AreExact) {
  const limits bounds{.head_bytes = 200, .fields = 3, .target_bytes = 20};
  const auto with_target = [](std::size_t n) {
    return head_of("GET /" + std::string(n - 1, 'a') + " HTTP/1.1|Host: a|");
  };
  EXPECT_TRUE(parse_request(with_target(20), bounds));
  EXPECT_EQ(parse_request(with_target(21), bounds).error(), framing_error::target_too_long);
  EXPECT_TRUE(parse_request(head_of("GET / HTTP/1.1|Host: a|B: b|C: c|"), bounds));
  EXPECT_EQ(parse_request(head_of("GET / HTTP/1.1|Host: a|B: b|C: c|D: d|"), bounds).error(),
            framing_error::too_many_fields);
  const std::string start = "GET / HTTP/1.1|Host: a|B: ";
  const std::size_t fixed = head_of(start + "|").size();
  EXPECT_TRUE(parse_request(head_of(start + std::string(200 - fixed, 'x') + "|"), bounds));
  EXPECT_EQ(parse_request(head_of(start + std::string(201 - fixed, 'x') + "|"), bounds).error(),
            framing_error::head_too_large);
}

TEST(RequestLimits, NeverExceedTheFieldListsCapacity) {
  std::string lines = "GET / HTTP/1.1|Host: a|";
  for (std::size_t i = 1; i < field_list::capacity; ++i) lines += "X: y|";
  EXPECT_TRUE(parse_request(head_of(lines), {.fields = 1000}));
  EXPECT_EQ(parse_request(head_of(lines + "X: y|"), {.fields = 1000}).error(), framing_error::too_many_fields);
}

TEST(ParseRequest, RefusesAnythingButExactlyOneHead) {
  const std::string whole = head_of("GET / HTTP/1.1|Host: a|");
  for (std::size_t n = 0; n < whole.size(); ++n) {
    const std::vector<char> part(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(n));  // no byte behind it
    const auto head = parse_request({part.data(), part.size()});
    ASSERT_FALSE(head) << n;
    EXPECT_EQ(head.error(), framing_error::not_one_head) << n;
  }
  EXPECT_TRUE(parse_request(whole));
  EXPECT_EQ(parse_request(whole + "G").error(), framing_error::not_one_head);
  EXPECT_EQ(parse_request(whole + whole).error(), framing_error::not_one_head);
  EXPECT_EQ(parse_request({}).error(), framing_error::not_one_head);
}

TEST(FramingError, HasAStatusAndASentenceForEachValue) {
  std::string seen;
  for (std::size_t i = 0; i < framing_error_count; ++i) {
    const auto e = static_cast<framing_error>(i);
    const std::string text(text_of(e));
    EXPECT_GT(text.size(), 10U) << i;
    EXPECT_EQ(seen.find("\n" + text + "\n"), std::string::npos) << text;
    seen += "\n" + text + "\n";
    EXPECT_TRUE(status_of(e) >= 400 && status_of(e) < 600) << i;
  }
  EXPECT_EQ(status_of(framing_error::both_lengths), 400);
  EXPECT_EQ(status_of(framing_error::head_too_large), 431);
  EXPECT_EQ(status_of(framing_error::target_too_long), 414);
  EXPECT_EQ(status_of(framing_error::unknown_method), 501);
  EXPECT_EQ(status_of(framing_error::unsupported_version), 505);
  EXPECT_EQ(status_of(framing_error::bad_expectation), 417);
}

}  // namespace
}  // namespace shim::http
