#include "policy/dns_lie.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace bunraku::policy {
namespace {

using status = dns_answer::status;

TEST(DnsLie, ReadsRecordsAsAZoneFileHasThem) {
  const auto said = answer_of("0 10 8140 Compile9.example.com\n\n10  65535 1 compile10.example.com.\n", dns_type::srv);
  ASSERT_TRUE(said);
  EXPECT_EQ(said->state, status::found);
  EXPECT_EQ(said->ttl, std::chrono::seconds(0));
  ASSERT_EQ(said->srv.size(), 2u);
  EXPECT_EQ(said->srv[0].priority, 0);
  EXPECT_EQ(said->srv[0].weight, 10);
  EXPECT_EQ(said->srv[0].port, 8140);
  EXPECT_EQ(said->srv[0].target, "compile9.example.com");
  EXPECT_EQ(said->srv[1].priority, 10);
  EXPECT_EQ(said->srv[1].weight, 65535);
  EXPECT_EQ(said->srv[1].port, 1);
  EXPECT_EQ(said->srv[1].target, "compile10.example.com");
}

TEST(DnsLie, ReadsAddresses) {
  const auto said = answer_of("192.0.2.1\n127.0.0.255", dns_type::a);
  ASSERT_TRUE(said);
  EXPECT_EQ(said->state, status::found);
  ASSERT_EQ(said->a.size(), 2u);
  EXPECT_EQ(said->a[0], (std::array<std::uint8_t, 4>{192, 0, 2, 1}));
  EXPECT_EQ(said->a[1], (std::array<std::uint8_t, 4>{127, 0, 0, 255}));
}

TEST(DnsLie, WithoutARecordThereIsNoSuchName) {
  for (const auto* lines : {"", "\n", "\n\n"}) {
    const auto said = answer_of(lines, dns_type::srv);
    ASSERT_TRUE(said);
    EXPECT_EQ(said->state, status::no_such_name);
  }
}

TEST(DnsLie, OneLineThatCannotBeReadSpoilsAll) {
  for (const auto* line : {"0 10 8140", "0 10 8140 ", "0 10 0 a.example.com", "0 10 65536 a.example.com",
                           "0 -1 8140 a.example.com", "0 10 a.example.com", "010 8140 a.example.com",
                           "0 10 8140a.example.com", "a.example.com", "0 10 8140 a..example.com", "0 10 8140 a..",
                           "0 10 8140 .", "0 10 8140 a b", "0 10 8140 a\"", "0 10 8140 192.0.2.1"})
    EXPECT_FALSE(answer_of("0 10 8140 good.example.com\n" + std::string(line), dns_type::srv)) << line;
  for (const auto* line : {"192.0.2", "192.0.2.", "192.0.2.1.", "192.0.2.1 ", "192.0.2.256", "192.0.2.-1", "192..2.1",
                           " 192.0.2.1", "a", "192,0.2.1"})
    EXPECT_FALSE(answer_of("192.0.2.1\n" + std::string(line), dns_type::a)) << line;
  EXPECT_FALSE(answer_of("::1", dns_type::aaaa));
  EXPECT_FALSE(answer_of("192.0.2.1", dns_type::aaaa));
}

TEST(DnsLie, EndsWhereItsTextEnds) {
  const auto said = answer_of(std::string_view("192.0.2.12").substr(0, 9), dns_type::a);
  ASSERT_TRUE(said);
  ASSERT_EQ(said->a.size(), 1u);
  EXPECT_EQ(said->a[0], (std::array<std::uint8_t, 4>{192, 0, 2, 1}));
}

TEST(DnsLie, HasNoMoreRecordsThanAnAnswerThatCameMayHave) {
  std::string names, addresses;
  for (std::size_t i = 0; i != dns_answer::max_records; ++i) {
    names += "0 10 8140 a.example.com\n";
    addresses += "192.0.2.1\n";
  }
  EXPECT_TRUE(answer_of(names, dns_type::srv));
  EXPECT_FALSE(answer_of(names + "0 10 8140 a.example.com", dns_type::srv));
  EXPECT_TRUE(answer_of(addresses, dns_type::a));
  EXPECT_FALSE(answer_of(addresses + "192.0.2.1", dns_type::a));
}

}  // namespace
}  // namespace bunraku::policy
