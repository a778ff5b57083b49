#include "config/values.hpp"

#include <gtest/gtest.h>

#include <string>

using namespace shim::config;
using namespace std::chrono_literals;

TEST(Duration, TakesANumberAndAUnit) {
  EXPECT_EQ(parse_duration("250ms"), 250ms);
  EXPECT_EQ(parse_duration("0s"), 0ms);
  EXPECT_EQ(parse_duration("3s"), 3000ms);
  EXPECT_EQ(parse_duration("2m"), 120000ms);
  EXPECT_EQ(parse_duration("1h"), 3600000ms);
  EXPECT_EQ(parse_duration("1d"), 86400000ms);
  EXPECT_EQ(parse_duration("36525d"), 36525 * 24h) << "a century";
}

TEST(Duration, RefusesEverythingElse) {
  for (const char* text : {"", "3", "s", "3 s", " 3s", "3s ", "-3s", "+3s", "3.5s", "3S", "3sec", "0x3s", "3s3s",
                           "9223372036854775807d", "99999999999999999999s", "36526d"})
    EXPECT_EQ(parse_duration(text), std::nullopt) << text;
}

TEST(Duration, ComesOutAsItWouldBeWritten) {
  for (const char* text : {"250ms", "0s", "90s", "2m", "25h", "2d", "1001ms"})
    EXPECT_EQ(to_string(*parse_duration(text)), text);
}

TEST(HostAndPort, TakesNamesAndAddresses) {
  const auto check = [](const char* text, const char* host, std::optional<std::uint16_t> port) {
    const auto parsed = parse_host_and_port(text);
    ASSERT_TRUE(parsed) << text;
    EXPECT_EQ(parsed->host, host);
    EXPECT_EQ(parsed->port, port);
  };
  check("compile1.example.com:8140", "compile1.example.com", 8140);
  check("Compile1.Example.COM.:8140", "compile1.example.com", 8140);
  check("compile1", "compile1", std::nullopt);
  check("_x-puppet._tcp.example.com.", "_x-puppet._tcp.example.com", std::nullopt);
  check("192.0.2.1:443", "192.0.2.1", 443);
  check("[2001:DB8:0::1]:8140", "2001:db8::1", 8140);
  check("2001:db8::1", "2001:db8::1", std::nullopt);
  check("[::1]", "::1", std::nullopt);
  check("127.0.0.1:0", "127.0.0.1", 0);
  check("AZaz-09_.example.com:65535", "azaz-09_.example.com", 65535);
  const std::string label(63, 'a'), longest = label + "." + label + "." + label + "." + std::string(61, 'b');
  check(longest.c_str(), longest.c_str(), std::nullopt);
  EXPECT_FALSE(parse_host_and_port(longest + "b"));
}

TEST(HostAndPort, RefusesWhatIsNeither) {
  const std::string long_label(64, 'a');
  const std::string long_name = [] {
    std::string out;
    while (out.size() < 254) out += "abcdefg.";
    return out + "com";
  }();
  for (const std::string& text : {std::string(),
                                  std::string(":8140"),
                                  std::string("host:"),
                                  std::string("host:65536"),
                                  std::string("host:-1"),
                                  std::string("host:+1"),
                                  std::string("host:80x"),
                                  std::string("a b"),
                                  std::string("a/b"),
                                  std::string("a@b"),
                                  std::string("a`b"),
                                  std::string("a{b"),
                                  std::string("a..b"),
                                  std::string(".a"),
                                  std::string("[::1"),
                                  std::string("[::1]8140"),
                                  std::string("[host]:1"),
                                  std::string("[127.0.0.1]:1"),
                                  std::string("1.2.3"),
                                  std::string("256.1.1.1:80"),
                                  std::string("::1::2"),
                                  std::string("https://host:1"),
                                  std::string("127.1"),
                                  std::string("h\0st", 4),
                                  std::string("127.0.0.1\0x", 11),
                                  long_label,
                                  long_name})
    EXPECT_EQ(parse_host_and_port(text).has_value(), false) << text;
}

TEST(IpAddress, IsOneOfEitherFamilyAsItIsWritten) {
  const std::string longest = "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255";
  for (const auto& yes :
       {std::string("192.0.2.1"), std::string("2001:db8::1"), std::string("::ffff:192.0.2.1"), longest})
    EXPECT_TRUE(is_ip_address(yes)) << yes;
  for (const auto& no :
       {std::string(), std::string("192.0.2"), std::string("192.0.2.1:1"), std::string("[::1]"), std::string("::1%lo"),
        std::string("a"), longest + "0", std::string(46, '1'), std::string(1000, ':'), std::string("::1\0", 4)})
    EXPECT_FALSE(is_ip_address(no)) << no;
}

TEST(Loopback, IsAll127AndOneOfIpv6) {
  for (const char* yes : {"127.0.0.1", "127.0.1.1", "127.255.255.255", "::1"}) EXPECT_TRUE(is_loopback(yes)) << yes;
  for (const char* no :
       {"0.0.0.0", "::", "128.0.0.1", "10.0.0.1", "::2", "fe80::1", "::ffff:127.0.0.1", "localhost", ""})
    EXPECT_FALSE(is_loopback(no)) << no;
}
