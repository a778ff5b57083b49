#include "io/credentials.hpp"

#include "io/pem_file.hpp"
#include "support/pki.hpp"

#include <gmock/gmock.h>
#include <openssl/err.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <sys/stat.h>
#include <unistd.h>

namespace {

using namespace bunraku;
using namespace bunraku::test_pki;
using io::load_credentials;
using std::chrono::hours;
using std::chrono::minutes;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::chrono::sys_seconds now() { return std::chrono::floor<seconds>(std::chrono::system_clock::now()); }

MATCHER_P3(Problem, level, where, what, "") {
  *result_listener << arg.where() << ": " << arg.what() << " -> " << arg.fix();
  return arg.level() == level && arg.where() == where && testing::Value(arg.what(), what) && !arg.fix().empty();
}
constexpr auto error = severity::error;
constexpr auto warning = severity::warning;

// An enrolled node as Puppet leaves it: root and intermediate CA in ca.pem, both CRLs in crl.pem.
class Credentials : public testing::Test {
 protected:
  Credentials() {
    files.certificate = dir.write("cert.pem", leaf.pem());
    files.private_key = dir.write("key.pem", leaf.its_key().pkcs8_pem());
    files.ca = dir.write("ca.pem", ca.pem() + root.pem());
    files.crl = dir.write("crl.pem", ca.crl() + root.crl());
  }
  void use(const certificate& one) {
    dir.write("cert.pem", one.pem());
    dir.write("key.pem", one.its_key().pkcs8_pem());
  }
  problems found() {
    const auto reading = load_credentials(files, now());
    EXPECT_EQ(reading.value == nullptr, has_error(reading.found));
    EXPECT_EQ(ERR_peek_error(), 0u) << "the OpenSSL error queue must be left empty";
    return reading.found;
  }
  bool loads() { return load_credentials(files, now()).value != nullptr; }

