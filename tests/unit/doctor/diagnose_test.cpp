#include "doctor/finding.hpp"

#include <gmock/gmock.h>

using namespace shim::doctor;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

namespace {

using trouble = master_facts::trouble;

facts healthy() {
  facts f;
  f.now = std::chrono::sys_days{std::chrono::year{2026} / 11 / 24};
  f.configured = shim::config::parse_configuration("[identity]\nmaster_names = [\"puppet.test\"]\n", "b.toml").value;
  bunraku::site s;
  s.config_file = "/p.conf";
  s.certname = s.server = "agent1.test";
  s.server_set = true;
  s.given["server"] = {"agent1.test", "/p.conf:2"};
  s.ca_server = "ca.test";
  s.given["ca_server"] = {"ca.test", "/p.conf:3"};
  s.credentials.ca = "/ssl/certs/ca.pem";
  f.site = s;
  f.certificate_names = {"agent1.test"};
  f.lookups["agent1.test"] = {{"127.0.1.1"}, {}};
  f.agent_version = "8.10.0";
  f.daemon = daemon_fact{.is = daemon_fact::state::running,
                         .error = {},
                         .config_file = "b.toml",
                         .certname = "agent1.test",
                         .version = {},
                         .drained = {}};
  source_fact srv;
  srv.srv = true;
  srv.asked = "_x-puppet._tcp.test";
  srv.masters = {"a.test:8140", "b.test:8140"};
  f.services = {{"catalog", {srv}}};
  master_facts a;
  a.name = "a.test:8140";
  a.host = "a.test";
  a.services = {"catalog"};
  a.status = a.environment = http_fact{200, {}};
  f.masters = {a};
  return f;
}

std::vector<std::string> names(const facts& f) {
  std::vector<std::string> out;
  for (const auto& one : diagnose(f)) out.push_back(one.check.str());
  return out;
}

}  // namespace

TEST(Diagnose, FindsNothingWhereNothingIs) { EXPECT_THAT(names(healthy()), IsEmpty()); }

TEST(Diagnose, EveryTroubleOfAMasterHasItsWordsAndItsFix) {
  for (auto t = trouble::no_address; t <= trouble::broken; t = static_cast<trouble>(static_cast<int>(t) + 1)) {
    auto f = healthy();
    f.masters[0].what = t;
    f.masters[0].error = "tls: something";
    f.masters[0].status.reset();
    f.masters[0].environment.reset();
    const auto found = diagnose(f);
    ASSERT_EQ(found.size(), 1u) << static_cast<int>(t);
    EXPECT_EQ(found[0].level, gravity::error);
    EXPECT_EQ(found[0].where, "a.test:8140 (catalog)");
    EXPECT_EQ(found[0].what, "tls: something.");
    EXPECT_THAT(found[0].fix, Not(HasSubstr("HOST")));
    EXPECT_THAT(found[0].fix, Not(HasSubstr("NAME")));
    EXPECT_FALSE(found[0].why.empty());
  }
}

TEST(Diagnose, ThreeHundredAndThreeIsNotHeaderModeUnlessItSaysThatItRuns) {
  auto f = healthy();
  f.masters[0].environment = http_fact{403, {}};
  EXPECT_THAT(names(f), Contains("header-cert-info"));
  f.masters[0].status = http_fact{503, {}};
  EXPECT_THAT(names(f), Not(Contains("header-cert-info")));
}

TEST(Diagnose, TheGravestComesFirst) {
  auto f = healthy();
  f.daemon->reload_failed = true;
  f.site->given["server_list"] = {"x:8140", "/p.conf:9"};
  f.services[0].sources[0].masters.pop_back();
  const auto found = diagnose(f);
  ASSERT_EQ(found.size(), 3u);
  EXPECT_EQ(found[0].level, gravity::error);
  EXPECT_EQ(found[1].level, gravity::warning);
  EXPECT_EQ(found[2].level, gravity::note);
  EXPECT_EQ(found[0].where, "/p.conf:9");
}

