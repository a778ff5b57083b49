#include "support/pki.hpp"

#include <bunraku/identity.hpp>

#include <gmock/gmock.h>

namespace {

using namespace bunraku;
using namespace bunraku::test_pki;
using testing::HasSubstr;
using testing::MatchesRegex;

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

TEST_F(Identity, SaysThatTheNodeItselfIsRevoked) {
  EXPECT_FALSE(identity::load(files).revoked);
  dir.write("crl.pem", ca.crl({leaf}));
  const auto reading = identity::load(files);
  EXPECT_TRUE(reading.revoked);
  EXPECT_FALSE(reading.value);
}

TEST_F(Identity, TellsInWordsWhatIsNew) {
  dir.write("crl.pem", ca.crl());
  const auto before = identity::load(files).value;
  ASSERT_TRUE(before);
  EXPECT_EQ(identity::load(files).value->differs_from(*before), "");

  const auto neighbour = ca.issue("other.example.com");
  dir.write("crl.pem", ca.crl({neighbour}));
  const auto other_crl = identity::load(files).value;
  EXPECT_THAT(other_crl->differs_from(*before), MatchesRegex("1 CRL with 1 revoked certificate until 2.* UTC"));

  const auto renewed = ca.issue("agent1.example.com", leaf.its_key());
  dir.write("cert.pem", renewed.pem());
  dir.write("ca.pem", ca.pem() + authority("Another CA").pem());
  const auto all = identity::load(files).value;
  ASSERT_TRUE(all);
  EXPECT_THAT(all->differs_from(*before),
              MatchesRegex("certificate with serial " + all->certificate_serial() +
                           " until 2.* UTC, 2 CA certificates until 2.* UTC, 1 CRL with .*"));

  const auto anew = ca.issue("agent1.example.com");
  dir.write("cert.pem", anew.pem());
  dir.write("key.pem", anew.its_key().pkcs8_pem());
  EXPECT_THAT(identity::load(files).value->differs_from(*all), MatchesRegex("certificate with serial .*, private key"));
}

TEST_F(Identity, IsJudgedAgainAsTimeGoesBy) {
  const auto own = identity::load(files).value;
  ASSERT_TRUE(own);
  const auto at = [&](days later) {
    std::string told;
    for (const auto& p : own->check(std::chrono::floor<seconds>(std::chrono::system_clock::now()) + later))
      told += std::string(p.level() == severity::error ? "error " : "warning ") +
              std::filesystem::path(p.where()).filename().string() + ": " + p.what() + '\n';
    return told;
  };
  EXPECT_THAT(at(days{0}), MatchesRegex("warning crl.pem: the CRL of CN=Puppet CA expires on [^\n]*\n"));
  EXPECT_THAT(at(days{25}), MatchesRegex("error crl.pem: the CRL of [^\n]* expired on [^\n]*\n"));
  EXPECT_THAT(at(days{340}), HasSubstr("warning cert.pem: the certificate expires on "));
  EXPECT_THAT(at(days{400}), HasSubstr("error cert.pem: the certificate expired on "));
  EXPECT_THAT(at(days{3640}), HasSubstr("warning ca.pem: CA certificate CN=Puppet CA expires on "));
  EXPECT_THAT(at(days{-10}), HasSubstr("error cert.pem: the certificate is not valid before "));
}

}  // namespace
