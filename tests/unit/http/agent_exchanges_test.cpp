#include "fuzz/http_properties.hpp"
#include "unit/http/bytes.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

// What real agents and masters said, from fixtures/agent_exchanges.txt.
namespace shim::http {
namespace {

struct exchange {
  std::uint64_t request_body = 0;
  std::string answer_framing, request, response, method;
};

std::vector<exchange> exchanges() {
  std::ifstream in(TEST_SOURCE_DIR "/unit/http/fixtures/agent_exchanges.txt");
  std::vector<exchange> all;
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("# body ")) {
      const std::size_t arrow = line.find(" -> ");
      all.push_back({std::stoull(line.substr(7, arrow - 7)), line.substr(arrow + 4), {}, {}, {}});
    } else if (line.starts_with("> ")) {
      if (all.back().request.empty()) all.back().method = line.substr(2, line.find(' ', 2) - 2);
      all.back().request += line.substr(2) + "\r\n";
    } else if (line.starts_with("< ")) {
      all.back().response += line.substr(2) + "\r\n";
    }
  }
  for (exchange& e : all) {
    e.request += "\r\n";
    e.response += "\r\n";
  }
  return all;
}

TEST(AgentExchanges, AreThere) { EXPECT_GE(exchanges().size(), 30U); }

TEST(AgentExchanges, RequestsAreTakenAsTheyAre) {
  for (const exchange& e : exchanges()) {
    const auto head = parse_request(e.request);
    ASSERT_TRUE(head) << text_of(head.error()) << "\n" << e.request;
    EXPECT_EQ(head->method, e.method);
    EXPECT_TRUE(head->keep_alive);
    EXPECT_EQ(head->body.length, e.request_body) << e.request;
    std::string written;
    const auto dropped = write_request_head(written, *head, head->host);
    EXPECT_EQ(dropped.total(), 0U);
    EXPECT_EQ(written.size(), e.request.size()) << "only the order of fields may change\n" << written;
    EXPECT_EQ(http_properties::check_request_head(e.request), "") << e.request;
  }
}

TEST(AgentExchanges, AnswersAreTakenAsTheyAre) {
  for (const exchange& e : exchanges()) {
    const auto head = parse_response(e.response, {}, e.method);
    ASSERT_TRUE(head) << text_of(head.error()) << "\n" << e.response;
    const body_kind expected = e.answer_framing == "chunked"  ? body_kind::chunked
                               : e.answer_framing == "length" ? body_kind::length
                                                              : body_kind::none;
    EXPECT_EQ(head->body.kind, expected) << e.response;
    EXPECT_TRUE(head->keep_alive);
    std::string written;
    EXPECT_EQ(write_response_head(written, *head, false).total(), 0U);
    if (head->body.kind != body_kind::none) EXPECT_EQ(written.size(), e.response.size()) << written;
    EXPECT_EQ(http_properties::check_response_head(e.response, e.method), "") << e.response;
  }
}

TEST(AgentExchanges, AreFoundHoweverTheBytesAreCut) {
  for (const exchange& e : exchanges()) {
    for (const std::string& head : {e.request, e.response}) {
      const std::string stream = head + head;
      for (std::size_t cut = 1; cut < stream.size(); ++cut) {
        head_scanner scanner;
        const auto first = scanner.scan(std::string_view(stream).substr(0, cut));
        ASSERT_EQ(first, (std::expected<std::size_t, framing_error>(cut < head.size() ? 0 : head.size())));
        if (*first == 0) ASSERT_EQ(scanner.scan(stream), (std::expected<std::size_t, framing_error>(head.size())));
      }
    }
  }
}

// Every single byte of a real head, changed to every other value: refused, or still one head with one meaning.
TEST(AgentExchanges, SurviveAnyOneByteChanged) {
  const auto all = exchanges();
  ASSERT_FALSE(all.empty());
  std::string request = all.back().request;
  std::string response = all.back().response;
  for (std::string* bytes : {&request, &response}) {
    for (char& at : *bytes) {
      const char old = at;
      for (int c = 0; c < 256; ++c) {
        at = static_cast<char>(c);
        const std::string why = bytes == &request ? http_properties::check_request_head(*bytes)
                                                  : http_properties::check_response_head(*bytes, all.back().method);
        ASSERT_EQ(why, "") << *bytes;
      }
      at = old;
    }
  }
}

}  // namespace
}  // namespace shim::http
