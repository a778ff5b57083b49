#include "config/keys.hpp"
#include "unit/config/reading.hpp"

#include <gmock/gmock.h>

using namespace shim::config;
using reading::bad;
using reading::good;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using way = listen_at::way_in;

TEST(Listen, ReplacesTheDefaults) {
  const auto c = good("[[listen]]\naddress = \"[::1]:8141\"\n[[listen]]\naddress = \"127.0.0.1:0\"\n");
  ASSERT_EQ(c.listen.size(), 2u);
  EXPECT_EQ(c.listen[0].way, way::terminate);
  EXPECT_EQ(c.listen[0].address, "::1");
  EXPECT_EQ(c.listen[0].port, 8141);
  EXPECT_FALSE(c.listen[0].implied);
  EXPECT_EQ(c.listen[0].where, "b.toml:1");
  EXPECT_EQ(c.listen[1].port, 0);
}

TEST(Listen, OtherHostsAreKeptOutUnlessItIsSaid) {
  for (const char* address : {"0.0.0.0:8140", "[::]:8140", "192.0.2.1:8140", "[::ffff:127.0.0.1]:8140"}) {
    const auto text = "[[listen]]\naddress = \"" + std::string(address) + "\"\n";
    EXPECT_THAT(bad(text), HasSubstr("can be reached by other hosts"));
    EXPECT_TRUE(good(text + "beyond_loopback = true\n").listen.at(0).beyond_loopback);
  }
}

TEST(Listen, AddressesAreNotNamesAndHavePorts) {
  for (const char* no : {"localhost:8140", "127.0.0.1:x", "a b:1"})
    EXPECT_THAT(bad("[[listen]]\naddress = \"" + std::string(no) + "\"\n"), HasSubstr("names are not looked up"));
  EXPECT_THAT(bad("[[listen]]\naddress = \"127.0.0.1\"\n"), HasSubstr("Add one: \"127.0.0.1:8140\""));
  EXPECT_THAT(bad("[[listen]]\naddress = \"::1\"\n"), HasSubstr("Add one: \"[::1]:8140\""));
  EXPECT_THAT(bad("[[listen]]\naddress = 8140\n"), HasSubstr("must not be an integer"));
}

TEST(Listen, ASocketHasUsersAndAMode) {
  const auto c = good(
      "[[listen]]\nway = \"socket\"\npath = \"/run/b.sock\"\nusers = [\"puppet\", 1000]\n"
      "[[listen]]\nway = \"socket\"\npath = \"/run/c.sock\"\n"
      "[[listen]]\nway = \"socket\"\npath = \"/run/d.sock\"\nmode = \"0660\"\n"
      "[[listen]]\nway = \"socket\"\npath = \"/run/e.sock\"\nmode = \"777\"\n");
  ASSERT_EQ(c.listen.size(), 4u);
  EXPECT_EQ(c.listen[0].way, way::socket);
  EXPECT_EQ(to_string(c.listen[0]), "/run/b.sock");
  ASSERT_EQ(c.listen[0].users.size(), 2u);
  EXPECT_EQ(std::get<std::string>(c.listen[0].users[0]), "puppet");
  EXPECT_EQ(std::get<std::uint32_t>(c.listen[0].users[1]), 1000u);
  EXPECT_EQ(c.listen[0].mode, 0666u);
  EXPECT_EQ(c.listen[1].mode, 0600u);
  EXPECT_EQ(c.listen[2].mode, 0660u);
  EXPECT_EQ(c.listen[3].mode, 0777u);
}

