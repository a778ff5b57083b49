#include "config/configuration.hpp"

#include "config/keys.hpp"
#include "unit/config/reading.hpp"

#include <gmock/gmock.h>

using namespace shim::config;
using namespace std::chrono_literals;
using reading::bad;
using reading::good;
using testing::HasSubstr;
using testing::Not;

TEST(Configuration, AnEmptyFileIsAllDefaults) {
  const auto c = good("");
  EXPECT_EQ(c.file, "b.toml");
  ASSERT_EQ(c.listen.size(), 3u);
  EXPECT_EQ(c.listen[0].where, "default");
  EXPECT_EQ(to_string(c.listen[0]), "127.0.0.1:8140");
  EXPECT_EQ(to_string(c.listen[1]), "127.0.1.1:8140");
  EXPECT_EQ(to_string(c.listen[2]), "[::1]:8140");
  for (const auto& l : c.listen) EXPECT_TRUE(l.implied);
  ASSERT_EQ(c.services.size(), 4u);
  EXPECT_EQ(c.services[0].name, "ca");
  EXPECT_EQ(c.services[0].first_byte_timeout, 60s);
  EXPECT_EQ(c.services[1].first_byte_timeout, 600s);
  EXPECT_EQ(c.services[2].first_byte_timeout, 60s);
  EXPECT_EQ(c.services[3].first_byte_timeout, 300s);
  EXPECT_EQ(c.limits.idle, 60s);
  EXPECT_EQ(c.limits.upstream_idle, 20s);
  EXPECT_EQ(c.limits.header_timeout, 10s);
  EXPECT_EQ(c.limits.stall_timeout, 30s);
  EXPECT_EQ(c.srv, srv_use::automatic);
  EXPECT_TRUE(c.log.access);
  EXPECT_EQ(c.log.level, bunraku::log_level::info);
}

TEST(Configuration, DefaultsOfTheLibraryAreOurs) {
  const auto c = good("");
  const bunraku::dns_options dns;
  const bunraku::connect_options connect;
  EXPECT_EQ(c.dns.nameservers, dns.nameservers);
  EXPECT_EQ(c.dns.hosts_file, dns.hosts_file);
  EXPECT_EQ(c.dns.lookup_deadline, dns.lookup_deadline);
  EXPECT_EQ(c.dns.try_timeout, dns.try_timeout);
  EXPECT_EQ(c.dns.ttl_floor, dns.ttl_floor);
  EXPECT_EQ(c.dns.stale_for, dns.stale_for);
  EXPECT_EQ(c.dns.vanished_for, dns.vanished_for);
  EXPECT_EQ(c.connect.connect_timeout, connect.connect_timeout);
  EXPECT_EQ(c.connect.tls_timeout, connect.tls_timeout);
  EXPECT_EQ(c.connect.race_delay, connect.race_delay);
}

TEST(Configuration, EveryDefaultIsWithinItsRangeAndAmongItsChoices) {
  // A default is read by the same code as a given value, so writing it out must change nothing and offend nobody.
  for (const auto& row : all_keys()) {
    if (row.fallback.empty() || row.table == "listen" || row.table == "service" || row.table == "plugin" ||
        row.table == "route")
      continue;
    good("[" + std::string(row.table) + "]\n" + std::string(row.name) + " = " + std::string(row.fallback) + "\n");
  }
}

