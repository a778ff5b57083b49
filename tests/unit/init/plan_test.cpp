#include "init/plan.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

namespace {

using shim::init::host_facts;
using shim::init::make_plan;
using shim::init::plan;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

/// A node as it comes: one master in puppet.conf, its own name in /etc/hosts as Debian writes it.
host_facts fresh() {
  host_facts seen;
  seen.site.certname = "a.example.com";
  seen.site.server = "puppet.example.com";
  seen.site.server_set = true;
  seen.puppet_conf = {"/etc/puppet/puppet.conf", "[main]\nserver = puppet.example.com\n"};
  seen.hosts = {"/etc/hosts", "127.0.0.1 localhost\n127.0.1.1 a.example.com\n"};
  seen.bunraku_toml = {"/etc/bunraku/bunraku.toml", std::nullopt};
  seen.certname_addresses = {"127.0.1.1"};
  seen.has_systemd = true;
  return seen;
}

std::vector<std::string> conf_lines(const plan& made) {
  for (const auto& one : made.edits)
    if (one.path.ends_with("puppet.conf")) return one.why;
  return {};
}

struct expectation {
  const char* name;
  std::function<void(host_facts&)> change;
  std::vector<std::string> lines;
};

class Plan : public testing::TestWithParam<expectation> {};

TEST_P(Plan, WritesWhatIsNeeded) {
  auto seen = fresh();
  GetParam().change(seen);
  const auto made = make_plan(seen);
  EXPECT_THAT(made.refused, IsEmpty());
  EXPECT_EQ(conf_lines(made), GetParam().lines);
}

const std::string self = "[agent] server = a.example.com", ca = "[agent] ca_server = puppet.example.com";

INSTANTIATE_TEST_SUITE_P(
    Hosts, Plan,
    testing::Values(
        expectation{"OneMaster",
                    [](host_facts&) {},
                    {self, "[agent] server_list = a.example.com:8140,puppet.example.com:8140", ca}},
        expectation{"TheCaIsNamedAlready",
                    [](host_facts& s) {
                      s.site.ca_server_set = true;
                      s.site.ca_server = "ca.example.com";
                    },
                    {self, "[agent] server_list = a.example.com:8140,puppet.example.com:8140"}},
        expectation{"AListBefore",
                    [](host_facts& s) { s.site.server_list = {{"c1.example.com", 8140}, {"c2.example.com", 8141}}; },
                    {self, "[agent] server_list = a.example.com:8140,c1.example.com:8140,c2.example.com:8141",
                     "[agent] ca_server = c1.example.com"}},
        expectation{"SrvBeforeWithAFallback",
                    [](host_facts& s) {
                      s.site.server_set = false;
                      s.site.server = "puppet";
                      s.site.use_srv_records = true;
                      s.fallback = {{"puppet.example.com", 8140}};
                    },
                    {self, "[agent] server_list = a.example.com:8140,puppet.example.com:8140",
                     "[agent] use_srv_records = false", ca}},
        expectation{"SrvBeforeWithout",
                    [](host_facts& s) {
                      s.site.server_set = false;
                      s.site.server = "puppet";
                      s.site.use_srv_records = true;
                    },
                    {self, "[agent] use_srv_records = false"}},
        expectation{"AnotherPortOfTheMasters",
                    [](host_facts& s) {
                      s.site.serverport = 8141;
                      s.site.ca_port = 8141;
                    },
                    {self, "[agent] serverport = 8140",
                     "[agent] server_list = a.example.com:8140,puppet.example.com:8141", ca, "[agent] ca_port = 8141"}},
        expectation{
            "ReportsGoToAnotherPort",
            [](host_facts& s) {
              s.site.serverport = s.site.ca_port = s.site.report_port = 8141;
              s.site.report_server_set = true;
              s.site.report_server = "reports.example.com";
            },
            {self, "[agent] serverport = 8140", "[agent] server_list = a.example.com:8140,puppet.example.com:8141", ca,
             "[agent] ca_port = 8141", "[agent] report_port = 8141"}},
        expectation{"ServerOnlyByDefault",
                    [](host_facts& s) {
                      s.site.server_set = false;
                      s.site.server = "puppet";
                    },
                    {self}},
        expectation{"Done",
                    [](host_facts& s) {
                      s.site.server = "a.example.com";
                      s.site.ca_server_set = true;
                      s.site.ca_server = "puppet.example.com";
                      s.site.server_list = {{"a.example.com", 8140}, {"puppet.example.com", 8140}};
                    },
                    {}}),
    [](const auto& about) { return about.param.name; });

TEST(PlanOfInit, AHostThatIsLedAlreadyIsLeftAlone) {
  auto seen = fresh();
  seen.site.server = "a.example.com";
  seen.site.ca_server_set = true;
  seen.site.ca_server = "puppet.example.com";
  const auto made = make_plan(seen);
  EXPECT_THAT(made.edits, IsEmpty());
  EXPECT_THAT(made.enable, IsEmpty());
  EXPECT_THAT(made.notes, ElementsAre(HasSubstr("No way out")));
}

TEST(PlanOfInit, ANameThatLeadsElsewhereIsMapped) {
  for (const auto& addresses : {std::vector<std::string>{}, {"10.0.0.5"}, {"10.0.0.5", "127.0.1.1"}}) {
    auto seen = fresh();
    seen.hosts.text = "127.0.0.1 localhost\n10.0.0.5 a.example.com\n127.0.1.1 a.example.com\n";
    seen.certname_addresses = addresses;
    const auto made = make_plan(seen);
    ASSERT_EQ(made.edits.size(), 2U);
    EXPECT_EQ(made.edits[1].path, "/etc/hosts");
    EXPECT_THAT(made.edits[1].after, HasSubstr("127.0.1.1 a.example.com #"));
    EXPECT_EQ(made.edits[1].before, seen.hosts.text);
    if (!addresses.empty()) EXPECT_THAT(made.notes, Contains(HasSubstr("`connect`")));
  }
}

TEST(PlanOfInit, AMappingThatIsThereIsNotMadeAgainForTheSakeOfALaterLine) {
  auto seen = fresh();
  seen.hosts.text = "127.0.0.1 localhost\n10.0.0.5 a.example.com\n";
  seen.certname_addresses = {"10.0.0.5"};
  seen.hosts.text = make_plan(seen).edits.at(1).after;
  seen.certname_addresses = {"127.0.1.1", "10.0.0.5"};  // glibc reads on behind the first line
  EXPECT_EQ(make_plan(seen).edits.size(), 1U);
}

TEST(PlanOfInit, TheNameIsMappedToWhereBunrakuListens) {
  auto seen = fresh();
  seen.addresses = {"127.0.0.1"};
  auto made = make_plan(seen);  // Debian's own line leads to 127.0.1.1, where nobody is
  ASSERT_EQ(made.edits.size(), 2U);
  EXPECT_THAT(made.edits[1].after, HasSubstr("127.0.0.1 a.example.com #"));
  EXPECT_THAT(made.edits[1].why, ElementsAre(HasSubstr("leads to 127.0.0.1 (now: to 127.0.1.1)")));
  seen.certname_addresses = {"127.0.0.1"};
  EXPECT_EQ(make_plan(seen).edits.size(), 1U);

  seen.addresses = seen.certname_addresses = {"10.0.0.5"};  // beyond_loopback
  EXPECT_EQ(make_plan(seen).edits.size(), 1U);

  seen.addresses.clear();
  made = make_plan(seen);
  EXPECT_THAT(made.refused, ElementsAre(HasSubstr("\"terminate\"")));
  EXPECT_THAT(made.edits, IsEmpty());
}

TEST(PlanOfInit, WhereTheAgentAskedSrvBunrakuDoes) {
  auto seen = fresh();
  seen.site.use_srv_records = true;
  auto made = make_plan(seen);
  ASSERT_EQ(made.edits.size(), 2U);
  EXPECT_EQ(made.edits[1].path, "/etc/bunraku/bunraku.toml");
  EXPECT_EQ(made.edits[1].before, std::nullopt);
  EXPECT_THAT(made.edits[1].after, HasSubstr("[dns]\nsrv = true\n"));

  seen.bunraku_toml.text = "[dns]\nsrv = true\n";
  seen.toml_decides_srv = true;
  EXPECT_EQ(make_plan(seen).edits.size(), 1U);

  seen.bunraku_toml.text = "";
  seen.toml_decides_srv = false;
  made = make_plan(seen);
  EXPECT_EQ(made.edits.size(), 1U);
  EXPECT_THAT(made.notes, Contains(HasSubstr("srv = true below [dns]")));
}

TEST(PlanOfInit, WithNobodyToReadNotesItRefusesWhatCouldLeaveTheAgentWorseOff) {
  auto alone = fresh();
  alone.unattended = true;
  EXPECT_THAT(make_plan(alone).refused, IsEmpty());
  alone.site.server_set = false;
  auto made = make_plan(alone);
  EXPECT_THAT(made.refused, ElementsAre(HasSubstr("No way out")));
  EXPECT_THAT(made.edits, IsEmpty());
  EXPECT_THAT(made.enable, IsEmpty());
  alone.fallback = {{"puppet.example.com", 8140}};
  EXPECT_THAT(make_plan(alone).refused, IsEmpty());

  auto by_srv = fresh();
  by_srv.unattended = true;
  by_srv.site.use_srv_records = true;
  EXPECT_THAT(make_plan(by_srv).refused, IsEmpty()) << "it writes bunraku.toml itself";
  by_srv.bunraku_toml.text = "";
  made = make_plan(by_srv);
  EXPECT_THAT(made.refused, ElementsAre(HasSubstr("srv = true below [dns]")));
  EXPECT_THAT(made.edits, IsEmpty());
  by_srv.toml_decides_srv = true;
  EXPECT_THAT(make_plan(by_srv).refused, IsEmpty());
}

TEST(PlanOfInit, UnitsThatAreOffAreSwitchedOn) {
  auto seen = fresh();
  seen.off_units = {"bunraku.service"};
  EXPECT_THAT(make_plan(seen).enable, ElementsAre("bunraku.service"));
  seen.has_systemd = false;
  const auto made = make_plan(seen);
  EXPECT_THAT(made.enable, IsEmpty());
  EXPECT_THAT(made.notes, Contains(HasSubstr("systemd does not run here")));
}

TEST(PlanOfInit, WhatStaysAsItIsIsSaid) {
  auto seen = fresh();
  seen.site.report_server_set = true;
  seen.site.report_server = "reports.example.com";
  EXPECT_THAT(make_plan(seen).notes, Contains(HasSubstr("Reports go on to reports.example.com")));
  seen = fresh();
  seen.site.server_set = false;
  EXPECT_THAT(make_plan(seen).notes, Contains(HasSubstr("--ca-server")));
}

TEST(PlanOfInit, RefusesWhatCannotHelp) {
  auto seen = fresh();
  seen.fallback = {{"a.example.com", 8140}};
  auto made = make_plan(seen);
  EXPECT_THAT(made.refused, ElementsAre(HasSubstr("names this node itself")));
  EXPECT_THAT(made.edits, IsEmpty());
  seen = fresh();
  seen.site.certname.clear();
  EXPECT_THAT(make_plan(seen).refused, Not(IsEmpty()));
}

}  // namespace