TEST(Listen, UsersAreRootAndOthersUpToABound) {
  const auto with = [](const std::string& users) {
    return "[[listen]]\nway = \"socket\"\npath = \"/s\"\nusers = [" + users + "]\n";
  };
  const auto users = good(with("0, 4294967294, \"" + std::string(64, 'u') + "\"")).listen.at(0).users;
  EXPECT_EQ(std::get<std::uint32_t>(users.at(0)), 0u);
  EXPECT_EQ(std::get<std::uint32_t>(users.at(1)), 4294967294u);
  EXPECT_EQ(std::get<std::string>(users.at(2)).size(), 64u);
  EXPECT_THAT(bad(with("\"" + std::string(65, 'u') + "\"")), HasSubstr("no user"));
  std::string many = "0";
  const auto most = static_cast<std::size_t>(find_key("listen", "users")->most);
  for (std::size_t i = 1; i < most; ++i) many += "," + std::to_string(i);
  EXPECT_EQ(good(with(many)).listen.at(0).users.size(), most);
  EXPECT_THAT(bad(with(many + ",65534")), HasSubstr("Give at most " + std::to_string(most)));
}

TEST(Listen, RefusesUsersThatCannotBe) {
  for (const char* user : {"-1", "4294967295", "4294967296", "1.5", "\"\"", "true", "\"a\\nb\""})
    EXPECT_THAT(bad("[[listen]]\nway = \"socket\"\npath = \"/s\"\nusers = [" + std::string(user) + "]\n"),
                HasSubstr("no user"))
        << user;
}

TEST(Listen, RefusesModesThatCannotBe) {
  for (const char* mode : {"999", "1000", "1777", "rw", "-1", "0x1ff"})
    EXPECT_THAT(bad("[[listen]]\nway = \"socket\"\npath = \"/s\"\nmode = \"" + std::string(mode) + "\"\n"),
                HasSubstr("octal"))
        << mode;
}

TEST(Listen, SocketPathsFitTheKernelsLimit) {
  const auto with = [](std::size_t length) {
    return "[[listen]]\nway = \"socket\"\npath = \"/" + std::string(length - 1, 'a') + "\"\n";
  };
  good(with(107));
  EXPECT_THAT(bad(with(108)), HasSubstr("longer than 107 bytes"));
}

TEST(Listen, KeysOfTheOtherWayAreRefused) {
  EXPECT_THAT(bad("[[listen]]\naddress = \"127.0.0.1:1\"\nusers = [1]\n"), HasSubstr("for way = \"socket\" only"));
  EXPECT_THAT(bad("[[listen]]\nway = \"socket\"\npath = \"/s\"\nbeyond_loopback = true\n"),
              HasSubstr("for way = \"terminate\" only"));
  EXPECT_THAT(bad("[[listen]]\nway = \"socket\"\npath = \"/s\"\naddress = \"127.0.0.1:1\"\n"),
              HasSubstr("not for way = \"socket\""));
}

TEST(Listen, TunnelsHaveAnAddressAndNeverBeyondLoopback) {
  const auto c = good(
      "[[listen]]\nway = \"connect\"\naddress = \"127.0.0.1:3128\"\n"
      "[[listen]]\nway = \"passthrough\"\naddress = \"[::1]:8140\"\n");
  EXPECT_EQ(c.listen.at(0).way, way::connect);
  EXPECT_EQ(c.listen.at(0).port, 3128);
  EXPECT_EQ(c.listen.at(1).way, way::passthrough);
  EXPECT_FALSE(c.listen.at(1).service);
  for (const char* name : {"connect", "passthrough"}) {
    const auto open = "[[listen]]\nway = \"" + std::string(name) + "\"\naddress = \"0.0.0.0:8140\"\n";
    EXPECT_THAT(bad(open), HasSubstr("nobody here would ask them who they are"));
    EXPECT_THAT(bad(open + "beyond_loopback = true\n"), HasSubstr("for way = \"terminate\" only"));
  }
}

TEST(Listen, PassthroughMayHaveAServiceForClientsThatNameNoServer) {
  const std::string listen = "[[listen]]\nway = \"passthrough\"\naddress = \"127.0.0.1:1\"\n";
  EXPECT_EQ(good(listen + "service = \"ca\"\n").listen.at(0).service, bunraku::service::ca);
  const auto further = good(listen + "service = \"x\"\n[service.x]\nmasters = [\"m\"]\nnames = [\"n\"]\n");
  EXPECT_EQ(further.listen.at(0).service, static_cast<bunraku::service>(4));
  EXPECT_THAT(bad(listen + "service = \"catalogue\"\n"), HasSubstr("Did you mean `catalog`?"));
  EXPECT_THAT(bad(listen + "service = \"staging\"\n"), HasSubstr("Add [service.staging] with its masters."));
  EXPECT_THAT(bad("[[listen]]\naddress = \"127.0.0.1:1\"\nservice = \"ca\"\n"),
              HasSubstr("for way = \"passthrough\" only"));
}

