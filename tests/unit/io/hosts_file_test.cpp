#include "io/hosts_file.hpp"

#include <gtest/gtest.h>

namespace bunraku::io {
namespace {

std::vector<std::string> texts(const host_addresses& hosts, const std::string& name) {
  std::vector<std::string> list;
  if (const auto found = hosts.find(name); found != hosts.end())
    for (const auto& each : found->second) list.push_back(each.to_string());
  return list;
}

TEST(HostsFile, NamesAndAliasesInAnyCaseWithTheirAddressesInOrder) {
  const auto hosts = parse_hosts(
      "127.0.0.1 localhost\n"
      "::1\tlocalhost ip6-localhost # local\n"
      "192.0.2.1  Compile1.Example.COM. compile1\n"
      "192.0.2.2 compile1.example.com\n"
      "192.0.2.1 compile1.example.com\n");
  EXPECT_EQ(texts(hosts, "localhost"), (std::vector<std::string>{"127.0.0.1", "::1"}));
  EXPECT_EQ(texts(hosts, "compile1.example.com"), (std::vector<std::string>{"192.0.2.1", "192.0.2.2"}));
  EXPECT_EQ(texts(hosts, "compile1"), std::vector<std::string>{"192.0.2.1"});
}

TEST(HostsFile, LinesThatAreNoneArePassedOver) {
  const auto hosts = parse_hosts("\n#192.0.2.1 a\n192.0.2.1\nnot-an-address a\n999.0.0.1 a\n192.0.2.2 b\r\n");
  EXPECT_EQ(hosts.size(), 1u);
  EXPECT_EQ(texts(hosts, "b"), std::vector<std::string>{"192.0.2.2"});
}

TEST(HostsFile, ItIsBounded) {
  std::string text = "192.0.2.1";
  for (int i = 0; i < 70000; ++i) text += " n" + std::to_string(i);
  EXPECT_EQ(parse_hosts(text).size(), 65536u);
}

TEST(HostsFile, NoPathAndNoFileKnowNobody) {
  hosts_file unused(""), missing("/nonexistent/hosts");
  EXPECT_TRUE(unused.find("localhost").empty());
  EXPECT_TRUE(missing.find("localhost").empty());
}

}  // namespace
}  // namespace bunraku::io
