// read_site against whole fake roots in temporary directories.
#include <bunraku/site.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <sys/stat.h>
#include <unistd.h>

namespace bunraku {
namespace {

namespace fs = std::filesystem;
using testing::EndsWith;
using testing::HasSubstr;

class SiteReader : public testing::Test {
 protected:
  SiteReader() {
    std::string pattern = (fs::temp_directory_path() / "bunraku-site-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary directory");
    root_ = pattern;
    write("/etc/hostname", "Node1\n");
    write("/etc/resolv.conf", "search example.com\n");
  }
  ~SiteReader() override {
    std::error_code ignored;
    fs::remove_all(root_, ignored);
  }

  void write(const std::string& path, const std::string& text) const {
    fs::create_directories(fs::path(root_ + path).parent_path());
    std::ofstream(root_ + path) << text;
  }
  void make_directory(const std::string& path) const { fs::create_directories(root_ + path); }

  site_reading read(site_options options = {}) const {
    options.root_prefix = root_;
    return read_site(options);
  }
  static std::string told(const site_reading& r) {
    std::string out;
    for (const auto& p : r.found) out += p.where() + ": " + p.what() + " (" + p.fix() + ")\n";
    return out;
  }

  std::string root_;
};

TEST_F(SiteReader, DebianHostIsReadWithoutAWord) {
  write("/etc/puppet/puppet.conf", "[main]\nserver = m.example.com\n");
  make_directory("/var/lib/puppet/ssl");
  const auto r = read();
  ASSERT_TRUE(r.value.has_value()) << told(r);
  EXPECT_EQ(told(r), "");
  EXPECT_EQ(r.value->layout, "debian");
  EXPECT_EQ(r.value->config_file, root_ + "/etc/puppet/puppet.conf");
  EXPECT_EQ(r.value->certname, "node1.example.com");
  EXPECT_EQ(r.value->ssldir, root_ + "/var/lib/puppet/ssl");
  EXPECT_EQ(r.value->credentials.private_key, root_ + "/var/lib/puppet/ssl/private_keys/node1.example.com.pem");
  EXPECT_EQ(r.value->credentials.crl, root_ + "/var/lib/puppet/ssl/crl.pem");
  EXPECT_EQ(r.value->server, "m.example.com");
  EXPECT_EQ(r.value->srv_domain, "example.com");
}

TEST_F(SiteReader, AioHostHasItsOwnDirectories) {
  write("/etc/puppetlabs/puppet/puppet.conf", "");
  make_directory("/etc/puppetlabs/puppet/ssl");
  const auto r = read();
  ASSERT_TRUE(r.value.has_value()) << told(r);
  EXPECT_EQ(r.value->layout, "aio");
  EXPECT_EQ(r.value->ssldir, root_ + "/etc/puppetlabs/puppet/ssl");
}

TEST_F(SiteReader, DomainComesFromHostsBeforeResolvConf) {
  write("/etc/hosts", "127.0.1.1 node1.hosts.example node1\n");
  write("/etc/hostname", "node1\n");
  EXPECT_EQ(read().value->certname, "node1.hosts.example");
}

TEST_F(SiteReader, FileThatPuppetWouldDropIsAnError) {
  write("/etc/puppet/puppet.conf", "[main]\nserver = m\n; comment\n");
  make_directory("/var/lib/puppet/ssl");
  const auto r = read();
  EXPECT_FALSE(r.value.has_value());
  EXPECT_THAT(told(r), HasSubstr(root_ + "/etc/puppet/puppet.conf:3: "));
}

TEST_F(SiteReader, ProblemsOfLinesAndValuesAreToldTogether) {
  write("/etc/puppet/puppet.conf", "; comment\nserverport = x\nsever = y\n");
  make_directory("/var/lib/puppet/ssl");
  EXPECT_EQ(read().found.size(), 3u);
}

TEST_F(SiteReader, MissingPuppetConfIsAWarning) {
  make_directory("/var/lib/puppet/ssl");
  const auto r = read();
  ASSERT_TRUE(r.value.has_value());
  EXPECT_EQ(r.value->layout, "debian");
  EXPECT_EQ(r.value->config_file, "");
  EXPECT_FALSE(r.value->server_set);
  EXPECT_THAT(told(r), HasSubstr("there is no puppet.conf"));
}

TEST_F(SiteReader, NamedPuppetConfMustExist) {
  const auto r = read({.config_file = "/nowhere/puppet.conf", .certname = {}, .ssldir = {}, .root_prefix = {}});
  EXPECT_FALSE(r.value.has_value());
  EXPECT_THAT(told(r), HasSubstr("/nowhere/puppet.conf: puppet.conf does not exist"));
}

TEST_F(SiteReader, NamedPuppetConfMayBeGivenWithOrWithoutTheRoot) {
  write("/x/p.conf", "certname = a\n");
  make_directory("/x/ssl");
  for (const std::string& name : {std::string("/x/p.conf"), root_ + "/x/p.conf"}) {
    const auto r = read({.config_file = name, .certname = {}, .ssldir = {}, .root_prefix = {}});
    ASSERT_TRUE(r.value.has_value()) << told(r);
    EXPECT_EQ(told(r), "");
    EXPECT_EQ(r.value->layout, "explicit");
    EXPECT_EQ(r.value->ssldir, root_ + "/x/ssl");
    EXPECT_EQ(r.value->config_file, root_ + "/x/p.conf");
  }
}

TEST_F(SiteReader, CallersCertnameAndSsldirWin) {
  write("/etc/puppet/puppet.conf", "certname = a\nssldir = /wrong\n");
  make_directory("/right");
  const auto r = read({.config_file = {}, .certname = "b", .ssldir = root_ + "/right", .root_prefix = {}});
  ASSERT_TRUE(r.value.has_value()) << told(r);
  EXPECT_EQ(r.value->credentials.certificate, root_ + "/right/certs/b.pem");
}

TEST_F(SiteReader, OnlyKeyGivesTheCertnameAndIsTold) {
  write("/etc/puppet/puppet.conf", "");
  write("/var/lib/puppet/ssl/private_keys/old.example.com.pem", "");
  const auto r = read();
  ASSERT_TRUE(r.value.has_value());
  EXPECT_EQ(r.value->certname, "old.example.com");
  EXPECT_THAT(r.value->credentials.certificate, EndsWith("/certs/old.example.com.pem"));
  ASSERT_EQ(r.found.size(), 1u);
  EXPECT_EQ(r.found[0].level(), severity::warning);
}

TEST_F(SiteReader, ConfiguredCertnameIsNotSecondGuessed) {
  write("/etc/puppet/puppet.conf", "certname = mine\n");
  write("/var/lib/puppet/ssl/private_keys/other.pem", "");
  EXPECT_EQ(read().value->certname, "mine");
}

TEST_F(SiteReader, MissingSsldirSaysHowToEnrol) {
  write("/etc/puppet/puppet.conf", "");
  const auto r = read();
  ASSERT_TRUE(r.value.has_value());
  EXPECT_THAT(told(r), HasSubstr(root_ + "/var/lib/puppet/ssl: the ssldir does not exist"));
  EXPECT_THAT(told(r), HasSubstr("puppet ssl bootstrap"));
}

TEST_F(SiteReader, SsldirThatIsAFileIsAnError) {
  write("/etc/puppet/puppet.conf", "");
  write("/var/lib/puppet/ssl", "");
  EXPECT_FALSE(read().value.has_value());
}

TEST_F(SiteReader, PuppetConfThatIsNoFileIsAnError) {
  make_directory("/etc/puppet/puppet.conf");
  EXPECT_FALSE(read().value.has_value());
}

TEST_F(SiteReader, NamedPipeInPlaceOfPuppetConfDoesNotBlock) {
  make_directory("/etc/puppet");
  ASSERT_EQ(::mkfifo((root_ + "/etc/puppet/puppet.conf").c_str(), 0600), 0);
  EXPECT_FALSE(read().value.has_value());
}

TEST_F(SiteReader, HugePuppetConfIsRefused) {
  write("/etc/puppet/puppet.conf", std::string((32u << 20) + 1, '#'));
  EXPECT_FALSE(read().value.has_value());
}

TEST_F(SiteReader, UnreadablePuppetConfNamesThePermission) {
  if (::geteuid() == 0) ASSERT_EQ(::seteuid(65534), 0);
  // Root reads everything, so the file is made unreadable for whoever runs this, in a place that user can write.
  std::string pattern = (fs::temp_directory_path() / "bunraku-site-XXXXXX").string();
  const bool made = ::mkdtemp(pattern.data()) != nullptr;
  std::ofstream(pattern + "/p.conf") << "server = a\n";
  ::chmod((pattern + "/p.conf").c_str(), 0);
  const auto r = read_site({.config_file = pattern + "/p.conf", .certname = {}, .ssldir = {}, .root_prefix = {}});
  std::error_code ignored;
  fs::remove_all(pattern, ignored);
  if (::getuid() == 0) ASSERT_EQ(::seteuid(0), 0);
  ASSERT_TRUE(made);
  EXPECT_FALSE(r.value.has_value());
  EXPECT_THAT(told(r), HasSubstr("mode 0000"));
}

TEST_F(SiteReader, RelativePathOfNamedFileIsTakenFromHere) {
  write("/x/p.conf", "certname = a\n");
  make_directory("/x/ssl");
  const auto here = fs::current_path();
  fs::current_path(root_ + "/x");
  const auto r = read_site({.config_file = "p.conf", .certname = {}, .ssldir = {}, .root_prefix = {}});
  fs::current_path(here);
  ASSERT_TRUE(r.value.has_value()) << told(r);
  EXPECT_THAT(r.value->config_file, EndsWith("/x/p.conf"));
  EXPECT_EQ(r.value->certname, "a");
}

}  // namespace
}  // namespace bunraku