TEST(Diagnose, AnAgentThatComesByConnectMayHaveAServerList) {
  auto f = healthy();
  f.configured = shim::config::parse_configuration(
                     "[identity]\nmaster_names = [\"puppet.test\"]\n[[listen]]\nway = \"connect\"\naddress = "
                     "\"127.0.0.1:3128\"\n",
                     "b.toml")
                     .value;
  f.site->server = "puppet.test";
  f.site->given = {{"http_proxy_host", {"127.0.0.1", "/p.conf:3"}},
                   {"http_proxy_port", {"3128", "/p.conf:4"}},
                   {"server_list", {"puppet.test:8140", "/p.conf:5"}}};
  EXPECT_THAT(names(f), IsEmpty());
}

TEST(Diagnose, NoProxyIsReadAsPuppetReadsIt) {
  struct {
    const char* list;
    bool excepts;
  } const cases[] = {{"localhost, agent1.test", true},
                     {"localhost,.test", true},
                     {"localhost , test", true},
                     {"*.test", true},
                     {"agent*.test", true},
                     {"*", true},
                     {"a*e*t1*.*t", true},
                     {"a*1*e*.test", false},
                     {"agent1.test:8140", true},
                     {"agent1.test:443", false},
                     {"*.example.com", false},
                     {"xagent1.test", false},
                     {"agent1.test.org", false},
                     {"agent2*.test", false},
                     {"none", false},
                     {"localhost, 127.0.0.1", false}};
  for (const auto& one : cases) {
    auto f = healthy();
    f.site->given["http_proxy_host"] = {"proxy.test", "/p.conf:4"};
    f.site->given["no_proxy"] = {one.list, "/p.conf:5"};
    EXPECT_EQ(names(f).empty(), one.excepts) << one.list;
    f.environment = {{"no_proxy", "localhost", "/etc/environment:1"}};  // wins over puppet.conf
    const auto found = diagnose(f);
    ASSERT_EQ(found.size(), 1U) << one.list;
    EXPECT_EQ(found[0].check.str(), "http-proxy");
    EXPECT_THAT(found[0].fix, HasSubstr("no_proxy=\"localhost, agent1.test\""));
    f.environment = {{"http_proxy", "http://proxy.test:3128", "/etc/environment:1"},
                     {"no_proxy", one.list, "/etc/environment:2"}};
    f.site->given.erase("http_proxy_host");
    EXPECT_EQ(names(f).empty(), one.excepts) << one.list;
  }
  auto f = healthy();
  f.site->given["http_proxy_host"] = {"proxy.test", "/p.conf:4"};
  f.site->given["no_proxy"] = {"intranet.test", "/p.conf:5"};
  EXPECT_THAT(diagnose(f).at(0).fix, HasSubstr("no_proxy = intranet.test, agent1.test"));
}

TEST(Diagnose, AProxyOnLoopbackIsOursWhereConnectListensAlone) {
  auto f = healthy();
  f.configured = shim::config::parse_configuration(
                     "[identity]\nmaster_names = [\"puppet.test\"]\n[[listen]]\naddress = \"127.0.1.1:8140\"\n"
                     "[[listen]]\nway = \"connect\"\naddress = \"127.0.0.1:3129\"\n",
                     "b.toml")
                     .value;
  f.environment = {{"http_proxy", "http://127.0.0.1:3129/", "/etc/environment:1"}};
  EXPECT_THAT(names(f), IsEmpty());
  for (const char* other : {"http://127.0.0.1:3128", "http://127.0.0.1", "http://localhost:8080/"}) {
    f.environment[0].value = other;
    EXPECT_THAT(names(f), testing::ElementsAre("http-proxy")) << other;
  }
  f.environment.clear();
  f.site->given["http_proxy_host"] = {"127.0.0.1", "/p.conf:4"};
  EXPECT_THAT(names(f), testing::ElementsAre("http-proxy")) << "3128 is Puppet's default";
  f.site->given["http_proxy_port"] = {"3129", "/p.conf:5"};
  EXPECT_THAT(names(f), IsEmpty());
}

