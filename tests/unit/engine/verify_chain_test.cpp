#include "support/pki.hpp"

#include <bunraku/chain.hpp>

#include <gmock/gmock.h>
#include <openssl/x509.h>

namespace {

using namespace bunraku;
using namespace bunraku::test_pki;
using testing::HasSubstr;
using testing::MatchesRegex;

/// A root, a CA below it that issues, and files of both; a chain is what a case writes into it.
class VerifyChain : public testing::Test {
 protected:
  VerifyChain() {
    trust = {.certificate = {},
             .private_key = {},
             .passphrase_file = {},
             .ca = dir.write("ca.pem", root.pem() + ca.pem()),
             .crl = dir.write("crl.pem", root.crl() + ca.crl())};
  }

  chain_question asked(const std::string& chain, std::string host = "m.test") {
    chain_question out;
    out.chain = dir.write("chain.pem", chain);
    out.trust = trust;
    out.host = std::move(host);
    return out;
  }

  static void expect_good(const chain_question& question) {
    const auto verdict = verify_chain(question);
    EXPECT_FALSE(verdict.error) << verdict.reason;
    EXPECT_EQ(verdict.reason, "");
    EXPECT_TRUE(verdict.found.empty());
  }
  static void expect_refused(const chain_question& question, errc why, const std::string& words) {
    const auto verdict = verify_chain(question);
    EXPECT_EQ(verdict.error, make_error_code(why)) << verdict.reason;
    EXPECT_THAT(verdict.reason, HasSubstr(words));
    EXPECT_TRUE(verdict.found.empty());
  }
  static void expect_unjudged(const chain_question& question, const std::string& where, const std::string& what) {
    const auto verdict = verify_chain(question);
    EXPECT_EQ(verdict.error, make_error_code(errc::credentials_invalid));
    EXPECT_EQ(verdict.reason, "");
    ASSERT_EQ(verdict.found.size(), 1u);
    EXPECT_THAT(verdict.found.front().where(), HasSubstr(where));
    EXPECT_THAT(verdict.found.front().what(), HasSubstr(what));
    EXPECT_NE(verdict.found.front().fix(), "");
  }