TEST(Configuration, NumbersAndTimesReachFromTheirLeastToTheirMostAndNoFurther) {
  const auto is_refused = [](const key_row& row, std::int64_t value) {
    const auto text = row.takes == shape::integer ? std::to_string(value) : "\"" + std::to_string(value) + "ms\"";
    const auto head = row.table == "service" || row.table == "plugin" ? "[" + std::string(row.table) + ".ca]\n"
                                                                      : "[" + std::string(row.table) + "]\n";
    const auto made = parse_configuration(head + std::string(row.name) + " = " + text + "\n", "b.toml");
    const auto told = reading::lines(made.found);
    return told.contains("`" + std::string(row.name) + "` is ") &&
           (told.contains("Give a number from ") || told.contains("Give a duration from "));
  };
  std::size_t seen = 0;
  for (const auto& row : all_keys()) {
    if (row.takes != shape::integer && row.takes != shape::duration) continue;
    ++seen;
    EXPECT_FALSE(is_refused(row, row.least)) << row.table << '.' << row.name;
    EXPECT_FALSE(is_refused(row, row.most)) << row.table << '.' << row.name;
    EXPECT_TRUE(is_refused(row, row.most + 1)) << row.table << '.' << row.name;
    if (row.least > 0) EXPECT_TRUE(is_refused(row, row.least - 1)) << row.table << '.' << row.name;
  }
  EXPECT_GT(seen, 20u);
}

TEST(Configuration, ArraysHaveNoMoreEntriesThanTheyMay) {
  const auto is_refused = [](const key_row& row, std::int64_t entries) {
    std::string text = "[" + std::string(row.table) + (row.table == "service" ? ".ca]\n" : "]\n");
    text += std::string(row.name) + " = [";
    for (std::int64_t i = 0; i < entries; ++i) text += "\"a" + std::to_string(i) + "\",";
    const auto made = parse_configuration(text + "]\n", "b.toml");
    return reading::lines(made.found).contains("` has " + std::to_string(entries) + " entries.");
  };
  std::size_t seen = 0;
  for (const auto& row : all_keys()) {
    if (row.takes != shape::texts) continue;
    ++seen;
    EXPECT_FALSE(is_refused(row, row.most)) << row.table << '.' << row.name;
    EXPECT_TRUE(is_refused(row, row.most + 1)) << row.table << '.' << row.name;
  }
  EXPECT_GT(seen, 5u);
}

TEST(Configuration, NoKeyIsListedTwice) {
  std::set<std::pair<std::string_view, std::string_view>> seen;
  for (const auto& row : all_keys())
    EXPECT_TRUE(seen.emplace(row.table, row.name).second) << row.table << '.' << row.name;
}

TEST(Configuration, TakesWhatIsGiven) {
  const auto c = good(R"(
[puppet]
conf = "/x/puppet.conf"
certname = "a.example.com"
ssldir = "/x/ssl"
root = "/x"
[local]
certificate = "/l/c"
key = "/l/k"
passphrase_file = "/l/p"
ca = "/l/ca"
crl = "/l/crl"
revocation = "leaf"
[upstream]
ca = "/u/ca"
strip_headers = ["X-SSL-Subject"]
[dns]
nameservers = ["192.0.2.53", "127.0.0.1:5353", "[::1]:53", "2001:DB8::53"]
hosts_file = ""
lookup_deadline = "2s"
try_timeout = "500ms"
ttl_floor = "1s"
stale_for = "2d"
vanished_for = "0s"
store = "/var/lib/bunraku/dns-answers"
srv = true
srv_domain = "Example.COM."
[connect]
timeout = "1s"
tls_timeout = "2s"
race_delay = "100ms"
[limits]
header_bytes = 16384
target_bytes = 8192
connections = 8
idle = "2m"
[log]
level = "debug"
access = false
to = "stderr"
)");
  EXPECT_EQ(c.puppet.config_file, "/x/puppet.conf");
  EXPECT_EQ(c.puppet.certname, "a.example.com");
  EXPECT_EQ(c.puppet.ssldir, "/x/ssl");
  EXPECT_EQ(c.puppet.root_prefix, "/x");
  EXPECT_EQ(c.local.certificate, "/l/c");
  EXPECT_EQ(c.local.key, "/l/k");
  EXPECT_EQ(c.local.passphrase_file, "/l/p");
  EXPECT_EQ(c.local.ca, "/l/ca");
  EXPECT_EQ(c.local.crl, "/l/crl");
  EXPECT_EQ(c.local.check, bunraku::revocation::leaf);
  EXPECT_EQ(c.upstream.ca, "/u/ca");
  EXPECT_EQ(c.upstream.check, std::nullopt);
  EXPECT_EQ(c.strip_headers, std::vector<std::string>{"X-SSL-Subject"});
  EXPECT_EQ(c.dns.nameservers,
            (std::vector<std::string>{"192.0.2.53:53", "127.0.0.1:5353", "[::1]:53", "[2001:db8::53]:53"}));
  EXPECT_EQ(c.dns.hosts_file, "");
  EXPECT_EQ(c.dns.lookup_deadline, 2s);
  EXPECT_EQ(c.dns.try_timeout, 500ms);
  EXPECT_EQ(c.dns.ttl_floor, 1s);
  EXPECT_EQ(c.dns.stale_for, 48h);
  EXPECT_EQ(c.dns.vanished_for, 0s);
  EXPECT_EQ(c.dns.store_file, "/var/lib/bunraku/dns-answers");
  EXPECT_EQ(c.srv, srv_use::yes);
  EXPECT_EQ(c.srv_domain, "example.com");
  EXPECT_EQ(c.connect.connect_timeout, 1s);
  EXPECT_EQ(c.connect.tls_timeout, 2s);
  EXPECT_EQ(c.connect.race_delay, 100ms);
  EXPECT_EQ(c.limits.header_bytes, 16384u);
  EXPECT_EQ(c.limits.target_bytes, 8192u);
  EXPECT_EQ(c.limits.connections, 8u);
  EXPECT_EQ(c.limits.idle, 120s);
  EXPECT_EQ(c.log.level, bunraku::log_level::debug);
  EXPECT_FALSE(c.log.access);
  EXPECT_EQ(c.log.to, log_target::standard_error);
}

