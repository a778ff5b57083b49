#include "http/head_writer.hpp"

#include "unit/http/bytes.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace shim::http {
namespace {

struct written {
  std::string bytes;
  dropped_fields dropped;
};

written rewrite_request(const std::string& lines, const std::vector<std::string>& strip = {},
                        std::optional<body_framing> body = std::nullopt) {
  const std::string bytes = head_of(lines);
  const auto head = parse_request(bytes);
  EXPECT_TRUE(head) << text_of(head.error());
  written out;
  if (head) out.dropped = write_request_head(out.bytes, *head, "m1.example.com:8140", strip, body);
  return out;
}

written rewrite_response(const std::string& lines, bool close = false, std::string_view method = "GET",
                         std::optional<body_framing> body = std::nullopt) {
  const std::string bytes = head_of(lines);
  const auto head = parse_response(bytes, {}, method);
  EXPECT_TRUE(head) << text_of(head.error());
  written out;
  if (head) out.dropped = write_response_head(out.bytes, *head, close, body);
  return out;
}

TEST(WriteRequest, PutsHostFirstAndKeepsOrderAndDuplicatesOfTheRest) {
  const written out = rewrite_request(
      "POST /a//b?c=%20 HTTP/1.1|X-Puppet-Version: 8|Cookie: a|Host: agent:1|Content-Length: 5|Cookie: b|x-case: "
      "Kept|");
  EXPECT_EQ(out.bytes, head_of("POST /a//b?c=%20 HTTP/1.1|Host: m1.example.com:8140|X-Puppet-Version: 8|Cookie: a|"
                               "Cookie: b|x-case: Kept|Content-Length: 5|"));
  EXPECT_EQ(out.dropped.total(), 0U);
}

TEST(WriteRequest, WritesExactlyOneFramingField) {
  EXPECT_EQ(rewrite_request("GET / HTTP/1.1|Host: a|Content-Length: 0|").bytes,
            head_of("GET / HTTP/1.1|Host: m1.example.com:8140|"));
  EXPECT_EQ(rewrite_request("PUT / HTTP/1.1|Host: a|transfer-encoding: Chunked|").bytes,
            head_of("PUT / HTTP/1.1|Host: m1.example.com:8140|Transfer-Encoding: chunked|"));
  EXPECT_EQ(rewrite_request("PUT / HTTP/1.1|Host: a|").bytes,
            head_of("PUT / HTTP/1.1|Host: m1.example.com:8140|Content-Length: 0|"));
  EXPECT_EQ(rewrite_request("POST / HTTP/1.1|Host: a|").bytes,
            head_of("POST / HTTP/1.1|Host: m1.example.com:8140|Content-Length: 0|"));
  EXPECT_EQ(
      rewrite_request("PUT / HTTP/1.1|Host: a|Transfer-Encoding: chunked|", {}, body_framing{body_kind::length, 70000})
          .bytes,
      head_of("PUT / HTTP/1.1|Host: m1.example.com:8140|Content-Length: 70000|"));
}

TEST(WriteRequest, WritesTheLargestLengthThereIs) {
  EXPECT_EQ(
      rewrite_request("PUT / HTTP/1.1|Host: a|", {}, body_framing{body_kind::length, 18446744073709551615U}).bytes,
      head_of("PUT / HTTP/1.1|Host: m1.example.com:8140|Content-Length: 18446744073709551615|"));
}

TEST(WriteRequest, SpeaksHttp11ForAnHttp10Client) {
  EXPECT_EQ(rewrite_request("GET / HTTP/1.0|Connection: keep-alive|").bytes,
            head_of("GET / HTTP/1.1|Host: m1.example.com:8140|"));
}

TEST(WriteRequest, DropsWhatIsForThisHopOnly) {
  const char* const names[] = {"Keep-Alive",
                               "Proxy-Connection",
                               "Proxy-Authorization",
                               "proxy-x",
                               "Proxy",
                               "TE",
                               "Trailer",
                               "Upgrade",
                               "HTTP2-Settings",
                               "Expect",
                               "KEEP_ALIVE",
                               "Content_Length",
                               "content_LENGTH",
                               "Transfer_Encoding",
                               "proxy_x"};
  for (const std::string name : names) {
    const written out = rewrite_request("PUT / HTTP/1.1|Host: a|" + name + ": 100-continue|Content-Length: 5|");
    EXPECT_EQ(out.bytes, head_of("PUT / HTTP/1.1|Host: m1.example.com:8140|Content-Length: 5|")) << name;
    EXPECT_EQ(out.dropped.hop_by_hop, 1U) << name;
  }
}

TEST(WriteRequest, DropsWhatConnectionNames) {
  const written out = rewrite_request(
      "GET / HTTP/1.1|Host: a|X-One: 1|Connection: x-one, close, host,x-two ,|x-two: 2|X_One: 3|X-Three: 3|"
      "Connection: X-Four|X-Four: 4|");
  EXPECT_EQ(out.bytes, head_of("GET / HTTP/1.1|Host: m1.example.com:8140|X_One: 3|X-Three: 3|"));
  EXPECT_EQ(out.dropped.hop_by_hop, 3U);
}

TEST(WriteRequest, DropsTheOneFieldThatConnectionNames) {
  const written out = rewrite_request("GET / HTTP/1.1|Host: a|Connection: x-one|X-One: 1|X-Two: x-one|");
  EXPECT_EQ(out.bytes, head_of("GET / HTTP/1.1|Host: m1.example.com:8140|X-Two: x-one|"));
}

TEST(WriteRequest, NoOtherFieldSpeaksForConnection) {
  const written out = rewrite_request("GET / HTTP/1.1|Host: a|Connection: x-one|X-Note: accept|Accept: text/plain|");
  EXPECT_EQ(out.bytes, head_of("GET / HTTP/1.1|Host: m1.example.com:8140|X-Note: accept|Accept: text/plain|"));
}

TEST(WriteRequest, DropsWhatClaimsAnIdentityInEverySpelling) {
  for (const std::string name :
       {"X-Client-Verify", "X-Client-DN", "X-Client-Cert", "X-Client-S-DN", "X-Client-S-DN-CN", "X-SSL-Subject",
        "X-SSL-Client-Verify", "SSL-Client-Cert", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded", "Forwarded",
        "X-Real-IP", "Client-Cert", "Client-Cert-Chain"}) {
    std::string underscores = name;
    std::string lower = name;
    for (std::size_t i = 0; i < name.size(); ++i) {
      if (name[i] == '-') underscores[i] = '_';
      if (name[i] >= 'A' && name[i] <= 'Z') lower[i] = static_cast<char>(name[i] | 0x20);
    }
    std::string mixed = name;
    if (mixed.find('-') != std::string::npos) mixed[mixed.rfind('-')] = '_';
    for (const std::string& spelling : {name, underscores, lower, mixed}) {
      const written out = rewrite_request("GET / HTTP/1.1|Host: a|" + spelling + ": SUCCESS|A: b|");
      EXPECT_EQ(out.bytes, head_of("GET / HTTP/1.1|Host: m1.example.com:8140|A: b|")) << spelling;
      EXPECT_EQ(out.dropped.identity, 1U) << spelling;
    }
  }
}

TEST(WriteRequest, KeepsNamesThatOnlyLookSimilar) {
  for (const std::string name : {"X-Puppet-Version", "X-Clients", "XSSL-A", "SSLx", "Forward", "Forwarded-For",
                                 "X-Real", "Tea", "Upgrade-Insecure-Requests", "Authorization", "X-Authentication",
                                 "Expected", "Proxies", "Retry-After", "Accept-Encoding", "Content-Type"}) {
    const std::string lines = name + ": v|";
    EXPECT_EQ(rewrite_request("GET / HTTP/1.1|Host: a|" + lines).bytes,
              head_of("GET / HTTP/1.1|Host: m1.example.com:8140|" + lines));
  }
}

TEST(WriteRequest, DropsTheSitesOwnNames) {
  const written out = rewrite_request(
      "GET / HTTP/1.1|Host: a|X-Site-User: root|x_site_user: root|X-Site: 1|X-Sits-User: 1|Y-Site-User: 1|",
      {"X-Site-User", "other"});
  EXPECT_EQ(out.bytes, head_of("GET / HTTP/1.1|Host: m1.example.com:8140|X-Site: 1|X-Sits-User: 1|Y-Site-User: 1|"));
  EXPECT_EQ(out.dropped.identity, 2U);
}

TEST(WriteRequest, AppendsBehindWhatIsThere) {
  const std::string bytes = head_of("GET / HTTP/1.1|Host: a|");
  const auto head = parse_request(bytes);
  ASSERT_TRUE(head);
  std::string out = "before";
  write_request_head(out, *head, "b");
  EXPECT_EQ(out, "before" + head_of("GET / HTTP/1.1|Host: b|"));
}

TEST(WriteResponse, KeepsOrderAndDuplicatesAndFramesOnce) {
  const written out = rewrite_response(
      "HTTP/1.1 200 OK|Date: x|Set-Cookie: a|Content-Length: 3|Set-Cookie: b|X-Puppet-Version: 8|Vary: a|");
  EXPECT_EQ(out.bytes, head_of("HTTP/1.1 200 OK|Date: x|Set-Cookie: a|Set-Cookie: b|X-Puppet-Version: 8|Vary: a|"
                               "Content-Length: 3|"));
  EXPECT_EQ(out.dropped.total(), 0U);
}

TEST(WriteResponse, SaysWhenItIsTheLast) {
  EXPECT_EQ(rewrite_response("HTTP/1.1 200 OK|Content-Length: 3|", true).bytes,
            head_of("HTTP/1.1 200 OK|Content-Length: 3|Connection: close|"));
  EXPECT_EQ(rewrite_response("HTTP/1.1 200 OK|Content-Length: 3|Connection: close|", false).bytes,
            head_of("HTTP/1.1 200 OK|Content-Length: 3|"));
}

TEST(WriteResponse, NeverPassesAMastersOwnRetryAfterOn) {
  for (const std::string name : {"Retry-After", "retry-after", "Retry_After"}) {
    const written out = rewrite_response("HTTP/1.1 503 Busy|" + name + ": 7|Content-Length: 0|");
    EXPECT_EQ(out.bytes, head_of("HTTP/1.1 503 Busy|Content-Length: 0|"));
    EXPECT_EQ(out.dropped.retry_after, 1U);
  }
}

TEST(WriteResponse, SaysWhenToAskAgain) {
  const auto bytes = head_of("HTTP/1.1 503 Busy|Retry-After: 900|Content-Length: 0|");
  const auto head = parse_response(bytes, {}, "GET");
  ASSERT_TRUE(head);
  std::string out;
  write_response_head(out, *head, true, std::nullopt, std::chrono::seconds(7));
  EXPECT_EQ(out, head_of("HTTP/1.1 503 Busy|Content-Length: 0|Retry-After: 7|Connection: close|"));
}

TEST(WriteResponse, DropsWhatIsForThisHopOnly) {
  const written out = rewrite_response(
      "HTTP/1.1 200 OK|Keep-Alive: timeout=5|Connection: keep-alive, x-hop|X-Hop: 1|Upgrade: h2c|Trailer: X|"
      "Proxy-Authenticate: Basic|Transfer_Encoding: chunked|Server: j|Transfer-Encoding: chunked|");
  EXPECT_EQ(out.bytes, head_of("HTTP/1.1 200 OK|Server: j|Transfer-Encoding: chunked|"));
  EXPECT_EQ(out.dropped.hop_by_hop, 6U);
}

TEST(WriteResponse, AnswersWithoutBodyAnnounceOnlyWhatIsInformation) {
  EXPECT_EQ(rewrite_response("HTTP/1.1 404 Not Found|Transfer-Encoding: chunked|", false, "HEAD").bytes,
            head_of("HTTP/1.1 404 Not Found|"));
  EXPECT_EQ(rewrite_response("HTTP/1.1 200 OK|Content-Length: 70|", false, "HEAD").bytes,
            head_of("HTTP/1.1 200 OK|Content-Length: 70|"));
  EXPECT_EQ(rewrite_response("HTTP/1.1 304 Not Modified|Content-Length: 70|ETag: x|").bytes,
            head_of("HTTP/1.1 304 Not Modified|ETag: x|Content-Length: 70|"));
  EXPECT_EQ(rewrite_response("HTTP/1.1 204 No Content|Content-Length: 0|").bytes, head_of("HTTP/1.1 204 No Content|"));
  EXPECT_EQ(rewrite_response("HTTP/1.1 100 Continue|").bytes, head_of("HTTP/1.1 100 Continue|"));
}

TEST(WriteResponse, KeepsTheAnnouncedLengthWhenToldThatThereIsNoBody) {
  EXPECT_EQ(rewrite_response("HTTP/1.1 200 OK|Content-Length: 70|", false, "HEAD", body_framing{}).bytes,
            head_of("HTTP/1.1 200 OK|Content-Length: 70|"));
}

TEST(WriteResponse, CanFrameABodyAnew) {
  EXPECT_EQ(rewrite_response("HTTP/1.0 200 OK|", false, "GET", body_framing{body_kind::chunked, 0}).bytes,
            head_of("HTTP/1.1 200 OK|Transfer-Encoding: chunked|"));
  EXPECT_EQ(rewrite_response("HTTP/1.1 200 OK|Transfer-Encoding: chunked|", true, "GET",
                             body_framing{body_kind::until_close, 0})
                .bytes,
            head_of("HTTP/1.1 200 OK|Connection: close|"));
}

TEST(WriteResponse, KeepsTheReasonPrintableAndShort) {
  EXPECT_EQ(rewrite_response("HTTP/1.1 500 gr\xc3\xb6\tsser|Content-Length: 0|").bytes,
            head_of("HTTP/1.1 500 gr???sser|Content-Length: 0|"));
  EXPECT_EQ(rewrite_response("HTTP/1.1 500 ~\x80 \xff|Content-Length: 0|").bytes,
            head_of("HTTP/1.1 500 ~? ?|Content-Length: 0|"));
  EXPECT_EQ(rewrite_response("HTTP/1.1 500 " + std::string(1000, 'x') + "|Content-Length: 0|").bytes,
            head_of("HTTP/1.1 500 " + std::string(128, 'x') + "|Content-Length: 0|"));
}

}  // namespace
}  // namespace shim::http
