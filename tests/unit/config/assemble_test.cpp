#include "config/assemble.hpp"

#include "unit/config/reading.hpp"

#include <gmock/gmock.h>

using namespace shim::config;
using bunraku::source_kind;
using reading::good;
using testing::Contains;
using testing::ElementsAre;

namespace {

bunraku::site site_of(const char* certname = "agent1.example.com") {
  bunraku::site s;
  s.certname = certname;
  s.srv_domain = "example.com";
  s.config_file = "/etc/puppetlabs/puppet/puppet.conf";
  s.credentials = {"/ssl/cert", "/ssl/key", "/ssl/pass", "/ssl/ca", "/ssl/crl", bunraku::revocation::chain};
  return s;
}

std::vector<std::string> hosts(const std::vector<bunraku::master>& all) {
  std::vector<std::string> out;
  for (const auto& m : all) out.push_back(m.to_string());
  return out;
}

}  // namespace

TEST(AsksSrv, WhenPuppetConfNamesNoOtherMaster) {
  const auto c = good("");
  auto site = site_of();
  EXPECT_TRUE(asks_srv(c, site)) << "nothing named";
  site.server_set = true;
  site.server = "agent1.example.com";
  EXPECT_TRUE(asks_srv(c, site)) << "server = $certname is how agents find us";
  site.server = "puppet.example.com";
  EXPECT_FALSE(asks_srv(c, site)) << "a master is named, and use_srv_records is not set";
  site.use_srv_records = true;
  EXPECT_TRUE(asks_srv(c, site));
}

TEST(AsksSrv, NotWhenAServerListNamesAMaster) {
  auto site = site_of();
  site.server_list = {{"agent1.example.com", 8140}};
  EXPECT_TRUE(asks_srv(good(""), site));
  site.server_list.push_back({"puppet.example.com", 8140});
  EXPECT_FALSE(asks_srv(good(""), site));
}

TEST(AsksSrv, BunrakuTomlHasTheLastWord) {
  auto site = site_of();
  site.server_set = true;
  site.server = "puppet.example.com";
  EXPECT_TRUE(asks_srv(good("[dns]\nsrv = true\n"), site));
  EXPECT_TRUE(asks_srv(good("[dns]\nsrv_domain = \"example.org\"\n"), site));
  site.use_srv_records = true;
  EXPECT_FALSE(asks_srv(good("[dns]\nsrv = false\n"), site));
}

TEST(Assemble, SrvFalseHoldsAgainstUseSrvRecords) {
  auto site = site_of();
  site.use_srv_records = true;
  site.server_set = true;
  site.server = "puppet.example.com";
  const auto options = assemble(good("[dns]\nsrv = false\n"), site);
  ASSERT_EQ(options.services.at(1).sources.size(), 1u);
  EXPECT_EQ(options.services[1].sources[0].kind(), source_kind::settings);
}

TEST(Assemble, ServicesKeepTheirNumbersAndSources) {
  const auto options = assemble(good(R"(
[dns]
srv_domain = "example.org"
[service.files]
masters = ["files1.example.com:8140"]
srv_name = "_files._tcp.example.com"
[service.canary]
masters = ["canary1.example.com:8140"]
[[route]]
service = "canary"
environment = "canary"
)"),
                                site_of());
  ASSERT_EQ(options.services.size(), 5u);
  EXPECT_EQ(options.services[0].name, "ca");
  EXPECT_THAT(options.services[0].sources.at(0).owner_names(), ElementsAre("_x-puppet-ca._tcp.example.org"));
  EXPECT_THAT(options.services[1].sources.at(0).owner_names(), ElementsAre("_x-puppet._tcp.example.org"));
  ASSERT_EQ(options.services[2].sources.size(), 2u);
  EXPECT_THAT(options.services[2].sources[0].owner_names(), ElementsAre("_files._tcp.example.com"));
  EXPECT_THAT(hosts(options.services[2].sources[1].masters()), ElementsAre("files1.example.com:8140"));
  EXPECT_EQ(options.services[2].sources[1].origin(), "[service.files] at b.toml:4");
  EXPECT_EQ(options.services[4].name, "canary");
  EXPECT_EQ(options.affinity, "agent1.example.com");
}

TEST(Assemble, SrvRecordsAreWhereBunrakuTomlSaysElseWherePuppetConfDoes) {
  const auto names = [](const char* text) {
    return assemble(good(text), site_of()).services.at(1).sources.at(0).owner_names();
  };
  EXPECT_THAT(names(""), Contains("_x-puppet._tcp.example.com"));
  EXPECT_THAT(names("[dns]\nsrv_domain = \"example.org\"\n"), Contains("_x-puppet._tcp.example.org"));
}

TEST(Assemble, AServerListIsAListAndSingleServersAreSettings) {
  auto site = site_of();
  site.server_list = {{"puppet1.example.com", 8140}, {"puppet2.example.com", 8140}};
  site.ca_server_set = true;
  site.ca_server = "ca.example.com";
  const auto options = assemble(good("[dns]\nsrv = false\n"), site);
  EXPECT_EQ(options.services[0].sources.at(0).kind(), source_kind::settings);
  EXPECT_EQ(options.services[1].sources.at(0).kind(), source_kind::list);
}

TEST(Assemble, AFurtherServiceHasNoMastersOfPuppetConf) {
  const auto options =
      assemble(good("[plugin.finder]\n[service.x]\nsource = \"finder\"\nnames = [\"x\"]\n"), site_of());
  ASSERT_EQ(options.services.at(4).sources.size(), 1u);
  EXPECT_EQ(options.services[4].sources[0].kind(), source_kind::plugin);
}

