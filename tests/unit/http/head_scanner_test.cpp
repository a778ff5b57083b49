#include "unit/http/bytes.hpp"

#include <gtest/gtest.h>

#include <string>

namespace shim::http {
namespace {

using scanned = std::expected<std::size_t, framing_error>;

TEST(HeadScanner, FindsTheEndHoweverTheBytesWereCut) {
  const std::string head = head_of("GET / HTTP/1.1|Host: a|X-Tabs: a\tb\t|X-Eight: \xff\x80|");
  const std::string all = head + std::string("body\n\r\0more", 11);
  for (std::size_t first = 1; first < head.size(); ++first) {
    for (std::size_t second = first; second < head.size(); ++second) {
      head_scanner scanner;
      ASSERT_EQ(scanner.scan(std::string_view(all).substr(0, first)), scanned(0));
      ASSERT_EQ(scanner.scan(std::string_view(all).substr(0, second)), scanned(0));
      ASSERT_EQ(scanner.scan(all), scanned(head.size()));
    }
  }
}

TEST(HeadScanner, FollowsABufferThatMoves) {
  const std::string head = head_of("GET / HTTP/1.1|Host: a|");
  head_scanner scanner;
  for (std::size_t n = 1; n < head.size(); ++n) {
    const std::string elsewhere = head.substr(0, n);
    ASSERT_EQ(scanner.scan(elsewhere), scanned(0));
  }
  EXPECT_EQ(scanner.scan(head), scanned(head.size()));
}

TEST(HeadScanner, LooksAtNoByteTwice) {
  const std::string head = head_of("GET / HTTP/1.1|Host: a|");
  head_scanner scanner;
  for (std::size_t n = 1; n < head.size(); ++n) {
    const std::size_t seen = n > 1 && head[n - 2] == '\r' ? n - 2 : n - 1;  // what follows a CR decides about it
    ASSERT_EQ(scanner.scan(std::string(seen, '\n') + head.substr(seen, n - seen)), scanned(0)) << n;
  }
}

TEST(HeadScanner, StartsAnewAfterReset) {
  const std::string first = head_of("GET /a/long/first/request HTTP/1.1|Host: a|");
  const std::string second = head_of("GET / HTTP/1.1|Host: a|");
  head_scanner scanner;
  ASSERT_EQ(scanner.scan(first), scanned(first.size()));
  scanner.reset();
  EXPECT_EQ(scanner.scan(second), scanned(second.size()));
}

TEST(HeadScanner, RefusesAtTheFirstForbiddenByte) {
  struct row {
    std::string bytes;
    framing_error why;
  };
  const row rows[] = {
      {"\r", framing_error::leading_line_break},
      {"\r\nGET", framing_error::leading_line_break},
      {"\n", framing_error::bare_line_feed},
      {"GET / HTTP/1.1\n", framing_error::bare_line_feed},
      {"GET / HTTP/1.1\r\nHost: a\n", framing_error::bare_line_feed},
      {"GET / HTTP/1.1\r\rH", framing_error::bare_carriage_return},
      {"GET / HTTP/1.1\rH", framing_error::bare_carriage_return},
      {"GET / HTTP/1.1\r\nHost: a\r\n\rX", framing_error::bare_carriage_return},
      {std::string("GET /\0", 6), framing_error::control_character},
      {"GET / HTTP/1.1\r\nA: \x7f", framing_error::control_character},
      {"GET / HTTP/1.1\r\nA: \x0b", framing_error::control_character},
      {"\x16\x03\x01", framing_error::speaks_tls},
      {"GET\x16", framing_error::control_character},
  };
  for (const row& r : rows) {
    EXPECT_EQ(head_scanner().scan(r.bytes), scanned(std::unexpected(r.why))) << r.bytes;
    head_scanner bytewise;
    for (std::size_t n = 1; n < r.bytes.size(); ++n) {
      const auto early = bytewise.scan(std::string_view(r.bytes).substr(0, n));
      if (!early) EXPECT_EQ(early.error(), r.why) << r.bytes;
    }
  }
}

TEST(HeadScanner, SeesEveryControlCharacterAtEveryOffset) {
  for (std::size_t offset = 0; offset < 20; ++offset) {
    for (int c = 0; c < 256; ++c) {
      std::string bytes(24, 'a');
      bytes[offset] = static_cast<char>(c);
      const bool refused = !head_scanner().scan(bytes);
      EXPECT_EQ(refused, (c < 0x20 && c != '\t') || c == 0x7f) << c << " at " << offset;
    }
  }
}

TEST(HeadScanner, LimitsTheHeadExactly) {
  const std::string head = head_of("GET / HTTP/1.1|Host: a|");
  EXPECT_EQ(head_scanner({.head_bytes = head.size()}).scan(head), scanned(head.size()));
  EXPECT_EQ(head_scanner({.head_bytes = head.size() - 1}).scan(head),
            scanned(std::unexpected(framing_error::head_too_large)));
  EXPECT_EQ(head_scanner({.head_bytes = 10}).scan(head), scanned(std::unexpected(framing_error::start_line_too_long)));
  head_scanner bytewise({.head_bytes = head.size() - 1});
  for (std::size_t n = 1; n < head.size() - 1; ++n)
    ASSERT_EQ(bytewise.scan(std::string_view(head).substr(0, n)), scanned(0));
  EXPECT_FALSE(bytewise.scan(std::string_view(head).substr(0, head.size() - 1)));
}

}  // namespace
}  // namespace shim::http
