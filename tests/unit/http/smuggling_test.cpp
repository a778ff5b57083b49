#include "http/chunked.hpp"
#include "unit/http/bytes.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

// Every way we know to make two readers of one byte stream see different requests, and the reason it is refused for.
namespace shim::http {
namespace {

using enum framing_error;

struct vector_row {
  std::string bytes;
  framing_error why;
};

// Reads a client's stream the way a session does. The reason for its end, or nothing if all of it made sense.
std::optional<framing_error> first_refusal(std::string_view stream) {
  while (!stream.empty()) {
    const auto end = head_scanner().scan(stream);
    if (!end) return end.error();
    if (*end == 0) return std::nullopt;
    const auto head = parse_request(stream.substr(0, *end));
    if (!head) return head.error();
    stream.remove_prefix(*end);
    if (head->body.kind == body_kind::length)
      stream.remove_prefix(std::min<std::size_t>(stream.size(), head->body.length));
    chunked_decoder body;
    while (head->body.kind == body_kind::chunked && !stream.empty() && !body.done()) {
      const auto step = body.next_wire(stream);
      if (!step) return step.error();
      stream.remove_prefix(step->consumed);
    }
  }
  return std::nullopt;
}

void expect_refused(const std::vector<vector_row>& rows) {
  for (const auto& row : rows) {
    const auto why = first_refusal(row.bytes);
    ASSERT_TRUE(why) << "taken: " << testing::PrintToString(row.bytes);
    EXPECT_EQ(*why, row.why) << testing::PrintToString(row.bytes);
  }
}

std::string post(const std::string& lines, const std::string& body = {}) {
  return head_of("POST / HTTP/1.1|Host: a|" + lines) + body;
}

TEST(Smuggling, AHonestStreamPasses) {
  EXPECT_EQ(
      first_refusal(post("Content-Length: 3|", "abc") + post("Transfer-Encoding: chunked|", "3\r\nabc\r\n0\r\n\r\n") +
                    head_of("GET / HTTP/1.1|Host: a|")),
      std::nullopt);
}

TEST(Smuggling, WhatMastersDecodeThemselvesPasses) {
  for (const std::string target : {"/%41/%2f%2E%5c", "/a?%", "/a?b=%zz&c=%00", "/%0d%0aHost:%20b"})
    EXPECT_EQ(first_refusal("GET " + target + " HTTP/1.1\r\nHost: a\r\n\r\n"), std::nullopt) << target;
}

TEST(Smuggling, WhatIsNoByteInHexadecimalIsRefused) {
  for (const std::string two : {"/0", ":0", "@0", "G0", "`0", "g0", "0/", "0:", "0@", "0G", "0`", "0g", "0", ""})
    EXPECT_EQ(first_refusal("GET /a%" + two + " HTTP/1.1\r\nHost: a\r\n\r\n"), bad_target_character) << two;
  for (const std::string two : {"A0", "F0", "a0", "f0", "09", "9A", "9F", "9a", "9f"})
    EXPECT_EQ(first_refusal("GET /a%" + two + " HTTP/1.1\r\nHost: a\r\n\r\n"), std::nullopt) << two;
}

TEST(Smuggling, BothLengths) {
  const std::string smuggled = "0\r\n\r\nGET /admin HTTP/1.1\r\nHost: a\r\n\r\n";
  expect_refused({
      {post("Content-Length: 3|Transfer-Encoding: chunked|", smuggled), both_lengths},
      {post("Transfer-Encoding: chunked|Content-Length: 3|", smuggled), both_lengths},
      {post("Content-Length: 0|Transfer-Encoding: chunked|", smuggled), both_lengths},
      {post("Content-Length: 3|Transfer-Encoding: identity|", smuggled), both_lengths},
      {post("Content-Length: 3|Transfer-Encoding: |", smuggled), both_lengths},
      {post("Content-Length: x|transfer-encoding:chunked|", smuggled), both_lengths},
  });
}

TEST(Smuggling, ContentLength) {
  std::vector<vector_row> rows{
      {post("Content-Length: 3|Content-Length: 3|", "abc"), content_length_repeated},
      {post("Content-Length: 3|content-length: 30|", "abc"), content_length_repeated},
  };
  for (const std::string value : {"",
                                  "+3",
                                  "-3",
                                  " 3 3",
                                  "3, 3",
                                  "3,3",
                                  "3;",
                                  "0x3",
                                  "3.0",
                                  "3e1",
                                  "03",
                                  "00",
                                  "3 \t3",
                                  "\"3\"",
                                  "three",
                                  "3a",
                                  "9999999999999999999",
                                  "18446744073709551616",
                                  "18446744073709551619",
                                  "1000000000000000000",
                                  "\xb2",
                                  "3\xa0"}) {
    rows.push_back({post("Content-Length: " + value + "|", "abc"), bad_content_length});
  }
  expect_refused(rows);
}

TEST(Smuggling, TransferEncoding) {
  std::vector<vector_row> rows{
      {post("Transfer-Encoding: chunked|Transfer-Encoding: chunked|"), transfer_encoding_repeated},
      {post("Transfer-Encoding: chunked|transfer-encoding: identity|"), transfer_encoding_repeated},
      {head_of("POST / HTTP/1.0|Host: a|Transfer-Encoding: chunked|"), transfer_encoding_on_http10},
  };
  for (const std::string value :
       {"", "identity", "xchunked", "chunkedx", "chunked, chunked", "chunked, identity", "identity, chunked", "gzip",
        "gzip, chunked", "chunked;q=1", "\"chunked\"", "chunked,", ",chunked", "c hunked", "chun\tked", "chunked\xff",
        "'chunked'", "chunked\x85",
        "chunk\xe9"
        "d"}) {
    rows.push_back({post("Transfer-Encoding: " + value + "|"), bad_transfer_encoding});
  }
  expect_refused(rows);
}

TEST(Smuggling, FieldSyntax) {
  expect_refused({
      {post("Transfer-Encoding : chunked|"), space_before_colon},
      {post("Transfer-Encoding\t: chunked|"), space_before_colon},
      {post("Content-Length : 3|", "abc"), space_before_colon},
      {post("Host : b|"), space_before_colon},
      {post(" Content-Length: 3|", "abc"), folded_field},
      {post("\tTransfer-Encoding: chunked|"), folded_field},
      {post("X: y| Transfer-Encoding: chunked|"), folded_field},
      {post("Transfer-Encoding:| chunked|"), folded_field},
      {post("Transfer-Encoding:|\tchunked|"), folded_field},
      {post(" |"), folded_field},
      {head_of("GET / HTTP/1.1| Host: a|"), folded_field},
      {post("Transfer-Encoding|"), missing_colon},
      {post("Transfer-Encoding chunked|"), space_before_colon},
      {post(": chunked|"), bad_field_name},
      {post("Transfer-Encoding\x80: chunked|"), bad_field_name},
      {post("\xef\xbb\xbfTransfer-Encoding: chunked|"), bad_field_name},
      {post("\"Transfer-Encoding\": chunked|"), bad_field_name},
      {post("Transfer/Encoding: chunked|"), bad_field_name},
      {post("(Content-Length): 3|"), bad_field_name},
      {post("Transfer-Encoding:\x0b"
            "chunked|"),
       control_character},
      {post("Transfer-Encoding: chunked\x0c|"), control_character},
      {post(std::string("Transfer-Encoding\0: chunked|", 28)), control_character},
      {post(std::string("Transfer-Encoding: chunked\0|", 28)), control_character},
      {post("X: \x7f|"), control_character},
  });
}

TEST(Smuggling, LineEnds) {
  expect_refused({
      {"GET / HTTP/1.1\nHost: a\n\n", bare_line_feed},
      {"GET / HTTP/1.1\r\nHost: a\nTransfer-Encoding: chunked\r\n\r\n", bare_line_feed},
      {"POST / HTTP/1.1\r\nHost: a\r\nX: y\nContent-Length: 3\r\n\r\nabc", bare_line_feed},
      {"POST / HTTP/1.1\r\nHost: a\r\nX: y\rContent-Length: 3\r\n\r\nabc", bare_carriage_return},
      {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\r\n\r\nabc", bare_carriage_return},
      {"GET / HTTP/1.1\r\nHost: a\r\n\n", bare_line_feed},
      {"GET / HTTP/1.1\r\nHost: a\r\n\rG", bare_carriage_return},
      {"GET / HTTP/1.1\r\rHost: a\r\n\r\n", bare_carriage_return},
      {"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", leading_line_break},
      {"\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", bare_line_feed},
      {post("Content-Length: 3|", "abc\r\n") + "GET / HTTP/1.1\r\nHost: a\r\n\r\n", leading_line_break},
  });
}

TEST(Smuggling, RequestLine) {
  expect_refused({
      {head_of("GET  / HTTP/1.1|Host: a|"), bad_request_line},
      {head_of("GET /  HTTP/1.1|Host: a|"), bad_request_line},
      {head_of("GET / HTTP/1.1 |Host: a|"), bad_request_line},
      {head_of(" GET / HTTP/1.1|Host: a|"), bad_request_line},
      {head_of("GET\t/ HTTP/1.1|Host: a|"), bad_request_line},
      {head_of("GET /\tHTTP/1.1|Host: a|"), bad_request_line},
      {head_of("GET / HTTP/1.1\t|Host: a|"), bad_request_line},
      {head_of("GET /a b HTTP/1.1|Host: a|"), bad_request_line},
      {head_of("GET / HTTP/1.1 HTTP/1.1|Host: a|"), bad_request_line},
      {head_of("GET /|Host: a|"), bad_request_line},
      {head_of("GET|Host: a|"), bad_request_line},
      {head_of("GET HTTP/1.1|Host: a|"), bad_request_line},
      {head_of("GET  HTTP/1.1|Host: a|"), bad_request_line},
      {head_of("G\"T / HTTP/1.1|Host: a|"), bad_request_line},
      {head_of("GET / http/1.1|Host: a|"), bad_request_line},
      {head_of("GET / HTTP/1.10|Host: a|"), bad_request_line},
      {head_of("GET / HTTP/11|Host: a|"), bad_request_line},
      {head_of("GET / HTTP/1|Host: a|"), bad_request_line},
      {head_of("GET / HTTP/ 1.1|Host: a|"), bad_request_line},
      {head_of("GET / HTTP/1.2|Host: a|"), unsupported_version},
      {head_of("GET / HTTP/0.9|Host: a|"), unsupported_version},
      {head_of("GET / HTTP/2.0|Host: a|"), unsupported_version},
      {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", unsupported_version},
      {head_of("get / HTTP/1.1|Host: a|"), unknown_method},
      {head_of("GETT / HTTP/1.1|Host: a|"), unknown_method},
      {head_of("TRACE / HTTP/1.1|Host: a|"), unknown_method},
      {head_of("OPTIONS * HTTP/1.1|Host: a|"), unknown_method},
      {head_of("CONNECT a:8140 HTTP/1.1|Host: a|"), unknown_method},
  });
}

TEST(Smuggling, Target) {
  std::vector<vector_row> rows{
      {head_of("GET * HTTP/1.1|Host: a|"), bad_target_form},
      {head_of("GET http://b/ HTTP/1.1|Host: a|"), bad_target_form},
      {head_of("GET https://b/ HTTP/1.1|Host: a|"), bad_target_form},
      {head_of("GET b:8140 HTTP/1.1|Host: a|"), bad_target_form},
      {head_of("GET //b/puppet-ca/v1 HTTP/1.1|Host: a|"), bad_target_form},
      {head_of("GET ?a=b HTTP/1.1|Host: a|"), bad_target_form},
      {head_of("GET puppet HTTP/1.1|Host: a|"), bad_target_form},
      {head_of("GET %2f HTTP/1.1|Host: a|"), bad_target_form},
      {head_of("GET /a\x7f HTTP/1.1|Host: a|"), control_character},
      {head_of("GET /a%00b HTTP/1.1|Host: a|"), control_character},
  };
  for (const std::string tail : {"%", "%4", "%zz", "%4z/", "%%41", "%4?a=41", "%25%"})
    rows.push_back({"GET /a" + tail + " HTTP/1.1\r\nHost: a\r\n\r\n", bad_target_character});
  for (const std::string c : {"#", "\\", "\"", "<", ">", "^", "`", "{", "|", "}", "\x80", "\xc3\xa4", "\xff"}) {
    rows.push_back({"GET /a" + c + " HTTP/1.1\r\nHost: a\r\n\r\n", bad_target_character});
    rows.push_back({"GET /?a" + c + " HTTP/1.1\r\nHost: a\r\n\r\n", bad_target_character});
  }
  expect_refused(rows);
}

TEST(Smuggling, HostConnectionExpect) {
  expect_refused({
      {head_of("GET / HTTP/1.1|"), host_missing},
      {head_of("GET / HTTP/1.1|X-Host: a|"), host_missing},
      {head_of("GET / HTTP/1.1|Host: a|Host: a|"), host_repeated},
      {head_of("GET / HTTP/1.1|Host: a|hOST: b|"), host_repeated},
      {head_of("GET / HTTP/1.0|Host: a|Host: b|"), host_repeated},
      {head_of("GET / HTTP/1.1|Host: a, b|"), bad_host},
      {head_of("GET / HTTP/1.1|Host: a|Connection: close, \"x\"|"), bad_connection},
      {head_of("GET / HTTP/1.1|Host: a|Connection: a b|"), bad_connection},
      {head_of("GET / HTTP/1.1|Host: a|Connection: a;b|"), bad_connection},
      {post("Content-Length: 3|Expect: 100-continue, x|"), bad_expectation},
      {post("Content-Length: 3|Expect: |"), bad_expectation},
      {post("Content-Length: 3|Expect: 100-continue|Expect: 100-continue|"), bad_expectation},
  });
}

TEST(Smuggling, BodiesThatSomeReadersIgnore) {
  expect_refused({
      {head_of("GET / HTTP/1.1|Host: a|Content-Length: 3|") + "abc", body_not_allowed},
      {head_of("HEAD / HTTP/1.1|Host: a|Content-Length: 3|") + "abc", body_not_allowed},
      {head_of("DELETE / HTTP/1.1|Host: a|Content-Length: 3|") + "abc", body_not_allowed},
      {head_of("GET / HTTP/1.1|Host: a|Transfer-Encoding: chunked|") + "0\r\n\r\n", body_not_allowed},
      {head_of("GET / HTTP/1.0|Content-Length: 3|") + "abc", body_not_allowed},
  });
}

TEST(Smuggling, Chunks) {
  const std::string head = post("Transfer-Encoding: chunked|");
  const auto row = [&head](const std::string& body, framing_error why) { return vector_row{head + body, why}; };
  expect_refused({
      row("\r\n", bad_chunk_size),
      row("3\nabc\r\n0\r\n\r\n", bad_chunk_size),
      row("3\rabc\r\n0\r\n\r\n", bad_chunk_size),
      row(" 3\r\nabc\r\n0\r\n\r\n", bad_chunk_size),
      row("3 \r\nabc\r\n0\r\n\r\n", bad_chunk_size),
      row("3\t;x\r\nabc\r\n0\r\n\r\n", bad_chunk_size),
      row("+3\r\nabc\r\n0\r\n\r\n", bad_chunk_size),
      row("-3\r\nabc\r\n0\r\n\r\n", bad_chunk_size),
      row("0x3\r\nabc\r\n0\r\n\r\n", bad_chunk_size),
      row("3_0\r\nabc\r\n0\r\n\r\n", bad_chunk_size),
      row("g\r\nabc\r\n0\r\n\r\n", bad_chunk_size),
      row("@\r\nabcdefghi\r\n0\r\n\r\n", bad_chunk_size),
      row("`\r\nabcdefghi\r\n0\r\n\r\n", bad_chunk_size),
      row(";x\r\nabc\r\n0\r\n\r\n", bad_chunk_size),
      row("3;x\nabc\r\n0\r\n\r\n", bad_chunk_size),
      row("3;x\rabc\r\n0\r\n\r\n", bad_chunk_size),
      row("3;\"\n\"\r\nabc\r\n0\r\n\r\n", bad_chunk_size),
      row(std::string("3;\0\r\nabc\r\n0\r\n\r\n", 16), bad_chunk_size),
      row("80000000\r\n", chunk_too_large),
      row("ffffffff\r\n", chunk_too_large),
      row("100000003\r\nabc", chunk_too_large),
      row("fffffffffffffffff\r\n", chunk_too_large),
      row("000000003\r\nabc\r\n0\r\n\r\n", chunk_too_large),
      row("3;" + std::string(chunked_decoder::max_extension_bytes + 1, 'x'), chunk_extension_too_long),
      row("3\r\nabcd\r\n0\r\n\r\n", bad_chunk_end),
      row("3\r\nabc\n0\r\n\r\n", bad_chunk_end),
      row("3\r\nabc\rX", bad_chunk_end),
      row("3\r\nabc0\r\n\r\n", bad_chunk_end),
      row("3\r\nabcX\n0\r\n\r\n", bad_chunk_end),
      row("3\r\nabc\r\n0\r\n\n", bad_trailer),
      row("3\r\nabc\r\n0\r\n\rG", bad_trailer),
      row("3\r\nabc\r\n0\r\nGET / HTTP/1.1\r\n\r\n", bad_trailer),
      row("3\r\nabc\r\n0\r\n X: y\r\n\r\n", bad_trailer),
      row("3\r\nabc\r\n0\r\nX : y\r\n\r\n", bad_trailer),
      row("3\r\nabc\r\n0\r\nX: y\n\r\n", bad_trailer),
      row("3\r\nabc\r\n0\r\nX: y\r\r\n\r\n", bad_trailer),
      row("3\r\nabc\r\n0\r\n: y\r\n\r\n", bad_trailer),
      row("3\r\nabc\r\n0\r\nX: y\rZZ: z\r\n\r\n", bad_trailer),
      row("0\r\nX: " + std::string(chunked_decoder::max_trailer_bytes, 'x'), trailers_too_large),
  });
}

}  // namespace
}  // namespace shim::http
