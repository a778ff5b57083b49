#include "io/resolv_conf.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <sys/stat.h>
#include <unistd.h>

namespace bunraku::io {
namespace {

std::vector<std::string> texts(const std::vector<name_server>& servers) {
  std::vector<std::string> list;
  for (const auto& each : servers) list.push_back(each.to_string());
  return list;
}

TEST(NameServer, EveryFormThatIsPromised) {
  const auto text = [](std::string_view from) { return parse_name_server(from).value().to_string(); };
  EXPECT_EQ(text("127.0.0.1"), "127.0.0.1:53");
  EXPECT_EQ(text("127.0.0.1:5353"), "127.0.0.1:5353");
  EXPECT_EQ(text("::1"), "[::1]:53");
  EXPECT_EQ(text("[::1]"), "[::1]:53");
  EXPECT_EQ(text("[2001:db8::1]:65535"), "[2001:db8::1]:65535");
  EXPECT_EQ(text("fe80::1%eth0"), "[fe80::1%eth0]:53");
  EXPECT_EQ(text("[fe80::1%2]:5353"), "[fe80::1%2]:5353");
}

TEST(NameServer, OtherFormsAreRefusedInWords) {
  for (const std::string bad :
       {"", "ns.example.com", "ns:53", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:5a", "127.0.0.1: 53",
        "[::1", "[::1]53", "[::1]:", "127.1", "::1%lo", "fe80::1%"}) {
    const auto server = parse_name_server(bad);
    ASSERT_FALSE(server) << bad;
    EXPECT_NE(server.error().find("'" + bad + "'"), std::string::npos);
  }
}

TEST(ResolvConf, NameServerLinesInOrderAndOnlyThree) {
  EXPECT_EQ(texts(parse_resolv_conf("# nameserver 192.0.2.9\n; nameserver 192.0.2.8\nsearch example.com\n"
                                    "nameserver 192.0.2.1\n\tnameserver\t::1 # ours\nnameserver bogus\nnameserver\n"
                                    "options timeout:1\nnameserver 192.0.2.2\nnameserver 192.0.2.3")),
            (std::vector<std::string>{"192.0.2.1:53", "[::1]:53", "192.0.2.2:53"}));
}

TEST(ResolvConf, WithoutANameServerItIsThisHost) {
  EXPECT_EQ(texts(parse_resolv_conf("")), std::vector<std::string>{"127.0.0.1:53"});
  EXPECT_EQ(texts(parse_resolv_conf("nameservers 192.0.2.1\nnameserver ::1%lo\n")),
            std::vector<std::string>{"127.0.0.1:53"});
}

TEST(ResolvConf, TheLastSearchOrDomainLineIsTheSearchList) {
  using list = std::vector<std::string>;
  EXPECT_EQ(parse_search_list("nameserver 192.0.2.1\n"), list{});
  EXPECT_EQ(parse_search_list("search one.example Two.example. # three.example\n"),
            (list{"one.example", "Two.example"}));
  EXPECT_EQ(parse_search_list("domain one.example two.example\n"), list{"one.example"});
  EXPECT_EQ(parse_search_list("search one.example two.example\n\tdomain\tthree.example"), list{"three.example"});
  EXPECT_EQ(parse_search_list("domain three.example\nsearch one.example\nsearch\n"), list{"one.example"});
  EXPECT_EQ(parse_search_list("searches one.example\nsearch .\n"), list{});
}

TEST(ResolvConf, ASearchListHasSixDomainsAtMost) {
  EXPECT_EQ(parse_search_list("search a b c d e f g h\n"), (std::vector<std::string>{"a", "b", "c", "d", "e", "f"}));
}

TEST(ResolvConf, AMissingFileIsAnEmptyOne) {
  resolv_conf missing("/nonexistent/resolv.conf");
  EXPECT_EQ(texts(missing.name_servers()), std::vector<std::string>{"127.0.0.1:53"});
  EXPECT_EQ(missing.name_servers().size(), 1u);
  EXPECT_TRUE(missing.search_list().empty());
}

TEST(ResolvConf, AFileThatCouldNotBeOpenedIsReadTheNextTime) {
  const std::string path = testing::TempDir() + "bunraku-resolv-" + std::to_string(::getpid());
  std::ofstream(path) << "nameserver 192.0.2.53\n";
  // As for want of a descriptor: the sanitizers need theirs. Who is not root takes the file from himself.
  const auto own = ::geteuid();
  ASSERT_EQ(::chmod(path.c_str(), own == 0 ? 0600 : 0), 0);
  if (own == 0) ASSERT_EQ(::seteuid(65534), 0);
  resolv_conf file(path);
  const auto closed = texts(file.name_servers());
  if (own == 0) ASSERT_EQ(::seteuid(own), 0);
  else ASSERT_EQ(::chmod(path.c_str(), 0600), 0);
  EXPECT_EQ(closed, std::vector<std::string>{"127.0.0.1:53"});
  EXPECT_EQ(texts(file.name_servers()), std::vector<std::string>{"192.0.2.53:53"});
  ::unlink(path.c_str());
}

}  // namespace
}  // namespace bunraku::io
