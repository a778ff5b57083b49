#include <bunraku/options.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace bunraku {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// A service's sources in one line each: "srv NAME NAME", "list HOST:PORT ... from ORIGIN", ...
std::vector<std::string> sources(const site& s, service which, bool prefer_srv = false) {
  std::vector<std::string> out;
  const auto all = services_of(s, prefer_srv);
  for (const auto& source : all.at(index_of(which)).sources) {
    std::string line(name_of(source.kind()));
    for (const auto& name : source.owner_names()) line += " " + name;
    for (const auto& m : source.masters()) line += " " + m.to_string();
    if (!source.origin().empty()) line += " from " + source.origin();
    out.push_back(line);
  }
  return out;
}

// As read from a puppet.conf: unset names follow `server`.
site with_server(const std::string& server) {
  site s;
  s.server = s.ca_server = s.report_server = server;
  s.server_set = true;
  s.config_file = "/p.conf";
  return s;
}

TEST(Services, AreFourInTheOrderOfTheEnum) {
  const auto all = services_of(site{});
  ASSERT_EQ(all.size(), 4u);
  for (const service s : {service::ca, service::catalog, service::files, service::report})
    EXPECT_EQ(all[index_of(s)].name, builtin_name(s));
}

TEST(Services, UnsetServerIsNeverAMaster) {
  for (const service s : {service::ca, service::catalog, service::files, service::report})
    EXPECT_THAT(sources(site{}, s), IsEmpty());
}

TEST(Services, ServerServesAllWhenNothingElseIsSet) {
  auto s = with_server("m.x");
  s.ca_port = 8141;
  s.report_port = 8142;
  EXPECT_THAT(sources(s, service::ca), ElementsAre("settings m.x:8141 from server in /p.conf"));
  EXPECT_THAT(sources(s, service::catalog), ElementsAre("settings m.x:8140 from server in /p.conf"));
  EXPECT_THAT(sources(s, service::files), ElementsAre("settings m.x:8140 from server in /p.conf"));
  EXPECT_THAT(sources(s, service::report), ElementsAre("settings m.x:8142 from server in /p.conf"));
}

TEST(Services, OwnSettingsNameTheirServiceOnly) {
  site s;
  s.ca_server = "ca.x";
  s.ca_server_set = true;
  s.report_server = "r.x";
  s.report_server_set = true;
  EXPECT_THAT(sources(s, service::ca), ElementsAre("settings ca.x:8140 from ca_server"));
  EXPECT_THAT(sources(s, service::report), ElementsAre("settings r.x:8140 from report_server"));
  EXPECT_THAT(sources(s, service::catalog), IsEmpty());
}

TEST(Services, SrvComesFirstAndCaHasNoGenericRecord) {
  auto s = with_server("m");
  s.use_srv_records = true;
  s.srv_domain = "example.com";
  EXPECT_THAT(sources(s, service::ca),
              ElementsAre("srv _x-puppet-ca._tcp.example.com", "settings m:8140 from server in /p.conf"));
  EXPECT_THAT(sources(s, service::catalog),
              ElementsAre("srv _x-puppet._tcp.example.com", "settings m:8140 from server in /p.conf"));
  EXPECT_THAT(sources(s, service::files),
              ElementsAre("srv _x-puppet-fileserver._tcp.example.com _x-puppet._tcp.example.com",
                          "settings m:8140 from server in /p.conf"));
  EXPECT_THAT(sources(s, service::report),
              ElementsAre("srv _x-puppet-report._tcp.example.com _x-puppet._tcp.example.com",
                          "settings m:8140 from server in /p.conf"));
}

TEST(Services, SrvNeedsTheSettingOrThePreferenceAndADomain) {
  site s;
  s.srv_domain = "example.com";
  EXPECT_THAT(sources(s, service::catalog), IsEmpty());
  EXPECT_THAT(sources(s, service::catalog, true), ElementsAre("srv _x-puppet._tcp.example.com"));
  s.srv_domain.clear();
  s.use_srv_records = true;
  EXPECT_THAT(sources(s, service::catalog, true), IsEmpty());
}

TEST(Services, ServerListReplacesServer) {
  auto s = with_server("m");
  s.server_list = {{"a", 1}, {"b", 2}};
  for (const service which : {service::ca, service::catalog, service::files, service::report})
    EXPECT_THAT(sources(s, which), ElementsAre("list a:1 b:2 from server_list in /p.conf"));
}

TEST(Services, ServerListLeavesAloneWhatHasItsOwnSetting) {
  auto s = with_server("m");
  s.server_list = {{"a", 1}};
  s.ca_server = "ca";
  s.ca_server_set = true;
  s.report_server = "r";
  s.report_server_set = true;
  EXPECT_THAT(sources(s, service::ca), ElementsAre("settings ca:8140 from ca_server in /p.conf"));
  EXPECT_THAT(sources(s, service::report), ElementsAre("settings r:8140 from report_server in /p.conf"));
  EXPECT_THAT(sources(s, service::catalog), ElementsAre("list a:1 from server_list in /p.conf"));
}

TEST(Services, SrvThenServerListThenNothing) {
  auto s = with_server("m");
  s.use_srv_records = true;
  s.srv_domain = "x";
  s.server_list = {{"a", 1}};
  EXPECT_THAT(sources(s, service::catalog),
              ElementsAre("srv _x-puppet._tcp.x", "list a:1 from server_list in /p.conf"));
}

}  // namespace
}  // namespace bunraku
