#include "io/openssl_ptr.hpp"
#include "support/pki.hpp"

#include <bunraku/enrolment.hpp>
#include <bunraku/shown_text.hpp>

#include <gmock/gmock.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <chrono>
#include <string>

namespace {

using namespace bunraku;
using namespace bunraku::test_pki;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::MatchesRegex;
using testing::StartsWith;

using x509_req_ptr = std::unique_ptr<X509_REQ, io::openssl_free<X509_REQ_free>>;

std::chrono::sys_seconds now() { return std::chrono::floor<seconds>(std::chrono::system_clock::now()); }

std::string words(const problems& found) {
  std::string out;
  for (const auto& p : found) out += p.where() + ": " + p.what() + " -> " + p.fix() + "\n";
  return out;
}

enrolment_settings ec() {
  enrolment_settings out;
  out.key_type = "ec";
  out.named_curve = "prime256v1";
  out.key_length = "4096";
  return out;
}

class Enrolment : public testing::Test {
 protected:
  Enrolment() {
    files_.ca = "ca.pem";
    files_.crl = "crl.pem";
    files_.certificate = "cert.pem";
    files_.private_key = place_.path("key.pem");
    files_.passphrase_file = place_.path("password");
  }
  ca_trust trust() const { return *ca_trust::read(bundle_, files_, now()).value; }
  ca_trust trust_with_crls(const std::vector<certificate>& revoked = {}) const {
    return *trust().with_crls(inter_.crl(revoked) + root_.crl(), now()).value;
  }
  node_key load(const key& from) const {
    place_.write("key.pem", from.traditional_pem());
    return *node_key::load(files_).value;
  }

