#include "http/chunked.hpp"
#include "http/head_writer.hpp"
#include "http/target.hpp"
#include "unit/http/bytes.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <new>
#include <string>

namespace {
std::size_t allocations = 0;
}

// Counts for the whole program; only the difference over a stretch of code says anything.
void* operator new(std::size_t size) {
  ++allocations;
  if (void* p = std::malloc(size)) return p;  // NOLINT
  throw std::bad_alloc();
}
void operator delete(void* p) noexcept { std::free(p); }               // NOLINT
void operator delete(void* p, std::size_t) noexcept { std::free(p); }  // NOLINT

namespace shim::http {
namespace {

TEST(SteadyState, TakesNoMemoryForAnExchange) {
  const std::string request = head_of(
      "PUT /puppet/v3/report/agent1.example.com?environment=production HTTP/1.1|X-Puppet-Version: 8|Accept: a|Host: a|"
      "Connection: x-a|X-A: b|X-Forwarded-For: c|Transfer-Encoding: chunked|");
  const std::string response = head_of("HTTP/1.1 200 OK|Date: x|Content-Type: a|Transfer-Encoding: chunked|");
  const std::string body = "4;x\r\nWiki\r\n0\r\nA: b\r\n\r\n";
  std::string out;
  out.reserve(4096);
  const std::size_t before = allocations;
  bool good = true;
  for (int i = 0; i < 10; ++i) {
    out.clear();
    head_scanner scanner;
    const auto end = scanner.scan(request);
    good = good && end && *end == request.size();
    const auto asked = parse_request(request);
    const auto answered = parse_response(response, {}, "PUT");
    good = good && asked && answered;
    if (!good) break;
    write_request_head(out, *asked, "b:8140");
    write_response_head(out, *answered, true);
    append_loggable_path(out, asked->target);
    good = query_value(asked->target, "environment") == "production";
    chunked_decoder decoder;
    std::string_view in = body;
    while (good && !in.empty()) {
      const auto step = decoder.next_wire(in);
      good = step.has_value();
      if (good) in.remove_prefix(step->consumed);
    }
    good = good && decoder.done() && !parse_request("GET / HTTP/1.1\r\nHost : a\r\n\r\n");
  }
  const std::size_t after = allocations;
  EXPECT_TRUE(good);
  EXPECT_EQ(after - before, 0U);
}

TEST(SteadyState, IsMeasuredByACounterThatCounts) {
  const std::size_t before = allocations;
  const std::string long_enough(1000, 'x');
  EXPECT_GT(allocations, before) << long_enough.size();
}

}  // namespace
}  // namespace shim::http
