#include "puppet/settings.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <tuple>

namespace bunraku::puppet {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class Settings : public testing::Test {
 protected:
  settings_reading read(const std::string& text) {
    conf_ = parse_conf(text, "p.conf");
    in_.from = &conf_.value;
    in_.file = "p.conf";
    in_.directories = known_layouts()[2];
    in_.host = {"node1", domain_};
    in_.home = "/root";
    return read_settings(in_);
  }
  std::expected<std::string, problem> value_of(std::string_view name, const std::string& text) {
    read(text);
    return lookup(in_).value(name);
  }
  void expect_only(const std::string& text, severity level, const std::string& where, const std::string& what) {
    const auto r = read(text);
    ASSERT_EQ(r.found.size(), 1u) << text;
    EXPECT_EQ(r.found[0].level(), level) << text;
    EXPECT_EQ(r.found[0].where(), where) << text;
    EXPECT_THAT(r.found[0].what(), HasSubstr(what)) << text;
    EXPECT_FALSE(r.found[0].fix().empty()) << text;
  }
  conf_reading conf_;
  lookup::inputs in_;
  std::string domain_ = "example.com";
};

TEST_F(Settings, EmptyFileGivesPuppetsDefaults) {
  const auto r = read("");
  EXPECT_TRUE(r.found.empty());
  const site& s = r.value;
  EXPECT_EQ(s.certname, "node1.example.com");
  EXPECT_TRUE(r.certname_is_default);
  EXPECT_EQ(s.layout, "aio");
  EXPECT_EQ(s.ssldir, "/etc/puppetlabs/puppet/ssl");
  EXPECT_EQ(r.privatekeydir, "/etc/puppetlabs/puppet/ssl/private_keys");
  EXPECT_EQ(s.credentials.crl, "/etc/puppetlabs/puppet/ssl/crl.pem");
  EXPECT_EQ(s.server, "puppet");
  EXPECT_FALSE(s.server_set || s.ca_server_set || s.report_server_set || s.use_srv_records);
  EXPECT_EQ(s.srv_domain, "example.com");
  EXPECT_EQ(s.environment, "production");
  EXPECT_EQ(s.runinterval, std::chrono::minutes(30));
}

TEST_F(Settings, SetFlagsSayWhoWasConfigured) {
  const auto s = read("[main]\nserver = S.Example.com.\nca_server = $server\n[agent]\nreport_server = r\n").value;
  EXPECT_TRUE(s.server_set && s.ca_server_set && s.report_server_set);
  EXPECT_EQ(s.server, "s.example.com");
  EXPECT_EQ(s.ca_server, "s.example.com");
  EXPECT_EQ(s.report_server, "r");
}

TEST_F(Settings, EnrolmentHasPuppetsDefaults) {
  const auto e = read("").value.enrolment;
  const std::string ssl = "/etc/puppetlabs/puppet/ssl/";
  EXPECT_EQ(e.key_type + " " + e.key_length + " " + e.named_curve, "rsa 4096 prime256v1");
  EXPECT_EQ(e.csr_attributes, "/etc/puppetlabs/puppet/csr_attributes.yaml");
  EXPECT_EQ(e.certificates, ssl + "certs");
  EXPECT_EQ(e.private_keys, ssl + "private_keys");
  EXPECT_EQ(e.public_keys, ssl + "public_keys");
  EXPECT_EQ(e.secrets, ssl + "private");
  EXPECT_EQ(e.request, ssl + "certificate_requests/node1.example.com.pem");
  EXPECT_EQ(e.lock, ssl + "ssl.lock");
  EXPECT_EQ(e.user + ":" + e.group, "puppet:puppet");
  EXPECT_EQ(e.dns_alt_names + e.ca_fingerprint, "");
  EXPECT_EQ(e.wait_for_certificate, std::chrono::seconds(120));
  EXPECT_EQ(e.longest_wait_for_certificate, std::nullopt);
  EXPECT_EQ(e.wait_for_lock, std::chrono::seconds(0));
  EXPECT_EQ(e.longest_wait_for_lock, std::chrono::seconds(60));
}

TEST_F(Settings, EnrolmentIsInterpolatedAsTheRest) {
  const auto e = read(
                     "[main]\ncertname = a\nssldir = /s\nrequestdir = $ssldir/r\n[agent]\nkey_type = ec\n"
                     "ca_fingerprint = AB\nwaitforcert = 5m\ndns_alt_names = $certname,b\n")
                     .value.enrolment;
  EXPECT_EQ(e.request, "/s/r/a.pem");
  EXPECT_EQ(e.lock, "/s/ssl.lock");
  EXPECT_EQ(e.key_type, "ec");
  EXPECT_EQ(e.ca_fingerprint, "AB");
  EXPECT_EQ(e.dns_alt_names, "a,b");
  EXPECT_EQ(e.wait_for_certificate, std::chrono::seconds(300));
}

TEST_F(Settings, WaitsAreTakenFromAgentThenMain) {
  const auto e = read(
                     "[main]\nwaitforcert = 5m\nmaxwaitforcert = 2h\nwaitforlock = 3\nmaxwaitforlock = 1d\n"
                     "[agent]\nwaitforcert = 10\nmaxwaitforlock = unlimited\n[user]\nwaitforlock = 9\n")
                     .value.enrolment;
  EXPECT_EQ(e.wait_for_certificate, std::chrono::seconds(10));
  EXPECT_EQ(e.longest_wait_for_certificate, std::chrono::hours(2));
  EXPECT_EQ(e.wait_for_lock, std::chrono::seconds(3));
  EXPECT_EQ(e.longest_wait_for_lock, std::nullopt);
  expect_only("waitforcert = unlimited\n", severity::error, "p.conf:1", "duration");
  expect_only("maxwaitforcert = 1 h\n", severity::error, "p.conf:1", "duration");
  expect_only("maxwaitforlock = -1\n", severity::error, "p.conf:1", "duration");
}

TEST_F(Settings, WhatTheFileSaysOfTheRestIsTaken) {
  const auto r = read("passfile = /p\nenvironment = test\nhttp_connect_timeout = 1m\nhttp_read_timeout = 7\n");
  EXPECT_EQ(r.value.config_file, "p.conf");
  EXPECT_EQ(r.value.credentials.passphrase_file, "/p");
  EXPECT_EQ(r.value.environment, "test");
  EXPECT_EQ(r.value.http_connect_timeout, std::chrono::seconds(60));
  EXPECT_EQ(r.value.http_read_timeout, std::chrono::seconds(7));
}

TEST_F(Settings, WhatTheAgentIsGivenIsKeptAsItHasIt) {
  const auto given = read(
                         "[user]\nnoop = true\n[main]\nserver = a\ntags = x,$server\nmine = 1\nruninterval = soon\n"
                         "splaylimit = 1m\n[agent]\nserver = b\n")
                         .value.given;
  ASSERT_EQ(given.size(), 4u);
  EXPECT_EQ(given.at("server").value + " " + given.at("server").where, "b p.conf:10");
  EXPECT_EQ(given.at("tags").value + " " + given.at("tags").where, "x,b p.conf:5");
  EXPECT_EQ(given.at("splaylimit").value, "60");
  EXPECT_EQ(given.at("runinterval").value, "soon") << "what is wrong stays as it is";
}

TEST_F(Settings, OtherSectionsDoNotCount) {
  EXPECT_FALSE(read("[server]\nserver = a\n[user]\nserver = b\n[master]\nserver = c\n").value.server_set);
}

TEST_F(Settings, NoCrlIsUsedWithoutRevocation) {
  EXPECT_EQ(read("certificate_revocation = false\n").value.credentials.crl, "");
  EXPECT_EQ(read("certificate_revocation = leaf\n").value.credentials.check, revocation::leaf);
}

TEST_F(Settings, CallersCertnameAndSsldirWinAndAreInterpolated) {
  in_.certname = "other.example.com";
  in_.ssldir = "/s";
  const auto r = read("certname = a\nssldir = /b\nserver = $certname\n");
  EXPECT_FALSE(r.certname_is_default);
  EXPECT_EQ(r.value.credentials.certificate, "/s/certs/other.example.com.pem");
  EXPECT_EQ(r.value.server, "other.example.com");
}

TEST_F(Settings, CallersSsldirIsBlamedForItselfAlone) {
  in_.ssldir = "ssl";
  expect_only("ssldir = /b\n", severity::error, "ssldir", "absolute");
}

TEST_F(Settings, ServerListTakesServerportWhereItNamesNone) {
  const auto s = read("serverport = 8141\nserver_list = A.x:1 , b.x.,c:\n").value;
  ASSERT_EQ(s.server_list.size(), 3u);
  EXPECT_EQ(s.server_list[0].host, "a.x");
  EXPECT_EQ(s.server_list[0].port, 1);
  EXPECT_EQ(s.server_list[1].host, "b.x");
  EXPECT_EQ(s.server_list[1].port, 8141);
  EXPECT_EQ(s.server_list[2].port, 8141);
}

TEST_F(Settings, ServerListMayHave256EntriesBlanksAndCommasAtItsEnd) {
  std::string many = "a";
  for (int i = 0; i < 255; ++i) many += ",a";
  EXPECT_EQ(read("server_list = " + many + "\n").value.server_list.size(), 256u);
  expect_only("server_list = " + many + ",a\n", severity::error, "p.conf:1", "more than 256");
  const auto r = read("server_list = a\t,\v b\f, ,\n");
  EXPECT_TRUE(r.found.empty());
  ASSERT_EQ(r.value.server_list.size(), 2u);
  EXPECT_EQ(r.value.server_list[0].host + r.value.server_list[1].host, "ab");
}

TEST_F(Settings, ServerListProblems) {
  expect_only("server_list = a,,b\n", severity::warning, "p.conf:1", "empty entry");
  expect_only("server_list = a:1:2\n", severity::warning, "p.conf:1", "second colon");
  expect_only("server_list = [::1]:8140\n", severity::error, "p.conf:1", "IPv6");
  expect_only("server_list = fe80::1:2\n", severity::error, "p.conf:1", "IPv6");
  expect_only("server_list = a b\n", severity::error, "p.conf:1", "not a host name");
  expect_only("server_list = a:0\n", severity::error, "p.conf:1", "port");
  expect_only("server_list = a:65536\n", severity::error, "p.conf:1", "port");
  expect_only("server_list = a:80x\n", severity::error, "p.conf:1", "port");
  expect_only("server_list = :8140\n", severity::error, "p.conf:1", "not a host name");
  expect_only("server_list = [a]:1\n", severity::error, "p.conf:1", "IPv6");
}

TEST_F(Settings, HostsThatCannotExistAreErrors) {
  for (const std::string bad :
       {"a b", "", "a/b", "https://a", "a:8140x", "cafe.de:8140", "a..b", "\"a\"b", "caf\u00e9", "a,b", "$"})
    expect_only("[main]\nserver = " + bad + "\n", severity::error, "p.conf:2", "'server'");
  expect_only("[main]\nca_server = a b\n", severity::error, "p.conf:2", "'ca_server'");
  expect_only("[main]\nserver = " + std::string(254, 'a') + "\n", severity::error, "p.conf:2", "'server'");
  expect_only("[main]\nserver = " + std::string(64, 'a') + "\n", severity::error, "p.conf:2", "'server'");
  for (const std::string bad :
       {".a", "[ab", "ab]", "a`", "a{", "a^", "a@", "a;", "f::g", "f::`", "f::;", "f::-", "f::/"})
    expect_only("[main]\nserver = " + bad + "\n", severity::error, "p.conf:2", "'server'");
}

TEST_F(Settings, HostsHaveLabelsOfUpTo63AndAreUpTo253Long) {
  const auto a = [](std::size_t count) { return std::string(count, 'a'); };
  const auto with_last = [&](std::size_t count) {
    return read("server = " + a(63) + "." + a(63) + "." + a(63) + "." + a(count) + "\n").found.size();
  };
  EXPECT_EQ(with_last(61), 0u);
  EXPECT_EQ(with_last(62), 1u);
  EXPECT_TRUE(read("server = az_09-AZ.x\n").found.empty());
}

TEST_F(Settings, WhatOnlyLooksLikeAnAddressIsTold) {
  for (const std::string none : {"999.1.1.1", "1.2.3", "10.0.0.1.2", "256.0.0.1", "1234", "10.0.0.01"}) {
    expect_only("server = " + none + "\n", severity::warning, "p.conf:1",
                "'server' is '" + none + "', which looks like an address and is none");
    expect_only("server_list = a," + none + ":8140\n", severity::warning, "p.conf:1",
                "'" + none + ":8140' in server_list looks like an address and is none");
  }
  EXPECT_EQ(read("server = 999.1.1.1\n").value.server, "999.1.1.1") << "Puppet finds it in /etc/hosts";
  for (const auto* host : {"255.255.255.255", "0.0.0.0", "10.0.0.1.", "1.2.3.a", "1-2"})
    EXPECT_TRUE(read("server = " + std::string(host) + "\n").found.empty()) << host;
}
TEST_F(Settings, AddressesAreHosts) {
  EXPECT_EQ(read("server = [FE80::1]\n").value.server, "fe80::1");
  EXPECT_EQ(read("server = 192.0.2.1\n").value.server, "192.0.2.1");
  for (const std::string good :
       {"192.0.2.1", "::", "::1", "[fe80::1]", "0123:4567:89ab:cdef:9a0f::", "::ffff:192.0.2.1"})
    EXPECT_TRUE(read("server = " + good + "\n").found.empty()) << good;
}

TEST_F(Settings, PortProblemsNameTheSettingThatHoldsThem) {
  expect_only("[main]\nserverport = 0\n", severity::error, "p.conf:2", "'serverport' is 0");
  expect_only("[main]\nmasterport = 0\n", severity::error, "p.conf:2", "'masterport' is 0");
  expect_only("[main]\nca_port = 70000\n", severity::error, "p.conf:2", "'ca_port'");
  expect_only("[main]\nreport_port = https\n", severity::error, "p.conf:2", "'report_port'");
}

TEST_F(Settings, ValuesOfTheWrongKindAreErrors) {
  expect_only("use_srv_records = yes\n", severity::error, "p.conf:1", "true or false");
  expect_only("runinterval = 1h30m\n", severity::error, "p.conf:1", "duration");
  for (const std::string bad : {"unlimited", "1/2", "1:2m", "-1", "m"})
    expect_only("runinterval = " + bad + "\n", severity::error, "p.conf:1", "duration");
  expect_only("http_connect_timeout = fast\n", severity::error, "p.conf:1", "duration");
  expect_only("certificate_revocation = none\n", severity::error, "p.conf:1", "revocation");
  expect_only("certificate_revocation = $nope\n", severity::error, "p.conf:1", "no such setting");
  expect_only("srv_domain = a b\n", severity::error, "p.conf:1", "domain");
  expect_only("use_srv_records = true\nsrv_domain = $nope\n", severity::error, "p.conf:2", "no such setting");
}

TEST_F(Settings, DurationsHavePuppetsUnits) {
  const std::pair<const char*, std::chrono::seconds> all[] = {
      {"7", std::chrono::seconds(7)}, {"7s", std::chrono::seconds(7)}, {"7m", std::chrono::minutes(7)},
      {"7h", std::chrono::hours(7)},  {"7d", std::chrono::days(7)},    {"7y", std::chrono::days(7 * 365)}};
  for (const auto& [text, meant] : all)
    EXPECT_EQ(read(std::string("runinterval = ") + text + "\n").value.runinterval, meant) << text;
}

TEST_F(Settings, HugeDurationIsCutToACentury) {
  for (const std::string text : {"99999999999999999999y", "9223372036854775807y", "101y", "36501d", "3153600001"})
    EXPECT_EQ(read("runinterval = " + text + "\n").value.runinterval, std::chrono::seconds(3153600000)) << text;
}

TEST_F(Settings, RelativeDirectoryIsOneErrorAtItsOwnLine) {
  expect_only("[main]\nssldir = ssl\n", severity::error, "p.conf:2", "absolute");
  expect_only("[main]\nvardir = /v\nssldir =\n", severity::error, "p.conf:3", "absolute");
  expect_only("[main]\nssldir = true\n", severity::error, "p.conf:2", "absolute");
}

TEST_F(Settings, CertnameRules) {
  expect_only("certname = Node1\n", severity::error, "p.conf:1", "capital");
  expect_only("certname = a/b\n", severity::error, "p.conf:1", "character");
  expect_only("certname = caf\u00e9\n", severity::error, "p.conf:1", "character");
  expect_only("certname = a\tb\n", severity::error, "p.conf:1", "character");
  expect_only("certname = a\x7f\n", severity::error, "p.conf:1", "character");
  EXPECT_TRUE(read("certname = a b~!\n").found.empty());
  expect_only("certname = ca\n", severity::error, "p.conf:1", "reserved");
  expect_only("certname =\n", severity::error, "p.conf:1", "empty");
  expect_only("certname = $fqdn\n", severity::error, "p.conf:1", "$fqdn");
  EXPECT_FALSE(read("certname = a\n").certname_is_default);
  in_.certname = "node";
  EXPECT_FALSE(read("").certname_is_default);
  in_.certname = "Node";
  expect_only("certname = a\n", severity::error, "certname", "capital");
}

TEST_F(Settings, UnknownAndCircularReferencesAreTold) {
  expect_only("[main]\nserver = $nope\n", severity::error, "p.conf:2", "no such setting");
  expect_only("[main]\nserver = $sourceaddress\n", severity::error, "p.conf:2", "no value");
  expect_only("[main]\nserver = $server\n", severity::error, "p.conf:2", "refers to itself");
  expect_only("[main]\nserver = $ca_server\nca_server = $server\n", severity::error, "p.conf:2", "refers to itself");
  expect_only("[main]\nssldir = $cadir/x\n", severity::error, "p.conf:2", "$cadir");
}

TEST_F(Settings, AReferenceIsAsLongAsRubysWordsAreOrUpToItsBrace) {
  for (const char next : {'a', 'z', 'A', 'Z', '0', '9', '_'})
    expect_only(std::string("server = $ca_name") + next + "\n", severity::error, "p.conf:1", "no such setting");
  EXPECT_EQ(value_of("tags", "ca_name = v\ntags = $ca_name`$ca_name@$ca_name[$ca_name/$ca_name:$ca_name{\n"),
            "v`v@v[v/v:v{");
  // Puppet takes the first braces of a value for options, so that a name in braces can only come after those.
  EXPECT_EQ(value_of("tags", "ca_name = v\ntags = {mode = 0640}${ca_name}x/$ca_name-y$ca_name\n"), "vx/v-yv");
  EXPECT_EQ(value_of("tags", "tags = {mode = 0640}${ca_name-y}/${ca_name/$/${\n"), "${ca_name-y}/${ca_name/$/${");
}

TEST_F(Settings, DirectoriesAreTheLayouts) {
  const auto& d = known_layouts()[3];
  read("");
  in_.directories = d;
  lookup all(in_);
  EXPECT_EQ(all.value("confdir"), d.confdir);
  EXPECT_EQ(all.value("ssldir"), d.ssldir);
  EXPECT_EQ(all.value("vardir"), d.vardir);
  EXPECT_EQ(all.value("codedir"), d.codedir);
  EXPECT_EQ(all.value("publicdir"), d.publicdir);
  EXPECT_EQ(all.value("rundir"), d.rundir);
  EXPECT_EQ(all.value("logdir"), d.logdir);
}

TEST_F(Settings, WhatPuppetComputesHasNoValueHere) {
  for (const auto* const name : {"ciphers", "cadir"}) EXPECT_FALSE(value_of(name, "")) << name;
  EXPECT_EQ(value_of("cadir", "cadir = /c\n"), "/c");
  expect_only("server = $ciphers\n", severity::error, "p.conf:1", "default bunraku does not know");
}

TEST_F(Settings, ValuesThatMultiplyAreCutOff) {
  const std::string chain[] = {"tags",    "skip_tags", "diff",     "user",     "group",
                               "ca_name", "reports",   "ldapuser", "ldapbase", "color"};
  std::string text = "tags = " + std::string(64, 'x') + "\n";
  for (std::size_t i = 1; i < std::size(chain); ++i) {
    text += chain[i] + " = ";
    for (int n = 0; n < 32; ++n) text += "$" + chain[i - 1] + ".";
    text += "\n";
  }
  const auto r = read(text + "server = $color\n");
  ASSERT_EQ(r.found.size(), 1u);
  EXPECT_THAT(r.found[0].what(), HasSubstr("64 KiB"));
}

TEST_F(Settings, LongChainOfReferencesIsFollowed) {
  EXPECT_EQ(read("tags = a\nskip_tags = $tags\ndiff = $skip_tags\nserver = $diff\n").value.server, "a");
}

TEST_F(Settings, MisspeltSettingsAreGuessed) {
  const auto r = read("[main]\nsever = a\n");
  ASSERT_EQ(r.found.size(), 1u);
  EXPECT_EQ(r.found[0].level(), severity::warning);
  EXPECT_THAT(r.found[0].fix(), HasSubstr("'server'"));
  EXPECT_THAT(read("[agent]\nuse_srv_record = true\n").found.front().fix(), HasSubstr("'use_srv_records'"));
  EXPECT_THAT(read("[main]\nServer = a\n").found.front().fix(), HasSubstr("'server'"));
}

TEST_F(Settings, AGuessIsOneCharacterAwayOrTwoFromALongName) {
  for (const std::string near : {"servr", "serverr", "servet", "hostcetrt"})
    EXPECT_EQ(read("[main]\n" + near + " = a\n").found.size(), 1u) << near;
  for (const std::string near : {"ca_sevrer", "ca_srvr", "use_srv_recordsxx", "use_srv_recor"})
    EXPECT_EQ(read("[main]\n" + near + " = a\n").found.size(), 1u) << near;
  for (const std::string far : {"sevrer", "rver", "xyserver", "port", "hostcetr", "ca_sevrre", "use_srv_reco"})
    EXPECT_TRUE(read("[main]\n" + far + " = a\n").found.empty()) << far;
}

TEST_F(Settings, SettingsOfOtherSoftwareAreNoMatter) {
  EXPECT_TRUE(read("[main]\nstringify_facts = false\nparser = future\nmy_own = 1\n").found.empty());
  EXPECT_TRUE(read("[server]\nsever = x\n").found.empty());
}

TEST_F(Settings, OwnersPuppetRefusesAreErrors) {
  expect_only("[main]\nlogdir = /l {owner = puppet}\n", severity::error, "p.conf:2", "'logdir'");
  EXPECT_TRUE(read("[server]\nlogdir = /l {owner = puppet}\n").found.empty());
}

TEST_F(Settings, EnvironmentIsNotReplaced) {
  expect_only("[main]\ntags = x$environment\n", severity::warning, "p.conf:2", "$environment");
}

TEST_F(Settings, SrvWithoutDomainIsAWarning) {
  domain_ = "";
  const auto r = read("certname = a\nuse_srv_records = true\n");
  ASSERT_EQ(r.found.size(), 1u);
  EXPECT_EQ(r.found[0].level(), severity::warning);
  EXPECT_EQ(r.found[0].where(), "p.conf:2");
  EXPECT_TRUE(read("certname = a\n").found.empty());
}

TEST_F(Settings, NoValueMakesAMessageLongOrReachesTheTerminal) {
  const auto odd = "A/\x1b]0;title\x07 " + std::string(1000, 'x');
  for (const std::string name : {"certname", "server", "server_list", "srv_domain", "certificate_revocation",
                                 "serverport", "runinterval", "use_srv_records", "vardir"}) {
    for (const auto& value : {odd, odd + ":1:2", odd + ":0", "[" + odd, "A" + std::string(200, 'x') + ":1:2",
                              "$" + std::string(1000, 'x')}) {
      const auto r = read(name + " = " + value + "\n");
      ASSERT_FALSE(r.found.empty()) << name;
      for (const auto& each : r.found) {
        EXPECT_LT(each.what().size(), 300u) << each.what();
        EXPECT_TRUE(std::ranges::none_of(each.what(), [](char c) { return c >= 0 && c < ' '; })) << each.what();
      }
    }
  }
}

TEST_F(Settings, EveryProblemIsToldAtOnce) {
  EXPECT_EQ(read("server = a b\nserverport = x\nruninterval = y\ncertname = Z\nuse_srv_records = 1\n").found.size(),
            5u);
}

TEST(RubyInteger, ReadsWhatRubyReads) {
  const std::tuple<const char*, std::optional<long long>> cases[] = {
      {"8140", 8140}, {"+1", 1},    {"-1", -1},   {"0x1fcc", 8140}, {"0X1F", 31}, {"010", 8},
      {"0b11", 3},    {"0o17", 15}, {"0d17", 17}, {"0", 0},         {"1_0", 10},  {" 1 ", 1},
      {"\t1\r", 1},   {"0_7", 7},   {"", {}},     {"1__0", {}},     {"_1", {}},   {"1_", {}},
      {"08", {}},     {"0o_7", {}}, {"0_", {}},   {"0__7", {}},     {"0x0_1", 1}, {"1.0", {}},
      {"0x", {}},     {"--1", {}},  {"1 2", {}},  {"0x-1", {}},     {"abc", {}},  {"99999999999999999999", {}},
  };
  for (const auto& [text, value] : cases) EXPECT_EQ(ruby_integer(text), value) << "'" << text << "'";
}

}  // namespace
}  // namespace bunraku::puppet