  directory dir;
  authority root{"Puppet Root CA"};
  authority ca = root.intermediate("Puppet CA");
  certificate leaf = ca.issue("agent1.example.com");
  credential_files files;
};

TEST_F(Credentials, OfAnEnrolledNodeLoadWithoutAWord) {
  const auto reading = load_credentials(files, now());
  EXPECT_THAT(reading.found, IsEmpty());
  ASSERT_TRUE(reading.value);
  const auto& own = *reading.value;
  EXPECT_EQ(own.certname(), "agent1.example.com");
  EXPECT_EQ(own.ca().size(), 2u);
  EXPECT_EQ(own.crls().size(), 2u);
  EXPECT_EQ(own.check(), revocation::chain);
  EXPECT_EQ(X509_cmp(own.certificate(), leaf.get()), 0);
  EXPECT_EQ(EVP_PKEY_eq(own.private_key(), leaf.its_key().get()), 1);
  EXPECT_EQ(own.spki_sha256(), io::spki_of(leaf.get()));
  EXPECT_LT(own.not_before(), now());
  EXPECT_GT(own.not_after(), now() + days{364});
  EXPECT_LT(own.not_after(), own.ca_not_after());
  ASSERT_TRUE(own.crl_next_update());
  EXPECT_GT(*own.crl_next_update(), now() + days{364});
}

TEST_F(Credentials, TellTheEarliestEndOfTheChainsCasAndCrls) {
  const authority brief = root.intermediate("Brief CA", key::ec(), -days{1}, days{100});
  use(brief.issue("agent1"));
  dir.write("ca.pem", brief.pem() + root.pem());
  dir.write("crl.pem", brief.crl({}, {-days{1}, days{90}}) + root.crl());
  const auto reading = load_credentials(files, now());
  ASSERT_TRUE(reading.value);
  EXPECT_NEAR(static_cast<double>((reading.value->ca_not_after() - now()).count()), days{100} / seconds{1}, 60);
  EXPECT_NEAR(static_cast<double>((*reading.value->crl_next_update() - now()).count()), days{90} / seconds{1}, 60);
}

TEST_F(Credentials, IgnoreTextAroundPemBlocks) {
  dir.write("ca.pem", "# the CA\nsubject=CN\n" + ca.pem() + "\n\nroot follows\n" + root.pem() + "-- end\n");
  dir.write("cert.pem", "Certificate:\n    Data:\n        Version: 3 (0x2)\n" + leaf.pem());
  EXPECT_THAT(found(), IsEmpty());
}

TEST_F(Credentials, TakeTheFirstCertificateOfTheCertificateFileAndNothingElse) {
  dir.write("cert.pem", leaf.pem() + ca.pem() + "-----BEGIN CERTIFICATE-----\nrubbish\n-----END CERTIFICATE-----\n");
  EXPECT_THAT(found(), IsEmpty());
}

TEST_F(Credentials, AreNamedByTheFirstAlternativeNameWhenThereIsNoCommonName) {
  request nameless;
  nameless.dns = {"only.example.com", "other.example.com"};
  use(ca.issue(nameless));
  const auto reading = load_credentials(files, now());
  ASSERT_TRUE(reading.value);
  EXPECT_EQ(reading.value->certname(), "only.example.com");
}

// ---- keys ----

class KeyForms : public Credentials, public testing::WithParamInterface<bool> {
 protected:
  static key make() { return GetParam() ? key::rsa() : key::ec(); }
};

TEST_P(KeyForms, AreAllRead) {
  const key k = make();
  dir.write("cert.pem", ca.issue("agent1", k).pem());
  const std::string secret = "correct horse\n";  // the newline is part of it, as in Puppet
  files.passphrase_file = dir.write("password", secret);
  for (const auto& [form, pem] : {std::pair{"PKCS#8", k.pkcs8_pem()}, std::pair{"traditional", k.traditional_pem()},
                                  std::pair{"encrypted PKCS#8", k.encrypted_pkcs8_pem(secret)},
                                  std::pair{"encrypted traditional", k.encrypted_traditional_pem(secret)}}) {
    dir.write("key.pem", pem);
    EXPECT_THAT(found(), IsEmpty()) << form;
  }
}

TEST_P(KeyForms, EncryptedWithAnotherPassphraseAreRefused) {
  const key k = make();
  dir.write("cert.pem", ca.issue("agent1", k).pem());
  files.passphrase_file = dir.write("password", "correct horse\n");
  for (const auto& pem : {k.encrypted_pkcs8_pem("correct horse"), k.encrypted_traditional_pem("correct horse")}) {
    dir.write("key.pem", pem);
    EXPECT_THAT(found(), ElementsAre(Problem(error, files.passphrase_file, HasSubstr("does not open"))));
  }
}

INSTANTIATE_TEST_SUITE_P(, KeyForms, testing::Bool(), [](const auto& i) { return i.param ? "Rsa" : "Ec"; });

TEST_F(Credentials, ReadAnEcKeyThatFollowsItsParameters) {
  // As `openssl ecparam -genkey` writes them.
  dir.write("key.pem", "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n" +
                           leaf.its_key().traditional_pem());
  EXPECT_THAT(found(), IsEmpty());
}

TEST_F(Credentials, NeedAPassphraseFileForAnEncryptedKey) {
  dir.write("key.pem", leaf.its_key().encrypted_pkcs8_pem("secret"));
  EXPECT_THAT(found(), ElementsAre(Problem(error, files.private_key, HasSubstr("encrypted and no passphrase file"))));
  files.passphrase_file = dir.path("nowhere");
  EXPECT_THAT(found(), ElementsAre(Problem(error, files.passphrase_file, HasSubstr("does not exist"))));
}

TEST_F(Credentials, DoNotMissAPassphraseFileThatNoKeyNeeds) {
  files.passphrase_file = dir.path("nowhere");
  EXPECT_THAT(found(), IsEmpty());
}

TEST_F(Credentials, RefuseAPassphraseThatOpensslCannotTake) {
  dir.write("key.pem", leaf.its_key().encrypted_pkcs8_pem("secret"));
  files.passphrase_file = dir.write("password", std::string(5000, 'x'));
  EXPECT_THAT(found(), ElementsAre(Problem(error, files.passphrase_file, HasSubstr("longer than"))));
}

TEST_F(Credentials, NeverTellAPassphrase) {
  dir.write("key.pem", leaf.its_key().encrypted_pkcs8_pem("secret"));
  files.passphrase_file = dir.write("password", "hunter2");
  for (const auto& p : found()) EXPECT_THAT(p.what() + p.fix(), testing::Not(HasSubstr("hunter2")));
}

TEST_F(Credentials, RefuseAKeyOfAnotherCertificate) {
  dir.write("key.pem", key::ec().pkcs8_pem());
  EXPECT_THAT(found(), ElementsAre(Problem(error, files.private_key,
                                           HasSubstr("does not belong to the certificate in " + files.certificate))));
  dir.write("key.pem", key::rsa().pkcs8_pem());
  EXPECT_THAT(found(), ElementsAre(Problem(error, files.private_key, HasSubstr("does not belong"))));
}

TEST_F(Credentials, RefuseAKeyTooWeakForThisHostsOpenssl) {
  use(ca.issue("agent1", key::rsa(512)));
  EXPECT_THAT(found(), ElementsAre(Problem(error, files.certificate, HasSubstr("ee key too small"))));
}

TEST_F(Credentials, WarnOfAKeyThatEverybodyCanRead) {
  dir.write("key.pem", leaf.its_key().pkcs8_pem(), 0644);
  EXPECT_THAT(found(), ElementsAre(Problem(warning, files.private_key, HasSubstr("every user"))));
}

// ---- files ----

TEST_F(Credentials, TellEveryMissingFileAtOnce) {
  files = {.certificate = dir.path("a"),
           .private_key = dir.path("b"),
           .passphrase_file = {},
           .ca = dir.path("c"),
           .crl = dir.path("d")};
  const auto missing = HasSubstr("does not exist");
  EXPECT_THAT(found(),
              ElementsAre(Problem(error, files.certificate, missing), Problem(error, files.private_key, missing),
                          Problem(error, files.ca, missing), Problem(error, files.crl, missing)));
}

TEST_F(Credentials, TellWhichSettingNamesNoFile) {
  files = {};
  const auto none = HasSubstr("no file is named");
  EXPECT_THAT(found(), ElementsAre(Problem(error, "hostcert", none), Problem(error, "hostprivkey", none),
                                   Problem(error, "localcacert", none), Problem(error, "hostcrl", none)));
}

TEST_F(Credentials, RefuseFilesThatAreNotPem) {
  for (const char* name : {"cert.pem", "key.pem", "ca.pem", "crl.pem"}) dir.write(name, "not PEM at all\n");
  EXPECT_THAT(found(), ElementsAre(Problem(error, files.certificate, HasSubstr("no readable PEM certificate")),
                                   Problem(error, files.private_key, HasSubstr("no PEM private key")),
                                   Problem(error, files.ca, HasSubstr("no PEM certificate")),
                                   Problem(error, files.crl, HasSubstr("no PEM CRL"))));
}

TEST_F(Credentials, KnowThatANewKeyWouldNotFitTheCertificateThatIsThere) {
  for (const auto& spoil : {+[](const std::string& file) { std::filesystem::remove(file); },
                            +[](const std::string& file) { std::filesystem::resize_file(file, 0); }}) {
    spoil(files.private_key);
    const auto said = found();
    ASSERT_EQ(said.size(), 1u);
    EXPECT_THAT(said.front().fix(), HasSubstr("restore it, or enrol anew: `puppetserver ca clean --certname"));
    dir.write("key.pem", "");
  }
}

TEST_F(Credentials, RefuseEmptyFiles) {
  for (const char* name : {"cert.pem", "key.pem", "ca.pem", "crl.pem"}) dir.write(name, "");
  EXPECT_EQ(found().size(), 4u);
}

TEST_F(Credentials, SayWhichBlockOfABundleIsDamaged) {
  std::string second = root.pem();
  second.replace(second.find('\n') + 5, 4, "AAAA");
  dir.write("ca.pem", ca.pem() + second);
  EXPECT_THAT(found(), ElementsAre(Problem(error, files.ca, HasSubstr("certificate number 2 in it is damaged"))));
  dir.write("ca.pem", ca.pem() + root.pem().substr(0, 200));  // cut off by a full disk
  EXPECT_THAT(found(), ElementsAre(Problem(error, files.ca, HasSubstr("certificate number 2 in it is damaged"))));
}

TEST_F(Credentials, RefuseADamagedKey) {
  dir.write("key.pem", leaf.its_key().pkcs8_pem().substr(0, 90) + "\n-----END PRIVATE KEY-----\n");
  EXPECT_THAT(found(), ElementsAre(Problem(error, files.private_key, HasSubstr("damaged"))));
}

TEST(ReadFile, ReadsWholeWhatDoesNotTellItsSizeOrHasGrown) {
  const std::string untold = "/proc/self/limits";  // 0 bytes, says stat
  ASSERT_EQ(std::filesystem::file_size(untold), 0u);
  std::ifstream in(untold);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  ASSERT_FALSE(text.empty());
  const auto read = io::read_file(untold, "the file", "");
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->view(), text);
}

