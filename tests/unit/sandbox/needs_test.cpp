#include "sandbox/needs.hpp"

#include <gmock/gmock.h>

#include <array>
#include <filesystem>
#include <sys/stat.h>
#include <unistd.h>

namespace {

using namespace shim;
using sandbox::needs;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;
using ::testing::Not;

config::configuration defaults(const std::string& more = {}) {
  auto reading = config::parse_configuration(more, "b.toml");
  EXPECT_TRUE(reading.value) << (reading.found.empty() ? "" : reading.found.front().what());
  return *reading.value;
}

bunraku::site site_below(const std::string& root) {
  bunraku::site site;
  site.config_file = root + "/etc/puppet/puppet.conf";
  site.confdir = root + "/etc/puppet";
  site.ssldir = root + "/var/lib/puppet/ssl";
  site.credentials.certificate = site.ssldir + "/certs/a.pem";
  site.credentials.private_key = site.ssldir + "/private_keys/a.pem";
  return site;
}

const sandbox::found_places places{.config_file = "/x/bunraku/b.toml",
                                   .store_file = "/x/state/dns",
                                   .admin_socket = "/x/run/c.sock",
                                   .replay_directory = "/x/tmp",
                                   .plugin_directory = "/x/plugins"};

TEST(SandboxNeeds, ReadsWhereConfigurationAndPuppetsFilesAre) {
  const auto found = sandbox::needs_of(defaults(), site_below("/x"), places);
  for (const char* directory :
       {"/x/bunraku", "/x/etc/puppet", "/x/var/lib/puppet/ssl/certs", "/x/var/lib/puppet/ssl/private_keys", "/etc"})
    EXPECT_THAT(found.read, Contains(directory));
}

TEST(SandboxNeeds, AnSsldirMayBeRemovedAndMadeAnew) {
  EXPECT_THAT(sandbox::needs_of(defaults(), site_below("/x"), places).read, Contains("/x/var/lib/puppet"));
}

TEST(SandboxNeeds, WritesWhereItMakesFilesAndNowhereElse) {
  const auto from = defaults("[[listen]]\nway = \"socket\"\npath = \"/x/agent/a.sock\"\n");
  EXPECT_THAT(sandbox::needs_of(from, site_below("/x"), places).write,
              ElementsAre("/x/agent", "/x/run", "/x/state", "/x/tmp"));
}

TEST(SandboxNeeds, WhatIsTurnedOffNeedsNothing) {
  const auto from = defaults("[limits]\nreplay_file_bytes = 0\n");
  sandbox::found_places no_files;
  no_files.replay_directory = "/x/tmp";
  EXPECT_THAT(sandbox::needs_of(from, site_below("/x"), no_files).write, IsEmpty());
}

TEST(SandboxNeeds, AFileThatIsALinkNeedsItsTargetsDirectory) {
  std::string root = ::testing::TempDir() + "needs-XXXXXX";
  ASSERT_NE(::mkdtemp(root.data()), nullptr);
  std::filesystem::create_directories(root + "/elsewhere");
  ASSERT_EQ(::mkdir((root + "/here").c_str(), 0700), 0);
  std::filesystem::create_symlink(root + "/elsewhere/key.pem", root + "/here/key.pem");
  ASSERT_TRUE(std::filesystem::exists(root + "/elsewhere"));
  {
    std::unique_ptr<FILE, int (*)(FILE*)> made(std::fopen((root + "/elsewhere/key.pem").c_str(), "w"), &std::fclose);
  }
  auto site = site_below("/x");
  site.credentials.private_key = root + "/here/key.pem";
  const auto found = sandbox::needs_of(defaults(), site, places);
  EXPECT_THAT(found.read, Contains(std::filesystem::canonical(root + "/elsewhere").string()));
  std::filesystem::remove_all(root);
}

TEST(SandboxNeeds, AsksForNothingThatThisHostHasNot) {
  // What is above it would be allowed in its place, be it the root directory: of each only where it really is.
  auto found = sandbox::needs_of(defaults(), site_below("/x"), places).read;
  std::erase_if(found, [](const std::string& path) { return path.starts_with("/x"); });
  for (const auto& path : found) EXPECT_EQ(std::filesystem::weakly_canonical(path), path);
  EXPECT_THAT(found, IsSupersetOf({"/etc", "/usr", "/run", "/proc"}));
}

TEST(SandboxNeeds, ADirectoryOfCredentialsMayBeReplacedAsAWhole) {
  const auto from = defaults("[upstream]\ncertificate = \"/x/own/certs/a.pem\"\nkey = \"/own/a.pem\"\n");
  const auto found = sandbox::needs_of(from, site_below("/x"), places).read;
  EXPECT_THAT(found, IsSupersetOf({"/x/own", "/x/own/certs", "/own"}));
  EXPECT_THAT(found, Not(Contains("/")));
}

TEST(SandboxNeeds, PortsBelow1024AreKnown) {
  EXPECT_FALSE(sandbox::needs_of(defaults(), site_below("/x"), places).low_ports);
  const auto from = defaults("[[listen]]\naddress = \"127.0.0.1:1023\"\n");
  EXPECT_TRUE(sandbox::needs_of(from, site_below("/x"), places).low_ports);
}

/// What is needed to read and to write.
needs of(std::vector<std::string> read, std::vector<std::string> write = {}) {
  needs out;
  out.read = std::move(read);
  out.write = std::move(write);
  return out;
}

TEST(SandboxMissing, NothingIfAllIsBelowWhatWasGranted) {
  const auto granted = of({"/etc", "/srv/puppet"}, {"/run/bunraku"});
  EXPECT_THAT(sandbox::missing(granted, of({"/etc/bunraku", "/run/bunraku", "/srv/puppet"}, {"/run/bunraku"})),
              IsEmpty());
}

TEST(SandboxMissing, ANameThatOnlyBeginsTheSameIsNotBelow) {
  EXPECT_THAT(sandbox::missing(of({"/srv/puppet"}), of({"/srv/puppet2"})), ElementsAre("reading below /srv/puppet2"));
}

TEST(SandboxMissing, SaysEachThingInWords) {
  auto wanted = of({"/opt/ssl"}, {"/etc"});
  wanted.foreign = {"/dev/tpmrm0"};
  wanted.low_ports = wanted.token = wanted.plugins = true;
  EXPECT_THAT(sandbox::missing(of({"/etc"}), wanted),
              ElementsAre("reading below /opt/ssl", "writing in /etc", "for plugins or a token's module /dev/tpmrm0",
                          "listening on a port below 1024", "a key in a PKCS#11 token", "plugins"));
}

TEST(SandboxNeeds, AKeyInATokenNeedsItsPinsModulesAndOwnFiles) {
  const auto from = defaults(
      "[upstream]\ncertificate = \"/x/c.pem\"\nkey = \"pkcs11:object=a?pin-source=/x/pins/p&module-path=/x/lib/m.so\"\n"
      "[sandbox]\nfiles = [\"/x/tokens/\"]\n");
  const auto found = sandbox::needs_of(from, site_below("/x"), places);
  EXPECT_TRUE(found.token);
  EXPECT_THAT(found.read, IsSupersetOf({"/x/pins", "/x/lib"}));
  EXPECT_THAT(found.foreign, ElementsAre("/x/tokens"));
}

TEST(SandboxNearest, GoesUpToWhatExists) {
  EXPECT_EQ(sandbox::nearest_existing("/usr/no/such/thing"), "/usr");
  EXPECT_EQ(sandbox::nearest_existing("/usr"), "/usr");
  EXPECT_EQ(sandbox::nearest_existing("/no-such-thing"), "/");
}

}  // namespace