TEST(Listen, UnknownWaysNameThoseThereAre) {
  const auto told = bad("[[listen]]\nway = \"plain\"\n");
  EXPECT_THAT(told, HasSubstr("There are terminate, connect, passthrough, socket."));
  EXPECT_THAT(told, Not(HasSubstr("not where")));
}

TEST(Listen, IsInheritedOrOpenedNotBoth) {
  const auto c = good("[[listen]]\ninherit = \"agent\"\n[[listen]]\nway = \"socket\"\ninherit = \"1\"\n");
  EXPECT_EQ(c.listen[0].inherit, "agent");
  EXPECT_EQ(to_string(c.listen[1]), "inherited 1");
  EXPECT_THAT(bad("[[listen]]\ninherit = \"a\"\naddress = \"127.0.0.1:1\"\n"), HasSubstr("has its address already"));
  EXPECT_THAT(bad("[[listen]]\n"), HasSubstr("says not where: it has neither `address` nor `inherit`. Add address ="));
  EXPECT_THAT(bad("[[listen]]\nway = \"socket\"\n"), HasSubstr("neither `path` nor `inherit`. Add path ="));
}

TEST(Listen, NoPlaceIsTakenTwice) {
  const auto two = [](const std::string& a, const std::string& b) {
    return "[[listen]]\n" + a + "\n[[listen]]\n" + b + "\n";
  };
  EXPECT_THAT(bad(two("address = \"127.0.0.1:1\"", "address = \"127.0.0.1:1\"")),
              HasSubstr("same place as the one at b.toml:1"));
  EXPECT_THAT(bad(two("address = \"[::1]:1\"", "address = \"[0::1]:1\"")), HasSubstr("same place"));
  EXPECT_THAT(bad(two("address = \"0.0.0.0:1\"\nbeyond_loopback = true", "address = \"127.0.0.1:1\"")),
              HasSubstr("same place"));
  EXPECT_THAT(bad(two("address = \"[::1]:1\"", "address = \"[::]:1\"\nbeyond_loopback = true")),
              HasSubstr("same place"));
  EXPECT_THAT(bad(two("way = \"connect\"\naddress = \"127.0.0.1:1\"", "address = \"127.0.0.1:1\"")),
              HasSubstr("same place"));
  EXPECT_THAT(bad(two("inherit = \"a\"", "way = \"socket\"\ninherit = \"a\"")), HasSubstr("same place"));
  EXPECT_THAT(bad(two("way = \"socket\"\npath = \"/a\"", "way = \"socket\"\npath = \"/a\"")), HasSubstr("same place"));
  good(two("address = \"127.0.0.1:0\"", "address = \"127.0.0.1:0\""));
  good(two("address = \"127.0.0.1:1\"", "address = \"127.0.0.1:2\""));
  good(two("address = \"127.0.0.1:1\"", "way = \"socket\"\npath = \"/a\""));
  good(two("way = \"socket\"\npath = \"/a\"", "address = \"127.0.0.1:1\""));
  good(two("address = \"[::]:1\"\nbeyond_loopback = true", "address = \"127.0.0.1:1\""));
}

TEST(Listen, NeedsDoubleBracketsAndAtLeastOne) {
  EXPECT_THAT(bad("[listen]\naddress = \"127.0.0.1:1\"\n"),
              AllOf(HasSubstr("Write [[listen]]"), Not(HasSubstr("is empty"))));
  EXPECT_THAT(bad("listen = []\n"), HasSubstr("no client could come in"));
  EXPECT_THAT(bad("listen = [1]\n"), AllOf(HasSubstr("must be a table"), Not(HasSubstr("not where"))));
}