TEST_F(Credentials, TakeTheCrlOfACaThatHasRevokedTensOfThousands) {
  std::vector<certificate> revoked(60'000, ca.issue("old.example.com"));
  const auto many = ca.crl(revoked) + root.crl();
  EXPECT_GT(many.size(), 2u << 20);
  dir.write("crl.pem", many);
  EXPECT_TRUE(loads());
  revoked.push_back(leaf);
  dir.write("crl.pem", ca.crl(revoked) + root.crl());
  EXPECT_THAT(found(), ElementsAre(Problem(error, files.certificate, HasSubstr("this node's certificate is revoked"))));
}

TEST_F(Credentials, RefuseHugeFilesDirectoriesAndPipes) {
  dir.write("ca.pem", ca.pem() + root.pem() + std::string(io::largest_pem_file, '\n'));
  EXPECT_THAT(found(), ElementsAre(Problem(error, files.ca, HasSubstr("larger than 32 MiB"))));
  files.ca = "/";
  EXPECT_THAT(found(), ElementsAre(Problem(error, "/", HasSubstr("not a regular file"))));
  files.ca = dir.path("pipe");
  ASSERT_EQ(mkfifo(files.ca.c_str(), 0600), 0);
  EXPECT_THAT(found(), ElementsAre(Problem(error, files.ca, HasSubstr("not a regular file"))));
}

// ---- our certificate ----

TEST_F(Credentials, RefuseAnExpiredCertificateWithItsDateAndOurClock) {
  request old = node("agent1");
  old.not_before = -days{10}, old.not_after = -hours{1};
  use(ca.issue(old));
  EXPECT_THAT(found(), ElementsAre(Problem(error, files.certificate,
                                           AllOf(HasSubstr("expired on 2"), HasSubstr("local clock: 2")))));
}

TEST_F(Credentials, RefuseACertificateThatIsNotYetValid) {
  request early = node("agent1");
  early.not_before = hours{2};
  use(ca.issue(early));
  EXPECT_THAT(found(), ElementsAre(Problem(error, files.certificate, HasSubstr("is not valid before 2"))));
}

TEST_F(Credentials, WarnThirtyDaysBeforeTheCertificateEnds) {
  request brief = node("agent1");
  brief.not_after = days{29};
  use(ca.issue(brief));
  EXPECT_THAT(found(), ElementsAre(Problem(warning, files.certificate, HasSubstr("expires on"))));
  brief.not_after = days{31};
  use(ca.issue(brief));
  EXPECT_THAT(found(), IsEmpty());
}

TEST_F(Credentials, RefuseACertificateOfAnotherCa) {
  use(authority("Elsewhere").issue("agent1"));
  EXPECT_THAT(found(), ElementsAre(Problem(error, files.certificate,
                                           AllOf(HasSubstr("CN=Elsewhere"), HasSubstr("not in " + files.ca)))));
}

TEST_F(Credentials, RefuseACertificateOfACaThatWasMadeAnewUnderTheSameName) {
  use(authority("Puppet CA").issue("agent1"));
  EXPECT_THAT(found(), ElementsAre(Problem(error, files.certificate, HasSubstr("the CA was made anew"))));
}

TEST_F(Credentials, RefuseASelfSignedCertificate) {
  use(authority("agent1").own());
  const auto list = found();
  EXPECT_THAT(list, testing::Contains(Problem(error, files.certificate, HasSubstr("signed itself"))));
}

TEST_F(Credentials, NeedTheRootInTheBundle) {
  dir.write("ca.pem", ca.pem());
  EXPECT_THAT(found(), ElementsAre(Problem(error, files.certificate, HasSubstr("CN=Puppet Root CA, which is not in"))));
}

TEST_F(Credentials, SayThatThisNodesCertificateIsRevoked) {
  dir.write("crl.pem", ca.crl({leaf}) + root.crl());
  EXPECT_THAT(found(), ElementsAre(Problem(error, files.certificate, HasSubstr("this node's certificate is revoked"))));
  files.check = revocation::leaf;
  EXPECT_FALSE(loads());
  files.check = revocation::none;
  EXPECT_TRUE(loads());
}

TEST_F(Credentials, RefuseARevokedIntermediateUnlessOnlyTheLeafIsChecked) {
  dir.write("crl.pem", ca.crl() + root.crl({ca.own()}));
  EXPECT_THAT(found(), ElementsAre(Problem(error, files.ca, HasSubstr("CA certificate CN=Puppet CA"))));
  files.check = revocation::leaf;
  EXPECT_TRUE(loads());
}

TEST_F(Credentials, WarnOfACertificateThatIsNotForClients) {
  request server = node("agent1");
  server.client_auth = false;
  use(ca.issue(server));
  EXPECT_THAT(found(), ElementsAre(Problem(warning, files.certificate, HasSubstr("lacks clientAuth"))));
}

TEST_F(Credentials, TellAllProblemsOfAllFilesAtOnce) {
  request old = node("agent1");
  old.not_before = -days{10}, old.not_after = -hours{1};
  dir.write("cert.pem", ca.issue(old).pem());
  dir.write("key.pem", key::ec().pkcs8_pem(), 0644);
  dir.write("crl.pem", root.crl({}, {-days{9}, -days{2}}));
  EXPECT_THAT(found(),
              testing::UnorderedElementsAre(Problem(error, files.certificate, HasSubstr("expired on")),
                                            Problem(warning, files.private_key, HasSubstr("every user")),
                                            Problem(error, files.private_key, HasSubstr("does not belong")),
                                            Problem(error, files.crl, HasSubstr("holds no CRL of CN=Puppet CA")),
                                            Problem(error, files.crl, HasSubstr("the CRL of CN=Puppet Root CA"))));
}

// ---- CAs and CRLs ----

TEST_F(Credentials, NeedACrlForEveryCaOfTheChainOnlyWithChain) {
  dir.write("crl.pem", ca.crl());
  EXPECT_THAT(found(), ElementsAre(Problem(error, files.crl,
                                           AllOf(HasSubstr("no CRL of CN=Puppet Root CA"), HasSubstr("chain")))));
  files.check = revocation::leaf;
  EXPECT_THAT(found(), IsEmpty());
  dir.write("crl.pem", root.crl());
  EXPECT_THAT(found(), ElementsAre(Problem(error, files.crl, HasSubstr("no CRL of CN=Puppet CA"))));
}

TEST_F(Credentials, DoNotOpenTheCrlFileWhenNoneIsAskedFor) {
  files.check = revocation::none;
  files.crl = dir.path("nowhere");
  const auto reading = load_credentials(files, now());
  EXPECT_THAT(reading.found, IsEmpty());
  ASSERT_TRUE(reading.value);
  EXPECT_FALSE(reading.value->crl_next_update());
}

TEST_F(Credentials, RefuseAnExpiredCrl) {
  dir.write("crl.pem", ca.crl({}, {-days{9}, -hours{1}}) + root.crl());
  EXPECT_THAT(found(), ElementsAre(Problem(error, files.crl,
                                           AllOf(HasSubstr("the CRL of CN=Puppet CA"), HasSubstr("expired on"),
                                                 HasSubstr("local clock")))));
}

TEST_F(Credentials, ForgiveACrlFromFourMinutesAheadButNotFromSix) {
  dir.write("crl.pem", ca.crl({}, {minutes{4}, days{365}}) + root.crl());
  EXPECT_THAT(found(), IsEmpty());
  dir.write("crl.pem", ca.crl({}, {minutes{6}, days{365}}) + root.crl());
  EXPECT_THAT(found(), ElementsAre(Problem(error, files.crl, HasSubstr("is not valid before"))));
}

TEST_F(Credentials, StillKnowARevocationFromACrlThatIsForgiven) {
  dir.write("crl.pem", ca.crl({leaf}, {minutes{4}, days{365}}) + root.crl());
  EXPECT_THAT(found(), ElementsAre(Problem(error, files.certificate, HasSubstr("is revoked"))));
}

TEST_F(Credentials, UseTheNewerOfTwoCrlsOfOneCa) {
  dir.write("crl.pem", ca.crl({}, {-days{9}, -hours{1}}) + ca.crl() + root.crl());
  EXPECT_THAT(found(), IsEmpty());
}

TEST_F(Credentials, RefuseACrlThatAnotherKeyHasSigned) {
  dir.write("crl.pem", authority("Puppet CA").crl() + root.crl());
  EXPECT_THAT(found(), ElementsAre(Problem(error, files.crl, HasSubstr("was signed with another key"))));
}

TEST_F(Credentials, TellACrlFromThatOfAnOlderCaOfTheSameName) {
  const authority older("Puppet CA");
  dir.write("ca.pem", older.pem() + ca.pem() + root.pem());
  dir.write("crl.pem", older.crl({}, {-days{1}, days{300}}) + ca.crl({}, {-days{1}, days{100}}) + root.crl());
  const auto reading = load_credentials(files, now());
  EXPECT_THAT(reading.found, IsEmpty());
  ASSERT_TRUE(reading.value);
  EXPECT_LT(*reading.value->crl_next_update(), now() + days{101});
}

TEST_F(Credentials, WarnThirtyDaysBeforeACrlEnds) {
  dir.write("crl.pem", ca.crl({}, {-days{1}, days{29}}) + root.crl());
  EXPECT_THAT(found(), ElementsAre(Problem(warning, files.crl, HasSubstr("the CRL of CN=Puppet CA expires on"))));
}

TEST_F(Credentials, WarnThirtyDaysBeforeACaEnds) {
  const authority ending = root.intermediate("Ending CA", key::ec(), -days{1}, days{20});
  request brief = node("agent1");
  brief.not_after = days{100};
  use(ending.issue(brief));
  dir.write("ca.pem", ending.pem() + root.pem());
  dir.write("crl.pem", ending.crl() + root.crl());
  EXPECT_THAT(found(), ElementsAre(Problem(warning, files.ca, HasSubstr("CA certificate CN=Ending CA expires on"))));
}

TEST_F(Credentials, RefuseAnExpiredCaOfTheChain) {
  const authority ended = root.intermediate("Ended CA", key::ec(), -days{9}, -hours{1});
  use(ended.issue("agent1"));
  dir.write("ca.pem", ended.pem() + root.pem());
  dir.write("crl.pem", ended.crl() + root.crl());
  EXPECT_THAT(found(), ElementsAre(Problem(error, files.ca, HasSubstr("CA certificate CN=Ended CA expired on"))));
}

TEST_F(Credentials, OnlyWarnOfLeftoverCasAndTheirCrls) {
  const authority ended("Ended Root", key::ec(), -days{9}, -hours{1}), silent("Silent Root"), stale("Stale Root");
  dir.write("ca.pem", ca.pem() + root.pem() + ended.pem() + silent.pem() + stale.pem());
  dir.write("crl.pem", ca.crl() + root.crl() + ended.crl() + stale.crl({}, {-days{9}, -hours{1}}));
  const auto reading = load_credentials(files, now());
  EXPECT_THAT(reading.found,
              ElementsAre(Problem(warning, files.ca, HasSubstr("CA certificate CN=Ended Root expired on")),
                          Problem(warning, files.crl, HasSubstr("no CRL of CN=Silent Root")),
                          Problem(warning, files.crl, HasSubstr("the CRL of CN=Stale Root expired on"))));
  ASSERT_TRUE(reading.value);
  EXPECT_GT(reading.value->ca_not_after(), now());
  EXPECT_GT(*reading.value->crl_next_update(), now());
}

// As another user than root, a directory or file of mode 0 cannot be read.
class UnreadableFiles : public Credentials {
 protected:
  // The child does the reading as nobody when we are root, and tells its first problem by exit code and stderr.
  void expect_child_says(const std::string& pattern) {
    EXPECT_EXIT(
        {
          if (geteuid() == 0 && (setegid(65534) != 0 || seteuid(65534) != 0)) _exit(2);
          const auto reading = load_credentials(files, now());
          for (const auto& p : reading.found) std::fprintf(stderr, "%s: %s\n", p.where().c_str(), p.what().c_str());
          _exit(reading.value ? 0 : 1);
        },
        testing::ExitedWithCode(1), pattern);
  }
};
using UnreadableFilesDeathTest = UnreadableFiles;

TEST_F(UnreadableFilesDeathTest, AreExplainedByModeAndOwner) {
  ASSERT_EQ(chmod(dir.path("").c_str(), 0755), 0);
  ASSERT_EQ(chmod(files.private_key.c_str(), 0000), 0);
  expect_child_says("key.pem: this node's private key may not be read by user .*: mode 0000, owner ");
}

TEST_F(UnreadableFilesDeathTest, AreExplainedByTheDirectoryThatIsInTheWay) {
  ASSERT_EQ(chmod(dir.path("").c_str(), 0000), 0);
  expect_child_says("key.pem: this node's private key may not be read by user .*: directory .* may not be entered");
  ASSERT_EQ(chmod(dir.path("").c_str(), 0700), 0);
}

}  // namespace