TEST(Configuration, AKeyIsAFileOrInAToken) {
  const auto with = [](const std::string& key) { return "[local]\ncertificate = \"/c\"\nkey = \"" + key + "\"\n"; };
  EXPECT_EQ(good(with("/k")).local.key, "/k");
  EXPECT_EQ(good(with("pkcs11:object=a")).local.key, "pkcs11:object=a");
  EXPECT_THAT(bad(with("k")), HasSubstr("neither an absolute path nor a key in a token"));
  EXPECT_THAT(bad(with("pkcs11:token=a")), HasSubstr("`key` names no key in a token: it says by no `object`"));
}

TEST(Configuration, TellsAllProblemsInTheOrderOfTheFile) {
  const auto told = bad("[log]\nlevel = \"loud\"\n[limits]\nidle = \"1s\"\nconnections = 0\n[dns]\nnameserver = []\n");
  const auto second = told.find("b.toml:4"), third = told.find("b.toml:5"), fourth = told.find("b.toml:7");
  EXPECT_EQ(told.find("b.toml:2"), 0u) << told;
  EXPECT_LT(second, third);
  EXPECT_LT(third, fourth);
  EXPECT_NE(fourth, std::string::npos) << told;
}

TEST(Configuration, AnUnknownKeyNamesTheNearestOne) {
  EXPECT_THAT(bad("[dns]\nnameserver = []\n"), HasSubstr("Did you mean `nameservers`?"));
  EXPECT_THAT(bad("[limits]\nheader_byte = 5\n"), HasSubstr("Did you mean `header_bytes`?"));
  EXPECT_THAT(bad("[connect]\nconnect_timeout = \"3s\"\n"), HasSubstr("Did you mean `timeout`?"));
  EXPECT_THAT(bad("[log]\nlvele = \"info\"\n"), HasSubstr("Did you mean `level`?"));
  EXPECT_THAT(bad("[log]\ncolour = true\n"), HasSubstr("Its keys are level, access, to."));
}

TEST(Configuration, AnUnknownTableNamesTheNearestOne) {
  EXPECT_THAT(bad("[limit]\n"), HasSubstr("Did you mean [limits]?"));
  EXPECT_THAT(bad("[[listener]]\n"), HasSubstr("Did you mean [[listen]]?"));
  for (const char* table : {"[telemetry]\n", "[[telemetry]]\n"})
    EXPECT_THAT(bad(table), HasSubstr("There is no table [telemetry]."));
}

