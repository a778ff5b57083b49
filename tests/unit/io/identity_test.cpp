#include "support/pki.hpp"

#include <bunraku/identity.hpp>

#include <gmock/gmock.h>

namespace {

using namespace bunraku;
using namespace bunraku::test_pki;

class Identity : public testing::Test {
 protected:
  Identity() {
    files = {.certificate = dir.write("cert.pem", leaf.pem()),
             .private_key = dir.write("key.pem", leaf.its_key().pkcs8_pem()),
             .passphrase_file = {},
             .ca = dir.write("ca.pem", ca.pem()),
             .crl = dir.write("crl.pem", ca.crl({}, {-days{1}, days{20}}))};
  }
  directory dir;
  authority ca{"Puppet CA"};
  certificate leaf = ca.issue("agent1.example.com");
  credential_files files;
};

TEST_F(Identity, TellsWhoWeAreAndUntilWhen) {
  const auto reading = identity::load(files);
  ASSERT_TRUE(reading.value);
  const auto now = std::chrono::floor<seconds>(std::chrono::system_clock::now());
  EXPECT_EQ(reading.value->certname(), "agent1.example.com");
  EXPECT_GT(reading.value->certificate_not_after(), now + days{364});
  EXPECT_GT(reading.value->ca_not_after(), now + days{3649});
  ASSERT_TRUE(reading.value->crl_next_update());
  EXPECT_LT(*reading.value->crl_next_update(), now + days{21});
  EXPECT_EQ(reading.value->files().ca, files.ca);
}

TEST_F(Identity, ComesWithItsWarnings) {
  const auto reading = identity::load(files);
  ASSERT_TRUE(reading.value);
  ASSERT_EQ(reading.found.size(), 1u);
  EXPECT_EQ(reading.found.front().level(), severity::warning);
  EXPECT_EQ(reading.found.front().where(), files.crl);
}

TEST_F(Identity, IsAbsentWhenThereIsAnError) {
  files.private_key = dir.path("nowhere");
  const auto reading = identity::load(files);
  EXPECT_FALSE(reading.value);
  EXPECT_TRUE(has_error(reading.found));
}

TEST_F(Identity, KeepsItsPinWhenTheCertificateIsRenewed) {
  const auto before = identity::load(files);
  dir.write("cert.pem", ca.issue("agent1.example.com", leaf.its_key()).pem());
  const auto renewed = identity::load(files);
  const certificate other = ca.issue("agent1.example.com");
  dir.write("cert.pem", other.pem());
  dir.write("key.pem", other.its_key().pkcs8_pem());
  const auto anew = identity::load(files);
  ASSERT_TRUE(before.value && renewed.value && anew.value);
  EXPECT_THAT(before.value->spki_sha256(), testing::MatchesRegex("[0-9a-f]+"));
  EXPECT_EQ(before.value->spki_sha256().size(), 64u);
  EXPECT_EQ(before.value->spki_sha256(), renewed.value->spki_sha256());
  EXPECT_NE(before.value->spki_sha256(), anew.value->spki_sha256());
}

}  // namespace
