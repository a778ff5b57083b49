#include "tunnel/name_table.hpp"

#include <gmock/gmock.h>

using namespace shim;
using tunnel::name_table;
using kind = tunnel::destination::kind;
using testing::HasSubstr;

namespace {

config::configuration configured(const std::string& text) {
  auto read = config::parse_configuration(text, "b.toml");
  EXPECT_TRUE(read.value) << (read.found.empty() ? "" : read.found.front().what());
  return read.value.value_or(config::configuration{});
}

bunraku::site site() {
  bunraku::site s;
  s.certname = "agent1.example.com";
  s.server = "puppet.example.com";
  s.ca_server = "puppetca.example.com";
  s.ca_port = 8141;
  s.report_server = s.server;
  return s;
}

const std::string listens = R"(
[[listen]]
way = "connect"
address = "127.0.0.1:3128"
[[listen]]
way = "terminate"
address = "127.0.0.1:18140"
)";

std::string service(const name_table& t, std::string_view host, std::uint16_t port) {
  const auto to = t.find(host, port);
  return to.what == kind::service ? to.service_name : to.what == kind::own_node ? "own node" : to.why;
}

}  // namespace

TEST(NameTable, KnowsThePuppetServersOfPuppetConf) {
  const name_table t(configured(listens), site());
  EXPECT_EQ(service(t, "puppet.example.com", 8140), "catalog");
  EXPECT_EQ(service(t, "puppetca.example.com", 8141), "ca");
}

TEST(NameTable, AReportServerOfItsOwnIsReportsMasters) {
  auto s = site();
  s.report_server = "reports.example.com";
  EXPECT_EQ(service(name_table(configured(listens), s), "reports.example.com", 8140), "report");
}

TEST(NameTable, ConfiguredNamesComeBeforePuppetConf) {
  const name_table t(configured(listens + R"(
[service.files]
names = ["files.example.com", "puppet.example.com"]
[service.canary]
masters = ["c.example.com"]
names = ["puppet.example.com:9999"]
)"),
                     site());
  EXPECT_EQ(service(t, "files.example.com", 8140), "files");
  EXPECT_EQ(service(t, "puppet.example.com", 8140), "files");
  EXPECT_EQ(service(t, "puppet.example.com", 9999), "canary");
}

TEST(NameTable, TheNodesOwnNameIsItselfOnItsOwnPorts) {
  const name_table t(configured(listens), site());
  for (const int port : {8140, 8141, 18140})
    EXPECT_EQ(service(t, "agent1.example.com", static_cast<std::uint16_t>(port)), "own node");
  EXPECT_THAT(service(t, "agent1.example.com", 22), HasSubstr("on port 8140: see serverport"));
}

TEST(NameTable, ServerEqualToTheNodeIsTheNode) {
  auto s = site();
  s.server = s.ca_server = s.report_server = s.certname;
  const name_table t(configured(listens), s);
  EXPECT_TRUE(t.entries().empty());
  EXPECT_EQ(service(t, "agent1.example.com", 8140), "own node");
}

TEST(NameTable, RefusalsSayWhichSettingWouldAllowIt) {
  const name_table t(configured(listens), site());
  EXPECT_EQ(service(t, "evil.example.com", 443),
            "evil.example.com:443 is no name of a service here: add it to `names` of a [service.NAME] in bunraku.toml");
  EXPECT_EQ(service(t, "puppet.example.com", 22),
            "puppet.example.com:22 is catalog's name, but on port 8140: ask for that one, or add it to `names` of "
            "[service.catalog] in bunraku.toml");
  EXPECT_EQ(t.find("2001:db8::1", 1).why.substr(0, 16), "[2001:db8::1]:1 ");
}

TEST(NameTable, ServerNamesOfTlsLeadToTheSameServices) {
  const name_table t(configured(listens + "[service.report]\nnames = [\"puppet.example.com:18140\"]\n"), site());
  EXPECT_EQ(t.find_server("puppetca.example.com", 8140).service_name, "ca");
  EXPECT_EQ(t.find_server("puppet.example.com", 8140).service_name, "catalog");
  EXPECT_EQ(t.find_server("puppet.example.com", 18140).service_name, "report");
  EXPECT_EQ(t.find_server("puppet.example.com", 7).service_name, "report") << "the first one";
  EXPECT_EQ(t.find_server("agent1.example.com", 7).what, kind::own_node);
  EXPECT_EQ(t.find_server("other.example.com", 8140).what, kind::refused);
}

TEST(NameTable, TlsWithoutANameGoesWhereTheListenerSays) {
  const name_table t(configured(listens), site());
  config::listen_at listener;
  EXPECT_EQ(t.find_unnamed(listener).what, kind::refused);
  EXPECT_THAT(t.find_unnamed(listener).why, HasSubstr("give `service` in this [[listen]]"));
  listener.service = bunraku::service::ca;
  EXPECT_EQ(t.find_unnamed(listener).service_name, "ca");
}

TEST(NameTable, ShowsWhatItKnows) {
  const name_table t(configured(listens), site());
  EXPECT_EQ(t.known(), "puppet.example.com:8140 (catalog), puppetca.example.com:8141 (ca)");
}