TEST(Configuration, AKeyOutsideOfAllTablesIsToldWhereItBelongs) {
  EXPECT_THAT(bad("level = \"info\"\n"),
              HasSubstr("There is no key `level` outside of a table. `level` belongs below [log]."));
  for (const char* value : {"[]", "[\"192.0.2.53\"]"})
    EXPECT_THAT(bad("nameservers = " + std::string(value) + "\n"),
                HasSubstr("There is no key `nameservers` outside of a table. `nameservers` belongs below [dns]."));
  EXPECT_THAT(bad("users = []\n"), HasSubstr("`users` belongs below [[listen]]."));
  EXPECT_THAT(bad("header = {}\n"), HasSubstr("There is no table [header]."));
  EXPECT_THAT(bad("masters = []\n"), HasSubstr("`masters` belongs below [service.NAME]."));
  EXPECT_THAT(bad("load = 1\n"), HasSubstr("`load` belongs below [plugin.NAME]."));
  EXPECT_THAT(bad("certificate = 1\n"), HasSubstr("`certificate` belongs below [local]."));
  EXPECT_THAT(bad("telemetry = 1\n"), HasSubstr("outside of a table. See bunraku.toml.example for what there is."));
}

TEST(Configuration, WrongTypesAreErrorsThatSayWhatIsMeant) {
  for (const auto& row : all_keys()) {
    if (row.table.starts_with("service") || row.table == "plugin" || row.table == "listen" || row.table == "route")
      continue;
    const auto told = bad("[" + std::string(row.table) + "]\n" + std::string(row.name) + " = 1.5\n");
    EXPECT_THAT(told, HasSubstr("b.toml:2: error: `" + std::string(row.name) + "` must not be a number with a point."))
        << told;
  }
  EXPECT_THAT(bad("[limits]\nidle = 60\n"), HasSubstr("a number and a unit"));
  EXPECT_THAT(bad("log = 3\n"), HasSubstr("`log` must be a table"));
  for (const char* no_word : {"[log]\nlevel = true\n", "[puppet]\ncertname = true\n", "[dns]\nhosts_file = false\n"})
    EXPECT_THAT(bad(no_word), HasSubstr("must not be true or false"));
}

TEST(Configuration, RangesHoldAtBothEnds) {
  for (const auto& row : all_keys()) {
    if (row.takes != shape::integer) continue;
    const auto with = [&](std::int64_t n) {
      return "[" + std::string(row.table) + "]\n" + std::string(row.name) + " = " + std::to_string(n) + "\n";
    };
    EXPECT_THAT(bad(with(row.least - 1)), HasSubstr("Give a number from"));
    EXPECT_THAT(bad(with(row.most + 1)), HasSubstr("Give a number from"));
  }
  EXPECT_THAT(bad("[limits]\nupstream_idle = \"30s\"\n"), HasSubstr("from 0s to 29s"));
  EXPECT_THAT(bad("[limits]\nidle = \"4s\"\n"), HasSubstr("from 5s to 1d"));
  EXPECT_THAT(bad("[limits]\nidle = \"soon\"\n"), HasSubstr("which is no duration"));
}

TEST(Configuration, WhatIsNotTomlIsToldWithItsLine) {
  EXPECT_THAT(bad("[log]\nlevel = info\n"), HasSubstr("b.toml:2: error: This is not TOML"));
  EXPECT_THAT(bad("[log]\n[log]\n"), HasSubstr("b.toml:2: error: This is not TOML"));
  EXPECT_THAT(bad(std::string(2 << 20, '\n')), HasSubstr("b.toml: error: It is larger than 1 MiB."));
  bad(std::string_view("\0", 1));
  bad("x = \"\xff\"");
  bad("k\xc3\xa9y = 1\n");
  bad("key = \xc3\xa9\n");
  bad(std::string(5000, '[') + "\n");
  bad("x = " + std::string(5000, '[') + "\n");
}

