#include "http/own_answer.hpp"

#include "http/error_body.hpp"
#include "unit/http/bytes.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace shim::http {
namespace {

TEST(ErrorBody, IsWhatMastersSend) {
  EXPECT_EQ(error_body("no \"master\"\n\x01"),
            "{\"message\":\"no \\\"master\\\"\\n\\u0001\",\"issue_kind\":\"RUNTIME_ERROR\"}");
}

TEST(OwnAnswer, IsOneWholeAnswer) {
  const std::string body = error_body("x");
  for (std::size_t i = 0; i < framing_error_count; ++i) {
    const int status = status_of(static_cast<framing_error>(i));
    std::string out = "before";
    write_own_answer(out, status, body, false, true);
    const std::string_view bytes = std::string_view(out).substr(6);
    const auto end = head_scanner().scan(bytes);
    ASSERT_TRUE(end && *end != 0);
    const auto head = parse_response(bytes.substr(0, *end), {}, "GET");
    ASSERT_TRUE(head) << text_of(head.error());
    EXPECT_EQ(head->status, status);
    EXPECT_NE(head->reason, "Error") << status << " has no words of its own";
    EXPECT_EQ(head->body, (body_framing{body_kind::length, body.size()}));
    EXPECT_EQ(head->fields.find("content-type"), "application/json");
    EXPECT_FALSE(head->keep_alive);
    EXPECT_EQ(bytes.substr(*end), body);
  }
}

TEST(OwnAnswer, SaysWhichMethodItWouldTake) {
  std::string out;
  write_own_answer(out, 405, "", false, true, "POST");
  const auto head = parse_response(out, {}, "GET");
  ASSERT_TRUE(head) << text_of(head.error());
  EXPECT_EQ(head->fields.find("allow"), "POST");
}

TEST(OwnAnswer, HasTheWordsOfRfc9110And6585) {
  const std::pair<int, const char*> all[] = {{200, "OK"},
                                             {400, "Bad Request"},
                                             {403, "Forbidden"},
                                             {404, "Not Found"},
                                             {405, "Method Not Allowed"},
                                             {408, "Request Timeout"},
                                             {409, "Conflict"},
                                             {411, "Length Required"},
                                             {413, "Content Too Large"},
                                             {414, "URI Too Long"},
                                             {417, "Expectation Failed"},
                                             {421, "Misdirected Request"},
                                             {431, "Request Header Fields Too Large"},
                                             {501, "Not Implemented"},
                                             {502, "Bad Gateway"},
                                             {503, "Service Unavailable"},
                                             {504, "Gateway Timeout"},
                                             {505, "HTTP Version Not Supported"},
                                             {599, "Error"}};
  for (const auto& [status, words] : all) {
    std::string out;
    write_own_answer(out, status, "", false, false);
    EXPECT_TRUE(out.starts_with("HTTP/1.1 " + std::to_string(status) + " " + words + "\r\n")) << out;
  }
}

TEST(OwnAnswer, ToHeadHasNoBodyAndMayKeepTheConnection) {
  std::string out;
  write_own_answer(out, 503, "12345", true, false);
  const auto head = parse_response(out, {}, "HEAD");
  ASSERT_TRUE(head) << text_of(head.error());
  EXPECT_EQ(head->announced_length, 5U);
  EXPECT_TRUE(head->keep_alive);
}

TEST(OwnDocument, IsOfItsTypeAndLengthAndRunsNothingOfOthers) {
  std::string out = "before";
  write_own_document(out, "text/html; charset=utf-8", "<p>");
  EXPECT_TRUE(
      out.starts_with("beforeHTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: 3\r\n"))
      << out;
  EXPECT_TRUE(out.ends_with("\r\nConnection: close\r\n\r\n<p>")) << out;
  for (const auto* field :
       {"\r\nCache-Control: no-store\r\n", "\r\nX-Content-Type-Options: nosniff\r\n",
        "\r\nReferrer-Policy: no-referrer\r\n", "\r\nContent-Security-Policy: default-src 'none'; ",
        " connect-src 'self'; ", " base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n"})
    EXPECT_NE(out.find(field), std::string::npos) << field;
}

}  // namespace
}  // namespace shim::http