TEST(Diagnose, AServerListThatBeginsWithThisNodeIsTheWayOutWithoutTheDaemon) {
  auto f = healthy();
  const auto us = f.site->certname;
  f.site->given["server_list"] = {us + ":8140,puppet.test:8140", "/p.conf:5"};
  f.site->server_list = {{us, 8140}, {"puppet.test", 8140}};
  EXPECT_THAT(names(f), Not(Contains("server-list")));
  f.site->server_list = {{"puppet.test", 8140}, {us, 8140}};
  EXPECT_THAT(names(f), Contains("server-list"));
}

TEST(Diagnose, ANameIsToLeadToWhereBunrakuListens) {
  auto f = healthy();
  f.configured =
      shim::config::parse_configuration(
          "[identity]\nmaster_names = [\"puppet.test\"]\n[[listen]]\naddress = \"127.0.0.1:8140\"\n", "b.toml")
          .value;
  const auto found = diagnose(f);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].check.str(), "name-elsewhere");
  EXPECT_THAT(found[0].fix, HasSubstr("127.0.0.1 agent1.test"));
}

TEST(Diagnose, ClocksAreAllowedToDifferByLessThanAMinute) {
  auto f = healthy();
  f.masters[0].clock_ahead = std::chrono::seconds(-59);
  EXPECT_THAT(names(f), IsEmpty());
  f.masters[0].clock_ahead = std::chrono::seconds(-61);
  EXPECT_EQ(diagnose(f).at(0).level, gravity::warning);
  f.masters[0].clock_ahead = std::chrono::seconds(301);
  EXPECT_EQ(diagnose(f).at(0).level, gravity::error);
}

TEST(Diagnose, AnAgentThatRefreshesItsCrlByItselfNeedsACaServer) {
  auto f = healthy();
  f.site->given.erase("ca_server");
  f.site->ca_server = f.site->certname;
  const auto found = diagnose(f);  // Puppet 8 asks daily
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].check.str(), "ca-server-is-us");
  EXPECT_EQ(found[0].level, gravity::warning);
  EXPECT_EQ(found[0].where, "/p.conf:2");
  f.agent_version = "7.23.0";
  EXPECT_THAT(names(f), IsEmpty());
  f.site->given["crl_refresh_interval"] = {"1d", "/p.conf:4"};
  EXPECT_THAT(names(f), Contains("ca-server-is-us"));
  f.agent_version.clear();
  EXPECT_THAT(names(f), Contains("ca-server-is-us"));
}

TEST(Diagnose, OpenVox9NeedsAServerAnd8DoesNot) {
  auto f = healthy();
  f.site->server_set = false;
  EXPECT_THAT(names(f), Not(Contains("server-unset")));
  f.agent_version = "9.0.0";
  EXPECT_THAT(names(f), Contains("server-unset"));
}

TEST(Diagnose, ToAskANameServerDigGetsItsAddressAndPort) {
  const std::map<std::string, std::string> cases{{"192.0.2.53", "dig @192.0.2.53 . NS"},
                                                 {"192.0.2.53:53", "dig @192.0.2.53 . NS"},
                                                 {"192.0.2.53:5353", "dig @192.0.2.53 -p 5353 . NS"},
                                                 {"2001:db8::1", "dig @2001:db8::1 . NS"},
                                                 {"[2001:db8::1]:53", "dig @2001:db8::1 . NS"},
                                                 {"[2001:db8::1]", "dig @2001:db8::1 . NS"},
                                                 {"[2001:db8::1]:5353", "dig @2001:db8::1 -p 5353 . NS"}};
  for (const auto& [server, command] : cases) {
    auto f = healthy();
    f.name_servers = {{.server = "192.0.2.1:53", .masters = {}}, {.server = server, .silent = true, .masters = {}}};
    const auto found = diagnose(f);
    ASSERT_EQ(found.size(), 1U) << server;
    EXPECT_THAT(found[0].fix, HasSubstr(command + "   #"));
  }
}