TEST(Configuration, PathsAreAbsoluteAndHoldNoControlCharacters) {
  EXPECT_THAT(bad("[puppet]\nconf = \"puppet.conf\"\n"), HasSubstr("not an absolute path"));
  EXPECT_THAT(bad("[dns]\nhosts_file = \"hosts\"\n"), HasSubstr("`hosts_file` is not an absolute path"));
  EXPECT_THAT(bad("[sandbox]\nfiles = [\"/a\", \"b\"]\n"), HasSubstr("b.toml:2: error: \"b\" is not an absolute path"));
  EXPECT_THAT(bad("[local]\ncertificate = \"/a\\u0000b\"\nkey = \"/k\"\n"), HasSubstr("control character"));
  EXPECT_THAT(bad("[puppet]\nssldir = \"\"\n"), HasSubstr("empty"));
}

TEST(Configuration, CertificateAndKeyGoTogether) {
  EXPECT_THAT(bad("[local]\ncertificate = \"/c\"\n"), HasSubstr("Add `key`"));
  EXPECT_THAT(bad("[upstream]\nkey = \"/k\"\n"), HasSubstr("Add `certificate`"));
}

TEST(Configuration, AKeyInATokenHasItsPinInItsUri) {
  EXPECT_THAT(bad("[local]\ncertificate = \"/c\"\nkey = \"pkcs11:object=a\"\npassphrase_file = \"/p\"\n"),
              HasSubstr("b.toml:4: error: [local] has a key in a token, and that has no passphrase"));
}

TEST(Configuration, ACertnameIsOneThatPuppetWouldTake) {
  EXPECT_EQ(good("[puppet]\ncertname = \"a-1.example.com\"\n").puppet.certname, "a-1.example.com");
  EXPECT_THAT(bad("[puppet]\ncertname = \"A.example.com\"\n"), HasSubstr("`certname` has capital letters"));
  for (const char* wrong : {"a b", "../a", "a/b"})
    EXPECT_THAT(bad("[puppet]\ncertname = \"" + std::string(wrong) + "\"\n"), HasSubstr("is no certname"));
}

TEST(Configuration, EveryWordForRevocationLevelAndLogMeansItself) {
  using bunraku::revocation;
  for (const auto& [word, check] : {std::pair("chain", revocation::chain), std::pair("leaf", revocation::leaf)})
    EXPECT_EQ(good("[local]\nrevocation = \"" + std::string(word) + "\"\n").local.check, check);
  using bunraku::log_level;
  for (const auto& [word, level] :
       {std::pair("trace", log_level::trace), std::pair("debug", log_level::debug), std::pair("info", log_level::info),
        std::pair("warning", log_level::warning), std::pair("error", log_level::error)})
    EXPECT_EQ(good("[log]\nlevel = \"" + std::string(word) + "\"\n").log.level, level);
  for (const auto& [word, to] :
       {std::pair("auto", log_target::automatic), std::pair("stderr", log_target::standard_error),
        std::pair("journal", log_target::journal)})
    EXPECT_EQ(good("[log]\nto = \"" + std::string(word) + "\"\n").log.to, to);
  EXPECT_TRUE(good("").sandbox.use);
  EXPECT_FALSE(good("[sandbox]\nuse = \"off\"\n").sandbox.use);
}

TEST(Configuration, AWordThatThereIsNotNamesTheNearestAndAll) {
  EXPECT_THAT(bad("[log]\nlevel = \"warn\"\n"),
              HasSubstr("Did you mean \"warning\"? There are trace, debug, info, warning, error."));
  EXPECT_THAT(bad("[log]\nlevel = \"everything\"\n"), HasSubstr("which it cannot be. There are trace,"));
}

TEST(Configuration, NoRevocationIsAWarning) {
  const auto made = parse_configuration("[upstream]\nrevocation = \"none\"\n", "b.toml");
  ASSERT_TRUE(made.value);
  EXPECT_THAT(reading::lines(made.found), HasSubstr("b.toml:2: warning: [upstream] does not look at any CRL"));
}