  directory dir;
  authority root{"Root"};
  authority ca = root.intermediate("Puppet CA");
  certificate good = ca.issue("m.test");
  credential_files trust;
};

TEST_F(VerifyChain, AGoodOneIsGoodForEachOfItsNamesAndWithoutOne) {
  auto named = node("m.test");
  named.dns = {"m.test", "puppet.test"};
  named.ip = {"192.0.2.7", "2001:db8::7"};
  const auto pem = ca.issue(named).pem();
  for (const auto* host : {"m.test", "puppet.test", "192.0.2.7", "2001:db8::7", ""}) expect_good(asked(pem, host));
}

TEST_F(VerifyChain, WhatAMasterSendsBesideItsOwnMayBeNeeded) {
  dir.write("ca.pem", root.pem());
  expect_refused(asked(good.pem()), errc::certificate_untrusted, "was signed by CN=Puppet CA, which is not in ");
  expect_good(asked(good.pem() + ca.pem()));
  expect_good(asked("some words\n" + good.pem() + ca.pem() + root.pem()));
}

TEST_F(VerifyChain, ItIsRefusedForWhatIsWrongWithIt) {
  auto expired = node("m.test"), early = node("m.test"), client = node("m.test");
  expired.not_before = -days{20};
  expired.not_after = -days{10};
  early.not_before = days{10};
  client.server_auth = false;
  expect_refused(asked(ca.issue(expired).pem()), errc::certificate_expired, " expired on ");
  expect_refused(asked(ca.issue(early).pem()), errc::certificate_expired, " is not valid before ");
  expect_refused(asked(ca.issue(client).pem()), errc::certificate_wrong_purpose, "lacks serverAuth");
  expect_refused(asked(good.pem(), "other.test"), errc::certificate_wrong_name, "is for m.test, not for other.test");
  expect_refused(asked(good.pem(), "192.0.2.7"), errc::certificate_wrong_name, "not for 192.0.2.7");
  const authority stranger("Stranger"), same_name("Root");
  expect_refused(asked(stranger.issue("m.test").pem()), errc::certificate_untrusted, "signed by CN=Stranger, which is");
  expect_refused(asked(same_name.issue("m.test").pem()), errc::certificate_untrusted, "the CA was made anew");
  expect_refused(asked(stranger.pem(), ""), errc::certificate_untrusted, "signed itself and is not the CA in ");
}

TEST_F(VerifyChain, RevocationIsAskedForAsConfigured) {
  dir.write("crl.pem", root.crl() + ca.crl({good}));
  expect_refused(asked(good.pem()), errc::certificate_revoked, ") was revoked by CN=Puppet CA");
  dir.write("crl.pem", root.crl({ca.own()}) + ca.crl());
  expect_refused(asked(good.pem()), errc::certificate_revoked, "CA certificate CN=Puppet CA (serial ");
  trust.check = revocation::leaf;
  expect_good(asked(good.pem()));
  trust.check = revocation::chain;
  dir.write("crl.pem", ca.crl());
  expect_refused(asked(good.pem()), errc::crl_missing, "holds no CRL of CN=Root, and certificate_revocation = chain");
  dir.write("crl.pem", root.crl() + ca.crl({}, {-days{20}, -days{10}}));
  expect_refused(asked(good.pem()), errc::crl_expired, " expired on ");
  trust.check = revocation::none;
  trust.crl.clear();
  expect_good(asked(good.pem()));
}

TEST_F(VerifyChain, AnotherTimeMayBeAskedFor) {
  trust.check = revocation::none;  // CRLs end, too
  auto question = asked(good.pem());
  const auto now = std::chrono::floor<seconds>(std::chrono::system_clock::now());
  question.at = now + days{400};
  expect_refused(question, errc::certificate_expired, "(the time asked for: 2");
  question.at = now - days{10};
  expect_refused(question, errc::certificate_expired, " is not valid before ");
  question.at = now + days{100};
  expect_good(question);
}

TEST_F(VerifyChain, DemandsOnMastersHold) {
  auto question = asked(good.pem());
  question.demands.names = {"puppet.test"};
  expect_refused(question, errc::certificate_no_master, "[identity] master_names demands puppet.test");
  question.demands.names = {"m.test"};
  expect_good(question);
  question.pins = {std::string(64, '0')};
  question.service = "ca";
  expect_refused(question, errc::certificate_not_pinned, "[service.ca] pins");
  question.pins = {verify_chain(question).shown.front().spki_sha256};
  expect_good(question);
  question.demands.within = {"example.com"};
  expect_refused(question, errc::outside_domain, "example.com");
  question.host.clear();  // then there is none to be inside of anything
  expect_good(question);
}

TEST_F(VerifyChain, FilesAndNamesThatAreNoneAreNoVerdict) {
  expect_unjudged(asked(""), "chain.pem", "no PEM certificate");
  expect_unjudged(asked("-----BEGIN CERTIFICATE-----\nQUFB\n-----END CERTIFICATE-----\n"), "chain.pem", "certificate");
  expect_unjudged(asked(good.pem() + std::string(33 << 20, 'x')), "chain.pem", "larger than 32 MiB");
  expect_unjudged(asked(good.pem(), "a b"), "a b", "no host name");
  expect_unjudged(asked(good.pem(), "[::1]"), "[::1]", "no host name");
  auto question = asked(good.pem());
  question.chain = dir.path("nowhere");
  expect_unjudged(question, "nowhere", "does not exist");
  question = asked(good.pem());
  question.trust.crl.clear();
  expect_unjudged(question, "the CRL bundle", "no file is named");
  dir.write("ca.pem", "nothing");
  expect_unjudged(asked(good.pem()), "ca.pem", "no PEM certificate");
}

TEST_F(VerifyChain, TheChainIsDescribed) {
  const auto shown = verify_chain(asked(good.pem() + ca.pem())).shown;
  ASSERT_EQ(shown.size(), 2u);
  EXPECT_EQ(shown[0].subject, "CN=m.test");
  EXPECT_EQ(shown[0].issuer, "CN=Puppet CA");
  EXPECT_EQ(shown[1].issuer, "CN=Root");
  EXPECT_THAT(shown[0].names, testing::ElementsAre("m.test"));
  EXPECT_THAT(shown[0].serial, MatchesRegex("0x[0-9A-F]+"));
  EXPECT_THAT(shown[0].spki_sha256, MatchesRegex("[0-9a-f]+"));
  EXPECT_TRUE(shown[0].not_before && shown[0].not_after && *shown[0].not_before < *shown[0].not_after);
}

}  // namespace