TEST(Assemble, OurOwnListenerIsNoMaster) {
  auto site = site_of();
  site.server_set = true;
  site.server = site.certname;
  site.ca_server_set = true;
  site.ca_server = "ca.example.com";
  const auto options = assemble(good("[dns]\nsrv = false\n"), site);
  EXPECT_TRUE(options.services[1].sources.empty());
  EXPECT_THAT(hosts(options.services[0].sources.at(0).masters()), ElementsAre("ca.example.com:8140"));
}

TEST(Assemble, OurOwnNameIsNoMasterAtAnyOfOurPortsNorBesideAProxyOfOurs) {
  auto site = site_of();
  site.server_list = {{site.certname, 8141}, {"puppet.example.com", 8140}};
  const auto catalog_from = [&](const std::string& listen) {
    return hosts(assemble(good("[dns]\nsrv = false\n" + listen), site).services[1].sources.at(0).masters());
  };
  EXPECT_THAT(catalog_from("[[listen]]\naddress = \"127.0.0.1:8140\"\n[[listen]]\naddress = \"127.0.0.1:8141\"\n"),
              ElementsAre("puppet.example.com:8140"));
  EXPECT_THAT(catalog_from("[[listen]]\nway = \"connect\"\naddress = \"127.0.0.1:3128\"\n"),
              ElementsAre("puppet.example.com:8140"));
  EXPECT_THAT(catalog_from("[[listen]]\nway = \"socket\"\npath = \"/s\"\n[[listen]]\ninherit = \"agent\"\n"),
              ElementsAre("agent1.example.com:8141", "puppet.example.com:8140"));
}

TEST(Assemble, HowToConnectAndWhichPluginsToAskReachTheResolver) {
  auto site = site_of();
  site.http_connect_timeout = std::chrono::seconds(77);
  const auto options = assemble(good(R"(
[connect]
timeout = "4s"
race_delay = "70ms"
[dns]
stale_for = "2h"
[plugin.finder]
[plugin.sorter]
[plugin.scale]
[service.files]
masters = ["files1.example.com:8140"]
source = "finder"
policy = "sorter"
probe = "scale"
)"),
                                site);
  EXPECT_EQ(options.agent_patience, std::chrono::seconds(77));
  EXPECT_EQ(options.dns.stale_for, std::chrono::hours(2));
  EXPECT_EQ(options.connect.connect_timeout, std::chrono::seconds(4));
  EXPECT_EQ(options.connect.race_delay, std::chrono::milliseconds(70));
  const auto& files = options.services.at(2);
  ASSERT_EQ(files.sources.size(), 2u);
  EXPECT_EQ(files.sources[0].kind(), source_kind::plugin);
  EXPECT_THAT(hosts(files.sources[1].masters()), ElementsAre("files1.example.com:8140"));
  EXPECT_EQ(files.policy, "sorter");
  EXPECT_EQ(files.probe, "scale");
}

TEST(Assemble, AMasterOnThisVeryHostStaysOne) {
  auto site = site_of("puppet.example.com");
  site.server_set = true;
  site.server = site.certname;
  const auto options = assemble(good("[dns]\nsrv = false\n[[listen]]\naddress = \"127.0.0.1:8141\"\n"), site);
  EXPECT_THAT(hosts(options.services[1].sources.at(0).masters()), ElementsAre("puppet.example.com:8140"));
}

TEST(Assemble, OurListenersAreNeverDialled) {
  EXPECT_THAT(hosts(assemble(good(""), site_of()).never_dial),
              ElementsAre("127.0.0.1:8140", "127.0.1.1:8140", "[::1]:8140"));
  EXPECT_THAT(hosts(assemble(good("[[listen]]\nway = \"socket\"\npath = \"/s\"\n[[listen]]\ninherit = \"agent\"\n"
                                  "[[listen]]\naddress = \"0.0.0.0:1\"\nbeyond_loopback = true\n"),
                             site_of())
                        .never_dial),
              ElementsAre("0.0.0.0:1"));
  EXPECT_THAT(hosts(assemble(good("[[listen]]\naddress = \"[::]:1\"\nbeyond_loopback = true\n"
                                  "[[listen]]\naddress = \"192.0.2.1:2\"\nbeyond_loopback = true\n"),
                             site_of())
                        .never_dial),
              ElementsAre("[::]:1", "192.0.2.1:2"));
}

TEST(LegFiles, OverrideTheSitesOneByOne) {
  const auto site = site_of();
  const auto c = good(
      "[upstream]\nca = \"/u/ca\"\nrevocation = \"leaf\"\ncrl = \"/u/crl\"\npassphrase_file = "
      "\"/u/pass\"\n[local]\ncertificate = \"/l/c\"\nkey = \"/l/k\"\n");
  const auto up = files_of(c.upstream, site);
  EXPECT_EQ(up.certificate, "/ssl/cert");
  EXPECT_EQ(up.private_key, "/ssl/key");
  EXPECT_EQ(up.passphrase_file, "/u/pass");
  EXPECT_EQ(up.crl, "/u/crl");
  EXPECT_EQ(up.ca, "/u/ca");
  EXPECT_EQ(up.check, bunraku::revocation::leaf);
  EXPECT_EQ(files_of({}, site).passphrase_file, "/ssl/pass");
  const auto local = files_of(c.local, site);
  EXPECT_EQ(local.certificate, "/l/c");
  EXPECT_EQ(local.private_key, "/l/k");
  EXPECT_EQ(local.passphrase_file, "") << "the site's passphrase is for the site's key";
  EXPECT_EQ(local.ca, "/ssl/ca");
  EXPECT_EQ(local.check, bunraku::revocation::chain);
}