TEST(Configuration, NameServersAreAddresses) {
  for (const char* wrong : {"ns1.example.com", "127.0.0.1:0", "127.0.0.1:x", "", "::1:53:99999", "fe80::53%",
                            "192.0.2.53%eth0", "ns1%eth0", "[fe80::53%eth0]:0"})
    EXPECT_THAT(bad("[dns]\nnameservers = [\"" + std::string(wrong) + "\"]\n"), HasSubstr("no name server's address"));
  EXPECT_THAT(bad("[dns]\nnameservers = [53]\n"), HasSubstr("holds an integer"));
}

TEST(Configuration, ALinkLocalNameServerHasItsInterface) {
  const auto c = good("[dns]\nnameservers = [\"fe80::53%eth0\", \"[fe80::53%eth0]:5353\"]\n");
  EXPECT_EQ(c.dns.nameservers, (std::vector<std::string>{"fe80::53%eth0", "[fe80::53%eth0]:5353"}));
}

TEST(Configuration, AForwardIsADomainAndItsNameServers) {
  const auto c = good("[dns]\nforward = [\" Consul. 127.0.0.1:8600  127.0.0.2 \", \"lab.example.com [::1]:53\"]\n");
  ASSERT_EQ(c.dns.forward.size(), 2u);
  EXPECT_EQ(c.dns.forward[0].domain, "consul");
  EXPECT_EQ(c.dns.forward[0].nameservers, (std::vector<std::string>{"127.0.0.1:8600", "127.0.0.2:53"}));
  EXPECT_EQ(c.dns.forward[1].domain, "lab.example.com");
  const auto told = [](const std::string& one) { return bad("[dns]\nforward = [\"" + one + "\"]\n"); };
  for (const char* wrong : {"", " ", "127.0.0.1 127.0.0.1", "consul:53 127.0.0.1", "a/b 127.0.0.1"}) {
    EXPECT_THAT(told(wrong), HasSubstr("b.toml:2: error: \"" + std::string(wrong) + "\" does not begin with a domain"));
    EXPECT_THAT(told(wrong), Not(HasSubstr("names no server")));
  }
  EXPECT_THAT(told("consul"), HasSubstr("\"consul\" names no server for this domain"));
  EXPECT_THAT(told("consul 127.0.0.1 ns1"), HasSubstr("\"ns1\" is no name server's address"));
  EXPECT_THAT(told("consul 127.0.0.1\", \"CONSUL 127.0.0.2"), HasSubstr("`consul` is there twice"));
}

TEST(Configuration, WhereSrvRecordsAreIsADomain) {
  for (const char* wrong : {"192.0.2.1", "example.com:53", "a b", "::1"})
    EXPECT_THAT(bad("[dns]\nsrv_domain = \"" + std::string(wrong) + "\"\n"), HasSubstr("is no domain name"));
  const auto unused = parse_configuration("[dns]\nsrv = false\nsrv_domain = \"example.com\"\n", "b.toml");
  EXPECT_TRUE(unused.value);
  EXPECT_THAT(reading::lines(unused.found), HasSubstr("b.toml:3: warning: `srv_domain` is not used"));
}

TEST(Configuration, TheShorterDeadlineWins) {
  EXPECT_THAT(bad("[dns]\nlookup_deadline = \"1s\"\ntry_timeout = \"2s\"\n"),
              HasSubstr("longer than `lookup_deadline`"));
  EXPECT_EQ(good("[dns]\nlookup_deadline = \"500ms\"\n").dns.try_timeout, 500ms);
  EXPECT_EQ(good("[dns]\nlookup_deadline = \"2s\"\ntry_timeout = \"2s\"\n").dns.try_timeout, 2s);
  EXPECT_EQ(good("[limits]\nheader_bytes = 4096\n").limits.target_bytes, 4096u);
  EXPECT_THAT(bad("[limits]\nheader_bytes = 4096\ntarget_bytes = 4097\n"), HasSubstr("Make it at most 4096."));
  EXPECT_EQ(good("[limits]\nheader_bytes = 4096\ntarget_bytes = 4096\n").limits.target_bytes, 4096u);
}

