#include "io/hosts_file.hpp"

#include "support/pki.hpp"

#include <gtest/gtest.h>

#include <sys/stat.h>

namespace bunraku::io {
namespace {

using names = std::vector<std::string>;

names texts(const std::vector<boost::asio::ip::address>& addresses) {
  names list;
  for (const auto& each : addresses) list.push_back(each.to_string());
  return list;
}

TEST(HostsFile, NamesAndAliasesInAnyCaseWithTheirAddressesInOrder) {
  const auto* const hosts =
      "127.0.0.1 localhost\n"
      "::1\tlocalhost ip6-localhost # local\n"
      "192.0.2.1  Compile1.Example.COM. compile1\n"
      "192.0.2.2 compile1.example.com\n"
      "192.0.2.1 compile1.example.com\n";
  EXPECT_EQ(texts(addresses_in(hosts, "localhost")), (names{"127.0.0.1", "::1"}));
  EXPECT_EQ(texts(addresses_in(hosts, "compile1.example.com")), (names{"192.0.2.1", "192.0.2.2"}));
  EXPECT_EQ(texts(addresses_in(hosts, "compile1")), names{"192.0.2.1"});
  EXPECT_EQ(texts(addresses_in(hosts, "compile")), names{});
  EXPECT_EQ(texts(addresses_in(hosts, "local")), names{}) << "in a comment";
}

TEST(HostsFile, LinesThatAreNoneArePassedOver) {
  const auto* const hosts = "\n#192.0.2.1 a\n192.0.2.1\nnot-an-address a\n999.0.0.1 a\n192.0.2.2 b\r\n";
  EXPECT_EQ(texts(addresses_in(hosts, "a")), names{});
  EXPECT_EQ(texts(addresses_in(hosts, "b")), names{"192.0.2.2"});
}

TEST(HostsFile, TheLastOfAClustersNodesIsFoundAsTheFirst) {
  std::string text;
  for (int i = 0; i != 100000; ++i) {
    const auto name = "node" + std::to_string(i);
    text += "10." + std::to_string(i >> 16) + "." + std::to_string(i >> 8 & 255) + "." + std::to_string(i & 255) + " " +
            name + ".cluster.example.com " + name + " ib-" + name + "\n";
  }
  ASSERT_GT(text.size(), 5u << 20);
  test_pki::directory directory;
  hosts_file hosts(directory.write("hosts", text));
  EXPECT_EQ(texts(hosts.find("node99999.cluster.example.com")), names{"10.1.134.159"});
  EXPECT_EQ(texts(hosts.find("ib-node0")), names{"10.0.0.0"});
  EXPECT_EQ(texts(hosts.find("node100000")), names{});
}

TEST(HostsFile, WhatWasAskedForIsForgottenWhenTheFileChanges) {
  test_pki::directory directory;
  hosts_file hosts(directory.write("hosts", "192.0.2.1 a\n192.0.2.2 b\n"));
  EXPECT_EQ(texts(hosts.find("a")), names{"192.0.2.1"});
  EXPECT_EQ(texts(hosts.find("b")), names{"192.0.2.2"});
  EXPECT_EQ(texts(hosts.find("c")), names{});
  directory.write("hosts", "192.0.2.3 a\n192.0.2.3 c\n");
  EXPECT_EQ(texts(hosts.find("b")), names{});
  EXPECT_EQ(texts(hosts.find("a")), names{"192.0.2.3"});
  EXPECT_EQ(texts(hosts.find("c")), names{"192.0.2.3"});
}

TEST(HostsFile, WhatIsNoFileIsNotWaitedFor) {
  test_pki::directory directory;
  const auto pipe = directory.path("hosts");
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  hosts_file hosts(pipe);
  EXPECT_TRUE(hosts.find("a").empty());
  EXPECT_TRUE(hosts.find("b").empty());
}

TEST(HostsFile, NoPathAndNoFileKnowNobody) {
  hosts_file unused(""), missing("/nonexistent/hosts");
  EXPECT_TRUE(unused.find("localhost").empty());
  EXPECT_TRUE(missing.find("localhost").empty());
  EXPECT_TRUE(missing.find("localhost").empty());
}

}  // namespace
}  // namespace bunraku::io
