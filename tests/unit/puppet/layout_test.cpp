#include "puppet/layout.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace bunraku::puppet {
namespace {

layout_choice choose(bool root, const std::set<std::string>& there, std::string_view home = "/home/u") {
  return choose_layout(root, home, [&](const std::string& path) { return there.contains(path); });
}
layout of_file(const std::string& file, const std::set<std::string>& there) {
  return layout_of_file(file, choose(true, there).chosen, "/home/u",
                        [&](const std::string& p) { return there.contains(p); });
}

// Debian's values as `puppet config print` of its puppet-agent 7.23 tells them.
TEST(Layout, DebianRoot) {
  const auto l = choose(true, {"/etc/puppet/puppet.conf"}).chosen;
  EXPECT_EQ(l.name, "debian");
  EXPECT_EQ(l.confdir, "/etc/puppet");
  EXPECT_EQ(l.ssldir, "/var/lib/puppet/ssl");
  EXPECT_EQ(l.vardir, "/var/cache/puppet");
}
TEST(Layout, AioRoot) {
  const auto l = choose(true, {"/etc/puppetlabs/puppet/puppet.conf"}).chosen;
  EXPECT_EQ(l.name, "aio");
  EXPECT_EQ(l.ssldir, "/etc/puppetlabs/puppet/ssl");
  EXPECT_EQ(l.vardir, "/opt/puppetlabs/puppet/cache");
}
TEST(Layout, UserHasItsOwn) {
  const auto aio = choose(false, {"/home/u/.puppetlabs/etc/puppet/puppet.conf", "/etc/puppet/puppet.conf"});
  EXPECT_EQ(aio.chosen.name, "user");
  EXPECT_EQ(aio.chosen.ssldir, "/home/u/.puppetlabs/etc/puppet/ssl");
  EXPECT_EQ(aio.also_there, "");
  EXPECT_EQ(choose(false, {"/home/u/.puppet/etc/puppet.conf"}).chosen.ssldir, "/home/u/.puppet/etc/ssl");
}
TEST(Layout, RootIgnoresItsHome) {
  EXPECT_EQ(choose(true, {"/home/u/.puppetlabs/etc/puppet/puppet.conf", "/etc/puppet/puppet.conf"}).chosen.name,
            "debian");
}
TEST(Layout, UserWithoutOwnConfigurationTakesTheSystems) {
  EXPECT_EQ(choose(false, {"/etc/puppet/puppet.conf"}).chosen.name, "debian");
  EXPECT_EQ(choose(false, {"/etc/puppet"}).chosen.name, "debian");
  EXPECT_EQ(choose(false, {}).chosen.name, "user");
  EXPECT_EQ(choose(false, {}, "").chosen.name, "aio");
}
TEST(Layout, SsldirDecidesWhereThereIsNoPuppetConf) {
  EXPECT_EQ(choose(true, {"/var/lib/puppet/ssl", "/etc/puppetlabs/puppet"}).chosen.name, "debian");
  EXPECT_EQ(choose(true, {}).chosen.name, "aio");
}
TEST(Layout, TwoInstallationsAreTold) {
  const auto c = choose(true, {"/etc/puppet/puppet.conf", "/etc/puppetlabs/puppet/puppet.conf"});
  EXPECT_EQ(c.chosen.name, "aio");
  EXPECT_EQ(c.also_there, "/etc/puppet/puppet.conf");
}

TEST(LayoutOfFile, KnownPlaceKeepsItsLayout) {
  EXPECT_EQ(of_file("/etc/puppet/puppet.conf", {"/etc/puppetlabs/puppet/puppet.conf"}).ssldir, "/var/lib/puppet/ssl");
}
TEST(LayoutOfFile, OtherPlaceIsItsOwnConfdir) {
  const auto l = of_file("/x/y.conf", {"/x/ssl", "/etc/puppet/puppet.conf"});
  EXPECT_EQ(l.name, "explicit");
  EXPECT_EQ(l.confdir, "/x");
  EXPECT_EQ(l.ssldir, "/x/ssl");
  EXPECT_EQ(l.vardir, "/var/cache/puppet");
}
TEST(LayoutOfFile, WithoutSslBesideItTheInstalledOneIsUsed) {
  EXPECT_EQ(of_file("/x/y.conf", {"/etc/puppet/puppet.conf"}).ssldir, "/var/lib/puppet/ssl");
}

TEST(ExpandPath, IsRubys) {
  EXPECT_EQ(expand_path("/a//b/../c/./", "/h"), "/a/c");
  EXPECT_EQ(expand_path("/../..", "/h"), "/");
  EXPECT_EQ(expand_path("~", "/h"), "/h");
  EXPECT_EQ(expand_path("~/x", "/h"), "/h/x");
  EXPECT_EQ(expand_path("/a/~", "/h"), "/a/~");
  EXPECT_EQ(expand_path("a/b", "/h"), "a/b");
  EXPECT_EQ(expand_path("", "/h"), "");
}

TEST(HostName, DotInTheNamePartsItFromTheDomain) {
  const auto n = derive_host_name("Node1.Example.com", "10.0.0.1 node1.other", "search third\n");
  EXPECT_EQ(n.host, "Node1");
  EXPECT_EQ(n.domain, "Example.com");
  EXPECT_EQ(n.certname(), "node1.example.com");
}
TEST(HostName, CanonicalNameInHostsGivesTheDomain) {
  EXPECT_EQ(derive_host_name("node1", "127.0.0.1 localhost\n127.0.1.1\tnode1.example.com node1\n", "search x\n").domain,
            "example.com");
}
TEST(HostName, HostsEntryThatIsAnothersDoesNotCount) {
  EXPECT_EQ(derive_host_name("node1", "127.0.1.1 node1\n", "domain d.org\n").domain, "d.org");
  EXPECT_EQ(derive_host_name("node1", "127.0.1.1 box.example.com node1\n", "domain d.org\n").domain, "d.org");
  EXPECT_EQ(derive_host_name("node1", "127.0.1.1 node1\n10.0.0.1 node1.example.com node1\n", "domain d.org\n").domain,
            "d.org")
      << "the first entry of a name is the one";
  EXPECT_EQ(derive_host_name("node1", "# 127.0.1.1 node1.example.com node1\n", "domain d.org\n").domain, "d.org");
}
TEST(HostName, CommentsSayNothing) {
  EXPECT_EQ(derive_host_name("node1", "127.0.0.1 localhost # node1\n10.0.0.1 node1.example.com node1\n", "").domain,
            "example.com");
  EXPECT_EQ(derive_host_name("node1", "", "domain ; d.org\nsearch # s.org\n").domain, "");
}
TEST(HostName, ResolvConfDomainGoesBeforeSearch) {
  EXPECT_EQ(derive_host_name("n", "", "search s.org t.org\ndomain d.org\n").domain, "d.org");
  EXPECT_EQ(derive_host_name("n", "", "nameserver 127.0.0.1\nsearch s.org t.org\n").domain, "s.org");
  EXPECT_EQ(derive_host_name("n", "", "search s.org\nsearch t.org\n").domain, "s.org");
  EXPECT_EQ(derive_host_name("n", "", "nameserver 127.0.0.1\n#search s.org\n").domain, "");
}
TEST(HostName, CertnameWithoutDomainIsTheHost) {
  EXPECT_EQ(derive_host_name("Vm", "", "").certname(), "vm");
  EXPECT_EQ(derive_host_name("a.b.", "", "").certname(), "a.b");
  EXPECT_EQ(derive_host_name("", "", "").certname(), "");
}
TEST(HostName, ADotAtItsEndStaysAsFacterAndPuppetLeaveIt) {
  EXPECT_EQ(derive_host_name("a.", "", "search d.org\n").certname(), "a..d.org") << "so said Puppet 7.23, Facter 4.3";
}

TEST(Certname, OnlyKeyWinsOverADerivedNameWithoutKey) {
  EXPECT_EQ(choose_certname("a.x", {"b.x.pem"}), "b.x");
  EXPECT_EQ(choose_certname("a.x", {"b.x.pem", "README"}), "b.x");
}
TEST(Certname, DerivedNameWinsWhenItHasAKeyOrChoiceIsOpen) {
  EXPECT_EQ(choose_certname("a.x", {"a.x.pem"}), "a.x");
  EXPECT_EQ(choose_certname("a.x", {"b.x.pem", "a.x.pem"}), "a.x");
  EXPECT_EQ(choose_certname("a.x", {"b.x.pem", "c.x.pem"}), "a.x");
  EXPECT_EQ(choose_certname("a.x", {}), "a.x");
  EXPECT_EQ(choose_certname("a.x", {".pem", "b.x"}), "a.x");
}

}  // namespace
}  // namespace bunraku::puppet