TEST(Configuration, SrvIsAWordOrTrueOrFalse) {
  EXPECT_EQ(good("[dns]\nsrv = false\n").srv, srv_use::no);
  EXPECT_EQ(good("[dns]\nsrv = \"false\"\n").srv, srv_use::no);
  EXPECT_EQ(good("[dns]\nsrv = \"auto\"\n").srv, srv_use::automatic);
  EXPECT_THAT(bad("[dns]\nsrv = \"yes\"\n"), HasSubstr("There are auto, true, false."));
}

TEST(Configuration, ABrokenFileStillLetsPuppetConfBeChecked) {
  const auto made = parse_configuration("[puppet]\nconf = \"/x\"\n[log]\nlevel = 3\n", "b.toml");
  EXPECT_FALSE(made.value);
  ASSERT_TRUE(made.sketch);
  EXPECT_EQ(made.sketch->puppet.config_file, "/x");
  EXPECT_FALSE(parse_configuration("[", "b.toml").sketch);
}

TEST(Nearest, SaysNothingRatherThanSomethingFarOff) {
  const std::vector<std::string_view> words{"level", "access", "to"};
  EXPECT_EQ(nearest("levl", words), "level");
  EXPECT_EQ(nearest("acess", words), "access");
  EXPECT_EQ(nearest("catalogue", std::vector<std::string_view>{"ca", "catalog"}), "catalog");
  EXPECT_EQ(nearest("timeout", std::vector<std::string_view>{"minutes", "tls_timeout"}), "tls_timeout");
  EXPECT_EQ(nearest("lgo", std::vector<std::string_view>{"lag", "log"}), "log") << "a swap is one mistake";
  EXPECT_EQ(nearest("completely_else", words), "");
  EXPECT_EQ(nearest("a", std::vector<std::string_view>{"address"}), "") << "one letter is no part";
  EXPECT_EQ(nearest(std::string(100000, 'x'), words), "");
}

TEST(AdminSection, SocketIsAutoUnlessAPathOrNoneIsGiven) {
  EXPECT_EQ(good("").admin.socket, "auto");
  EXPECT_EQ(good("[admin]\nsocket = \"\"\n").admin.socket, "");
  const auto given = good("\n[admin]\nsocket = \"/run/x/c.sock\"\n").admin;
  EXPECT_EQ(given.socket, "/run/x/c.sock");
  EXPECT_EQ(given.where, "b.toml:3");
}

TEST(AdminSection, RelativeOrOverlongPathIsRefused) {
  EXPECT_THAT(bad("[dns]\nstore = \"answers\"\n"), HasSubstr("b.toml:2: error: `store` is not an absolute path."));
  EXPECT_THAT(bad("[admin]\nsocket = \"run/c.sock\"\n"), HasSubstr("b.toml:2: error: `socket` is not an absolute"));
  EXPECT_THAT(bad("[admin]\nsocket = \"/" + std::string(107, 'x') + "\"\n"), HasSubstr("b.toml:2: error:"));
}

TEST(AdminSection, ItsAddressIsForThisHostAlone) {
  EXPECT_EQ(good("").admin.address, "");
  const auto c = good("\n[admin]\naddress = \"[::1]:9140\"\n").admin;
  EXPECT_EQ(c.address, "::1");
  EXPECT_EQ(c.port, 9140);
  EXPECT_EQ(c.address_where, "b.toml:3");
  for (const char* wrong : {"127.0.0.1", "0.0.0.0:9140", "192.0.2.1:9140", "localhost:9140", "127.0.0.1:x"})
    EXPECT_THAT(bad("[admin]\naddress = \"" + std::string(wrong) + "\"\n"),
                HasSubstr("is no loopback address with a port"))
        << wrong;
}

TEST(AdminSection, ATextfileIsOneThatTheCollectorReads) {
  EXPECT_EQ(good("[admin]\ntextfile = \"/x/bunraku.prom\"\n").admin.textfile, "/x/bunraku.prom");
  EXPECT_THAT(bad("[admin]\ntextfile = \"/x/bunraku.prom.tmp\"\n"), HasSubstr("does not end in .prom"));
}