  directory place_;
  credential_files files_;
  authority root_{"Root"};
  authority inter_{root_.intermediate("Inter")};
  std::string bundle_ = inter_.pem() + root_.pem();
};

// ---- keys

TEST_F(Enrolment, KeysHavePuppetsForm) {
  EXPECT_THAT(node_key::generate(ec()).value->pem(std::nullopt), StartsWith("-----BEGIN EC PRIVATE KEY-----\n"));
  auto rsa = ec();
  rsa.key_type = "rsa";
  rsa.key_length = "2048";
  const auto made = node_key::generate(rsa);
  EXPECT_THAT(made.value->pem(std::nullopt), StartsWith("-----BEGIN RSA PRIVATE KEY-----\n"));
  const auto locked = made.value->pem("secret\n");
  EXPECT_THAT(locked, HasSubstr("DEK-Info: AES-128-CBC"));
  place_.write("key.pem", locked);
  place_.write("password", "secret\n");
  EXPECT_EQ(node_key::load(files_).value->pem(std::nullopt), made.value->pem(std::nullopt));
}

TEST_F(Enrolment, SettingsThatMakeNoKeyAreNamed) {
  const auto problem_of = [](auto change) {
    auto how = ec();
    change(how);
    const auto made = node_key::generate(how);
    EXPECT_FALSE(made.value);
    return words(made.found);
  };
  EXPECT_THAT(problem_of([](auto& how) { how.key_type = "dsa"; }), HasSubstr("key_type: there is no key type `dsa`"));
  EXPECT_THAT(problem_of([](auto& how) { how.named_curve = "round"; }), HasSubstr("knows no curve `round`"));
  for (const auto* bits : {"1024", "", "4096x", "99999", "-1"})
    EXPECT_THAT(problem_of([&](auto& how) { how.key_type = "rsa", how.key_length = bits; }), HasSubstr("keylength"));
}

TEST_F(Enrolment, AKeyThatIsNotThereIsNoProblem) {
  const auto reading = node_key::load(files_);
  EXPECT_FALSE(reading.value);
  EXPECT_THAT(reading.found, IsEmpty());
}

TEST_F(Enrolment, AKeyThatIsOfNoUseIsExplained) {
  const auto problem_of = [&] {
    const auto reading = node_key::load(files_);
    EXPECT_FALSE(reading.value);
    return words(reading.found);
  };
  place_.write("key.pem", key::ec().pkcs8_pem(), 0644);
  EXPECT_THAT(problem_of(), HasSubstr("every user of this host can read"));
  place_.write("key.pem", "no key");
  EXPECT_THAT(problem_of(), HasSubstr("there is no PEM private key in it"));
  place_.write("key.pem", key::ec().pkcs8_pem().substr(0, 80));
  EXPECT_THAT(problem_of(), HasSubstr("damaged"));
  place_.write("key.pem", key::ec().encrypted_pkcs8_pem("right"));
  EXPECT_THAT(problem_of(), HasSubstr("there is no passphrase file"));
  place_.write("password", "wrong");
  EXPECT_THAT(problem_of(), HasSubstr("the passphrase does not open"));
  files_.private_key = place_.path("password") + "/key.pem";
  EXPECT_THAT(problem_of(), HasSubstr("something in its path is no directory -> make it a directory"));
}

// ---- requests

x509_req_ptr parse(const std::string& pem) {
  const io::bio_ptr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  return x509_req_ptr(PEM_read_bio_X509_REQ(bio.get(), nullptr, nullptr, nullptr));
}

std::string printed(X509_REQ* request) {
  const io::bio_ptr bio(BIO_new(BIO_s_mem()));
  X509_REQ_print(bio.get(), request);
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

TEST_F(Enrolment, ARequestHoldsWhatWasAskedFor) {
  const auto key = *node_key::generate(ec()).value;
  request_contents what;
  what.certname = "agent.example.com";
  what.attributes = {{"challengePassword", "p4ss", ""}, {"1.3.6.1.4.1.34380.1.3.2", "true", ""}};
  what.extensions = {{"1.3.6.1.4.1.34380.1.1.13", "web", ""}};
  what.alt_names = {"IP:192.0.2.1", "DNS:puppet"};
  const auto made = make_request(key, what);
  ASSERT_THAT(words(made.found), IsEmpty());
  const auto request = parse(made.pem);
  ASSERT_TRUE(request);
  EXPECT_EQ(X509_REQ_verify(request.get(), X509_REQ_get0_pubkey(request.get())), 1);
  EXPECT_EQ(X509_REQ_get_version(request.get()), 0);
  EXPECT_EQ(X509_REQ_get_signature_nid(request.get()), NID_ecdsa_with_SHA256);
  const auto text = printed(request.get());
  EXPECT_THAT(text, HasSubstr("Subject: CN=agent.example.com"));
  EXPECT_THAT(text, MatchesRegex("(.|\n)*challengePassword +:p4ss\n(.|\n)*"));
  EXPECT_THAT(text, HasSubstr("DNS:agent.example.com, DNS:puppet, IP Address:192.0.2.1"));
  EXPECT_THAT(text, HasSubstr("1.3.6.1.4.1.34380.1.1.13: \n                    ..web"));
}

TEST_F(Enrolment, ANameThatIsNoOidIsRefusedWithItsPlace) {
  request_contents what;
  what.certname = "a";
  what.extensions = {{"nothingKnown", "x", "f.yaml:7"}};
  what.attributes = {{"1.2.x", "x", "f.yaml:8"}};
  const auto made = make_request(*node_key::generate(ec()).value, what);
  EXPECT_THAT(made.pem, IsEmpty());
  EXPECT_THAT(words(made.found), HasSubstr("f.yaml:7: `nothingKnown` is neither an OID"));
  EXPECT_THAT(words(made.found), HasSubstr("f.yaml:8: `1.2.x` is neither"));
}

TEST_F(Enrolment, WhatARequestCanHaveOnceIsRefusedASecondTimeHoweverItIsWritten) {
  request_contents what;
  what.certname = "a";
  what.attributes = {
      {"challengePassword", "x", "f.yaml:2"}, {"1.2.840.113549.1.9.7", "y", "f.yaml:3"}, {"extReq", "z", "f.yaml:4"}};
  what.extensions = {{"1.3.6.1.4.1.34380.1.1.13", "x", "f.yaml:7"}, {"1.3.6.1.4.1.34380.1.1.13", "y", "f.yaml:8"}};
  const auto made = make_request(*node_key::generate(ec()).value, what);
  EXPECT_THAT(made.pem, IsEmpty());
  EXPECT_EQ(made.found.size(), 3u) << words(made.found);
  EXPECT_THAT(words(made.found), HasSubstr("f.yaml:3: `1.2.840.113549.1.9.7` is in the request already"));
  EXPECT_THAT(words(made.found), HasSubstr("f.yaml:4: `extReq` is in the request already"));
  EXPECT_THAT(words(made.found), HasSubstr("f.yaml:8: `1.3.6.1.4.1.34380.1.1.13` is in the request already"));
}

TEST_F(Enrolment, WhatIsNoAlternativeNameIsRefused) {
  const auto key = *node_key::generate(ec()).value;
  for (const std::string name : {"b", "DNS:", "IP:", "IP:300.1.1.1", "email:copy", "dirName:x", "DNS:b,dirName:x",
                                 "DNS:b\nDNS:c", "DNS:\xc3\xa4"}) {
    request_contents what;
    what.certname = "a";
    what.alt_names = {"DNS:good.test", name};
    const auto made = make_request(key, what);
    EXPECT_THAT(made.pem, IsEmpty()) << name;
    EXPECT_THAT(words(made.found), HasSubstr("dns_alt_names: `" + shown_text(name) + "` cannot be put into a request"));
  }
}

TEST_F(Enrolment, ARequestNeedsANameThatIsText) {
  const auto key = *node_key::generate(ec()).value;
  for (const auto* name : {"", "agent\xff"}) {
    request_contents what;
    what.certname = name;
    const auto made = make_request(key, what);
    EXPECT_THAT(made.pem, IsEmpty());
    EXPECT_THAT(words(made.found), HasSubstr("certname: a request needs a name"));
  }
}

// ---- CA bundles and CRLs

TEST_F(Enrolment, ABundleIsWrittenWithoutWhatIsAroundIt) {
  const auto reading = ca_trust::read("# ours\n" + bundle_ + "\nbye", files_, now());
  ASSERT_TRUE(reading.value) << words(reading.found);
  EXPECT_EQ(reading.value->ca_pem(), bundle_);
  EXPECT_THAT(ca_trust::fingerprint_of(""),
              "E3:B0:C4:42:98:FC:1C:14:9A:FB:F4:C8:99:6F:B9:24:27:AE:41:E4:64:9B:93:4C:A4:95:99:1B:78:52:B8:55");
}

TEST_F(Enrolment, TheRootSpeaksForABundleOnlyIfAllOfItIsBelowIt) {
  const auto alone = ca_trust::read(root_.pem(), files_, now()).value->root_fingerprint(now());
  EXPECT_EQ(alone.size(), 95U);
  EXPECT_EQ(trust().root_fingerprint(now()), alone);
  const auto with = [&](const std::string& more) { return ca_trust::read(bundle_ + more, files_, now()).value; };
  const authority other("Root");
  EXPECT_THAT(with(other.pem())->root_fingerprint(now()), IsEmpty());
  EXPECT_THAT(with(other.intermediate("Inter").pem())->root_fingerprint(now()), IsEmpty());
}

TEST_F(Enrolment, BundlesOfNoUseAreExplained) {
  const auto problem_of = [&](const std::string& bundle, seconds shift = seconds(0)) {
    const auto reading = ca_trust::read(bundle, files_, now() + shift);
    EXPECT_FALSE(reading.value);
    return words(reading.found);
  };
  EXPECT_THAT(problem_of("<html>no</html>"), HasSubstr("there is no PEM certificate in it"));
  EXPECT_THAT(problem_of(inter_.pem()), HasSubstr("has no root"));
  EXPECT_THAT(problem_of(bundle_ + root_.issue("leaf").pem()),
              HasSubstr("certificate CN=leaf in the CA bundle is no CA's"));
  EXPECT_THAT(problem_of(bundle_.substr(0, bundle_.size() - 100)), HasSubstr("damaged"));
}

TEST_F(Enrolment, AClockThatIsAYearWrongIsNamed) {
  const auto early = ca_trust::read(bundle_, files_, now() - days(365));
  EXPECT_THAT(words(early.found), HasSubstr("is not valid before"));
  EXPECT_THAT(words(early.found), HasSubstr("local clock"));
  EXPECT_THAT(words(early.found), HasSubstr("set this host's clock right"));
  const auto crls = trust().with_crls(inter_.crl() + root_.crl(), now() - days(365));
  EXPECT_THAT(words(crls.found), HasSubstr("is not valid before"));
  const auto late = trust().with_crls(inter_.crl() + root_.crl(), now() + days(366));
  EXPECT_THAT(words(late.found), HasSubstr("expired on"));
  const auto key = key::ec();
  const auto node =
      check_node_certificate(inter_.issue("a", key).pem(), "it", load(key), "a", trust(), now() - days(365));
  EXPECT_FALSE(node.value);
  EXPECT_THAT(words(node.found), HasSubstr("the certificate is not valid before"));
}

TEST_F(Enrolment, ACaLeftOverFromARotationIsNoObstacle) {
  const authority old("Old", key::ec(), -days(100), -days(1));
  const auto both = ca_trust::read(bundle_ + old.pem(), files_, now());
  ASSERT_TRUE(both.value) << words(both.found);
  EXPECT_TRUE(both.value->with_crls(inter_.crl() + root_.crl(), now()).value);
  EXPECT_THAT(words(ca_trust::read(old.pem(), files_, now()).found), HasSubstr("CN=Old expired on"));
}

TEST_F(Enrolment, CrlsOfTheWholeChainAreDemanded) {
  EXPECT_EQ(trust_with_crls().crl_pem().find("-----BEGIN X509 CRL-----"), 0U);
  EXPECT_THAT(words(trust().with_crls(inter_.crl(), now()).found), HasSubstr("there is no CRL of CN=Root"));
  EXPECT_THAT(words(trust().with_crls("nothing", now()).found), HasSubstr("there is no PEM CRL"));
  files_.check = revocation::leaf;
  EXPECT_TRUE(trust().with_crls(inter_.crl(), now()).value);
}

// ---- the certificate

TEST_F(Enrolment, TheCertificateOfThisKeyAndNameIsTaken) {
  const auto key = key::ec();
  const auto issued = inter_.issue("a", key);
  const auto node = check_node_certificate(issued.pem(), "it", load(key), "a", trust_with_crls(), now());
  ASSERT_TRUE(node.value) << words(node.found);
  EXPECT_EQ(node.value->pem, issued.pem());
  EXPECT_THAT(node.value->serial, StartsWith("0x"));
}

TEST_F(Enrolment, OtherCertificatesAreNot) {
  const auto key = key::ec();
  const auto mine = load(key);
  const auto check = [&](const certificate& one, const ca_trust& trusted) {
    const auto node = check_node_certificate(one.pem(), "it", mine, "a", trusted, now());
    EXPECT_FALSE(node.value);
    return node;
  };
  const auto other_key = check(inter_.issue("a"), trust_with_crls());
  EXPECT_TRUE(other_key.of_another_key);
  EXPECT_THAT(words(other_key.found), HasSubstr("is for another key"));
  EXPECT_THAT(words(check(inter_.issue("b", key), trust_with_crls()).found), HasSubstr("is for `b`, not for a"));
  EXPECT_THAT(words(check(authority("Root").issue("a", key), trust_with_crls()).found),
              HasSubstr("not signed by our CA"));
  const auto revoked = inter_.issue("a", key);
  EXPECT_THAT(words(check(revoked, trust_with_crls({revoked})).found), HasSubstr("revoked"));
  EXPECT_THAT(words(check_node_certificate("<html>", "it", mine, "a", trust(), now()).found),
              HasSubstr("this is no PEM certificate"));
}

}  // namespace
