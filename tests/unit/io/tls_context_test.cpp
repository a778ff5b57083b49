// The upstream leg: what we accept of masters, and what we say when we do not.
#include "io/tls_context.hpp"

#include "io/tls_sessions.hpp"
#include "unit/io/tls_pair.hpp"

#include <gmock/gmock.h>

namespace {

using namespace bunraku;
using namespace bunraku::test_pki;
using std::chrono::hours;
using std::chrono::minutes;
using testing::AllOf;
using testing::HasSubstr;

constexpr const char* host = "compile1.example.com";

// An agent with Puppet's usual CA: root, intermediate that signs, both CRLs; masters send their leaf alone.
class Upstream : public testing::Test {
 protected:
  // What the agent's side of a handshake with this master comes to; nothing if it stands.
  std::optional<io::handshake_failure> against(const certificate& master, const char* name = host) {
    const auto context = io::make_upstream_context(load());
    const auto server = plain_master(master);
    tls_pair pair(context.get(), server.get());
    EXPECT_TRUE(io::prepare_upstream(pair.client(), name));
    const bool stands = pair.handshake();
    EXPECT_EQ(stands, !pair.client_failure);
    EXPECT_EQ(ERR_peek_error(), 0u);
    if (stands) EXPECT_TRUE(pair.to_server("GET /") && pair.to_client("200 OK"));
    return pair.client_failure;
  }
  void expect_refused(const certificate& master, errc code, const testing::Matcher<std::string>& text,
                      const char* name = host) {
    const auto failure = against(master, name);
    ASSERT_TRUE(failure) << "must not be accepted";
    EXPECT_EQ(category().message(static_cast<int>(failure->code)), category().message(static_cast<int>(code)));
    EXPECT_THAT(failure->text, text);
  }
  void expect_accepted(const certificate& master, const char* name = host) {
    const auto failure = against(master, name);
    EXPECT_FALSE(failure) << failure->text;
  }
  std::shared_ptr<const io::credentials> load() {
    return node_files(agent, ca_pem.empty() ? ca.pem() + root.pem() : ca_pem,
                      crl_pem.empty() ? ca.crl() + root.crl() : crl_pem, check)
        .load();
  }

  authority root{"Puppet Root CA"};
  authority ca = root.intermediate("Puppet CA");
  certificate agent = ca.issue("agent1.example.com");
  std::string ca_pem, crl_pem;
  revocation check = revocation::chain;
};

TEST_F(Upstream, AcceptsAMasterThatSendsItsLeafAlone) { expect_accepted(ca.issue(host)); }

TEST_F(Upstream, AcceptsRsaMastersAsAnRsaAgent) {
  agent = ca.issue("agent1.example.com", key::rsa());
  expect_accepted(ca.issue(host, key::rsa()));
}

TEST_F(Upstream, ShowsTheMasterOurCertificateAndTheNameItIsDialledBy) {
  const auto context = io::make_upstream_context(load());
  const auto server = plain_master(ca.issue(host));
  SSL_CTX_set_cert_store(server.get(), X509_STORE_new());
  X509_STORE_add_cert(SSL_CTX_get_cert_store(server.get()), root.own().get());
  X509_STORE_add_cert(SSL_CTX_get_cert_store(server.get()), ca.own().get());
  SSL_CTX_set_verify(server.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  tls_pair pair(context.get(), server.get());
  ASSERT_TRUE(io::prepare_upstream(pair.client(), host));
  ASSERT_TRUE(pair.handshake());
  EXPECT_EQ(io::peer_subject(pair.server()), "CN=agent1.example.com");
  EXPECT_EQ(io::peer_subject(pair.client()), "CN=compile1.example.com");
  EXPECT_STREQ(SSL_get_servername(pair.server(), TLSEXT_NAMETYPE_host_name), host);
  EXPECT_LE(sk_X509_num(SSL_get_peer_cert_chain(pair.server())), 0) << "our leaf alone, like the agent";
}

// ---- names ----

TEST_F(Upstream, RefusesAnotherNameAndTellsWhichOnesThereAre) {
  request other = node("compile2.example.com");
  other.dns.emplace_back("puppet.example.com");
  expect_refused(ca.issue(other), errc::certificate_wrong_name,
                 HasSubstr("CN=compile2.example.com is for compile2.example.com, puppet.example.com, not for "
                           "compile1.example.com"));
}

TEST_F(Upstream, IgnoresTheCommonNameOfACertificateWithAlternativeNames) {
  request other = node(host);
  other.dns = {"elsewhere.example.com"};
  expect_refused(ca.issue(other), errc::certificate_wrong_name, HasSubstr("is for elsewhere.example.com"));
  other.dns = {}, other.ip = {"192.0.2.7"};
  expect_refused(ca.issue(other), errc::certificate_wrong_name, HasSubstr("is for 192.0.2.7"));
}

TEST_F(Upstream, AcceptsTheCommonNameOfACertificateWithoutThem) {
  request old = node(host);
  old.dns = {};
  expect_accepted(ca.issue(old));
  old.email = {"ops@example.com"};
  expect_accepted(ca.issue(old));
  old.common_name = "compile2.example.com";
  expect_refused(ca.issue(old), errc::certificate_wrong_name, HasSubstr("is for compile2.example.com, not for"));
}

TEST_F(Upstream, AcceptsAWildcardAsTheWholeLeftmostLabelOnly) {
  request wild = node("wild");
  wild.dns = {"*.example.com"};
  expect_accepted(ca.issue(wild));
  for (const char* no : {"c*.example.com", "*e1.example.com", "compile1.*.com", "*.com", "*"}) {
    wild.dns = {no};
    expect_refused(ca.issue(wild), errc::certificate_wrong_name, HasSubstr(no));
  }
  wild.dns = {"*.example.com"};
  expect_refused(ca.issue(wild), errc::certificate_wrong_name, HasSubstr("*.example.com"), "a.b.example.com");
}

TEST_F(Upstream, ComparesNamesWithoutRegardToCase) {
  request loud = node("loud");
  loud.dns = {"COMPILE1.Example.COM"};
  expect_accepted(ca.issue(loud));
}

TEST_F(Upstream, FindsAddressesAmongTheAlternativeNames) {
  request by_address = node("compile1");
  by_address.ip = {"192.0.2.7", "2001:db8::7"};
  const auto master = ca.issue(by_address);
  expect_accepted(master, "192.0.2.7");
  expect_accepted(master, "2001:db8::7");
  expect_accepted(master, "2001:DB8:0::0:7");
  expect_refused(master, errc::certificate_wrong_name, HasSubstr("not for 192.0.2.8"), "192.0.2.8");
}

TEST_F(Upstream, NeverTakesAnAddressWrittenAsADnsName) {
  request sly = node("192.0.2.7");
  expect_refused(ca.issue(sly), errc::certificate_wrong_name, HasSubstr("not for 192.0.2.7"), "192.0.2.7");
}

TEST_F(Upstream, AsksForNoNameWhenItDialsAnAddress) {
  const auto context = io::make_upstream_context(load());
  request by_address = node("compile1");
  by_address.ip = {"192.0.2.7"};
  const auto server = plain_master(ca.issue(by_address));
  tls_pair pair(context.get(), server.get());
  ASSERT_TRUE(io::prepare_upstream(pair.client(), "192.0.2.7"));
  ASSERT_TRUE(pair.handshake());
  EXPECT_EQ(SSL_get_servername(pair.server(), TLSEXT_NAMETYPE_host_name), nullptr);
}

TEST_F(Upstream, PreparesNothingForWhatIsNoName) {
  const auto context = io::make_upstream_context(load());
  for (const std::string_view no :
       {std::string_view{}, std::string_view{"."}, std::string_view{"a b"}, std::string_view{"[::1]"},
        std::string_view{"compile1.example.com\0.evil", 26}, std::string_view{"a/b"}, std::string_view{"host:8140"},
        std::string_view{"fe80::1%eth0"}, std::string_view{"127.0.0.1\0", 10}, std::string_view{"trailing.dot."}}) {
    const io::ssl_ptr ssl(SSL_new(context.get()));
    EXPECT_FALSE(io::prepare_upstream(ssl.get(), no)) << no;
  }
  const io::ssl_ptr ssl(SSL_new(context.get()));
  EXPECT_FALSE(io::prepare_upstream(ssl.get(), std::string(254, 'a')));
}

// ---- chains ----

TEST_F(Upstream, RefusesAnotherCa) {
  expect_refused(authority("Elsewhere").issue(host), errc::certificate_untrusted,
                 AllOf(HasSubstr("CN=compile1.example.com"), HasSubstr("CN=Elsewhere"), HasSubstr("which is not in")));
}

TEST_F(Upstream, RefusesACaOfTheSameNameWithAnotherKey) {
  expect_refused(authority("Puppet CA").issue(host), errc::certificate_untrusted, HasSubstr("the CA was made anew"));
}

TEST_F(Upstream, RefusesACertificateThatSignedItself) {
  expect_refused(authority(host).own(), errc::certificate_untrusted, HasSubstr("signed itself"));
}

TEST_F(Upstream, NeverUsesTheSystemsCas) {
  // A chain whose root the master sends along is no better than one whose root we do not know.
  const authority stranger("Some Public CA");
  const auto context = io::make_upstream_context(load());
  const auto master = stranger.issue(host);
  const auto server = plain_master(master);
  SSL_CTX_add1_chain_cert(server.get(), stranger.own().get());
  tls_pair pair(context.get(), server.get());
  ASSERT_TRUE(io::prepare_upstream(pair.client(), host));
  EXPECT_FALSE(pair.handshake());
  ASSERT_TRUE(pair.client_failure);
  EXPECT_EQ(pair.client_failure->code, errc::certificate_untrusted);
}

TEST_F(Upstream, RefusesAnExpiredMasterWithItsDateAndOurClock) {
  request old = node(host);
  old.not_before = -days{10}, old.not_after = -hours{1};
  expect_refused(ca.issue(old), errc::certificate_expired, AllOf(HasSubstr("expired on 2"), HasSubstr("local clock")));
}

TEST_F(Upstream, RefusesAMasterThatIsNotYetValid) {
  request early = node(host);
  early.not_before = hours{1};
  expect_refused(ca.issue(early), errc::certificate_expired, HasSubstr("is not valid before 2"));
}

TEST_F(Upstream, RefusesACertificateForClientsOnly) {
  request client = node(host);
  client.server_auth = false;
  expect_refused(ca.issue(client), errc::certificate_wrong_purpose, HasSubstr("lacks serverAuth"));
}

TEST_F(Upstream, AcceptsACertificateWithoutAnyExtendedKeyUsage) {
  request plain = node(host);
  plain.server_auth = plain.client_auth = false;
  expect_accepted(ca.issue(plain));
}

// ---- revocation ----

TEST_F(Upstream, RefusesARevokedMasterWithChainAndLeafButNotWithNone) {
  const auto master = ca.issue(host);
  crl_pem = ca.crl({master}) + root.crl();
  for (const auto mode : {revocation::chain, revocation::leaf}) {
    check = mode;
    expect_refused(master, errc::certificate_revoked,
                   AllOf(HasSubstr("CN=compile1.example.com (serial 0x"), HasSubstr("was revoked by CN=Puppet CA")));
  }
  check = revocation::none;
  expect_accepted(master);
}

// Masters of a CA that is not our own, below the same root: our own chain is fine, theirs has the fault.
class UpstreamOfAnotherIntermediate : public Upstream {
 protected:
  UpstreamOfAnotherIntermediate() { ca_pem = ca.pem() + masters.pem() + root.pem(); }
  authority masters = root.intermediate("Masters CA");
  certificate master = masters.issue(host);
};

TEST_F(UpstreamOfAnotherIntermediate, AcceptsIt) {
  crl_pem = ca.crl() + masters.crl() + root.crl();
  expect_accepted(master);
}

TEST_F(UpstreamOfAnotherIntermediate, RefusesARevokedIntermediateWithChainOnly) {
  crl_pem = ca.crl() + masters.crl() + root.crl({masters.own()});
  expect_refused(master, errc::certificate_revoked, HasSubstr("CA certificate CN=Masters CA"));
  check = revocation::leaf;
  expect_accepted(master);
}

TEST_F(UpstreamOfAnotherIntermediate, RefusesAMissingCrlWithChainAndLeafButNotWithNone) {
  crl_pem = ca.crl() + root.crl();
  expect_refused(master, errc::crl_missing,
                 AllOf(HasSubstr("holds no CRL of CN=Masters CA"), HasSubstr("certificate_revocation = chain")));
  check = revocation::leaf;
  expect_refused(master, errc::crl_missing, HasSubstr("certificate_revocation = leaf"));
  check = revocation::none;
  expect_accepted(master);
}

TEST_F(UpstreamOfAnotherIntermediate, RefusesAnExpiredCrl) {
  crl_pem = ca.crl() + masters.crl({}, {-days{9}, -hours{1}}) + root.crl();
  expect_refused(master, errc::crl_expired,
                 AllOf(HasSubstr("the CRL of CN=Masters CA in"), HasSubstr("expired on 2"), HasSubstr("local clock")));
}

TEST_F(UpstreamOfAnotherIntermediate, ForgivesACrlFromFourMinutesAheadButNotFromSix) {
  crl_pem = ca.crl() + masters.crl({}, {minutes{4}, days{9}}) + root.crl();
  expect_accepted(master);
  crl_pem = ca.crl() + masters.crl({master}, {minutes{4}, days{9}}) + root.crl();
  expect_refused(master, errc::certificate_revoked, HasSubstr("was revoked"));
  crl_pem = ca.crl() + masters.crl({}, {minutes{6}, days{9}}) + root.crl();
  expect_refused(master, errc::crl_expired, HasSubstr("is not valid before"));
}

TEST_F(Upstream, MissesTheRootsCrlInChainModeOnly) {
  // Two roots; the master's own root has no CRL, which leaf mode does not ask for.
  const authority other_root("Other Root"), other = other_root.intermediate("Other CA");
  ca_pem = ca.pem() + root.pem() + other.pem() + other_root.pem();
  crl_pem = ca.crl() + root.crl() + other.crl();
  expect_refused(other.issue(host), errc::crl_missing, HasSubstr("holds no CRL of CN=Other Root"));
  check = revocation::leaf;
  expect_accepted(other.issue(host));
}

// ---- being refused, and other ends of a handshake ----

class RefusedByTheMaster : public Upstream, public testing::WithParamInterface<int> {
 protected:
  // A master of this TLS version that trusts `its_ca`, wants a certificate and gets what `shown` says.
  io::handshake_failure refusal(const std::string& its_ca_pem, const std::string& its_crl_pem) {
    const auto context = io::make_upstream_context(load());
    const auto server = plain_master(ca.issue(host));
    const node_files files(ca.issue(host), its_ca_pem, its_crl_pem, revocation::none);
    SSL_CTX_load_verify_file(server.get(), files.files().ca.c_str());
    if (!its_crl_pem.empty()) {
      X509_STORE* store = SSL_CTX_get_cert_store(server.get());
      X509_load_crl_file(X509_STORE_add_lookup(store, X509_LOOKUP_file()), files.files().crl.c_str(),
                         X509_FILETYPE_PEM);
      X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK);
    }
    SSL_CTX_set_verify(server.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    SSL_CTX_set_max_proto_version(server.get(), GetParam());
    tls_pair pair(context.get(), server.get());
    EXPECT_TRUE(io::prepare_upstream(pair.client(), host));
    EXPECT_FALSE(pair.handshake());
    EXPECT_TRUE(pair.client_failure);
    return pair.client_failure.value_or(io::handshake_failure{errc::cancelled, "none"});
  }
};

TEST_P(RefusedByTheMaster, BecauseOurCertificateIsRevoked) {
  const auto failure = refusal(ca.pem() + root.pem(), ca.crl({agent}));
  EXPECT_EQ(failure.code, errc::refused_us);
  EXPECT_THAT(failure.text, HasSubstr("the master refused our certificate with alert 44 \"certificate revoked\""));
}

INSTANTIATE_TEST_SUITE_P(, RefusedByTheMaster, testing::Values(TLS1_2_VERSION, TLS1_3_VERSION),
                         [](const auto& i) { return i.param == TLS1_2_VERSION ? "Tls12" : "Tls13"; });

TEST_F(Upstream, TellsAlertsAboutOurCertificateFromOthers) {
  const auto context = io::make_upstream_context(load());
  const io::ssl_ptr ssl(SSL_new(context.get()));
  for (const auto& [alert, code, text] :
       {std::tuple{42, errc::refused_us, "alert 42 \"bad certificate\""},
        std::tuple{45, errc::refused_us, "certificate expired"},
        std::tuple{46, errc::refused_us, "certificate unknown"}, std::tuple{48, errc::refused_us, "unknown CA"},
        std::tuple{49, errc::refused_us, "access denied"},
        std::tuple{116, errc::refused_us, "alert 116 \"certificate required\": it saw none"},
        std::tuple{40, errc::tls_failed, "ended the handshake with alert 40 \"handshake failure\""},
        std::tuple{80, errc::tls_failed, "internal error"}, std::tuple{70, errc::tls_failed, "TLS 1.2 or later"}}) {
    ERR_raise(ERR_LIB_SSL, SSL_AD_REASON_OFFSET + alert);
    const auto failure = io::explain_failure(ssl.get());
    EXPECT_EQ(failure.code, code) << alert;
    EXPECT_THAT(failure.text, HasSubstr(text));
    EXPECT_EQ(ERR_peek_error(), 0u);
  }
}

TEST_F(Upstream, SaysWhenTheOtherEndSpeaksNoTls) {
  const auto context = io::make_upstream_context(load());
  const io::ssl_ptr ssl(SSL_new(context.get()));
  BIO* in = BIO_new(BIO_s_mem());
  BIO_puts(in, "HTTP/1.1 400 Bad Request\r\n\r\n");
  SSL_set_bio(ssl.get(), in, BIO_new(BIO_s_null()));
  ASSERT_TRUE(io::prepare_upstream(ssl.get(), host));
  ASSERT_LE(SSL_connect(ssl.get()), 0);
  const auto failure = io::explain_failure(ssl.get());
  EXPECT_EQ(failure.code, errc::tls_failed);
  EXPECT_EQ(failure.text, "the master does not speak TLS on this port");
}

TEST_F(Upstream, SaysWhenTheConnectionEndsInTheHandshake) {
  const auto context = io::make_upstream_context(load());
  const io::ssl_ptr ssl(SSL_new(context.get()));
  BIO* in = BIO_new(BIO_s_mem());
  BIO_set_mem_eof_return(in, 0);
  SSL_set_bio(ssl.get(), in, BIO_new(BIO_s_null()));
  ASSERT_TRUE(io::prepare_upstream(ssl.get(), host));
  ASSERT_LE(SSL_connect(ssl.get()), 0);
  const auto failure = io::explain_failure(ssl.get());
  EXPECT_EQ(failure.code, errc::tls_failed);
  EXPECT_THAT(failure.text, HasSubstr("the master closed the connection during the TLS handshake"));
  EXPECT_EQ(io::explain_failure(ssl.get()).text, "the connection was lost during the TLS handshake");
}

TEST_F(Upstream, RefusesTls11) {
  const auto context = io::make_upstream_context(load());
  const auto server = plain_master(ca.issue(host));
  SSL_CTX_set_security_level(server.get(), 0);
  SSL_CTX_set_min_proto_version(server.get(), TLS1_1_VERSION);
  SSL_CTX_set_max_proto_version(server.get(), TLS1_1_VERSION);
  tls_pair pair(context.get(), server.get());
  ASSERT_TRUE(io::prepare_upstream(pair.client(), host));
  EXPECT_FALSE(pair.handshake());
  ASSERT_TRUE(pair.client_failure);
  EXPECT_EQ(pair.client_failure->code, errc::tls_failed);
  EXPECT_THAT(pair.client_failure->text, HasSubstr("TLS 1.2 or later"));
}

TEST_F(Upstream, PrintsSubjectsAsBoundedAscii) {
  request odd = node("x");
  odd.common_name = "line\nbreak \xc3\xa9";
  odd.dns = {host};
  const auto context = io::make_upstream_context(load());
  const auto server = plain_master(ca.issue(odd));
  tls_pair pair(context.get(), server.get());
  ASSERT_TRUE(io::prepare_upstream(pair.client(), host));
  ASSERT_TRUE(pair.handshake());
  EXPECT_EQ(io::peer_subject(pair.client()), "CN=line\\0Abreak \\C3\\A9");
  EXPECT_EQ(io::peer_subject(pair.server()), "");
}

// ---- sessions ----

class UpstreamSession : public Upstream, public testing::WithParamInterface<int> {
 protected:
  static int keep(SSL* ssl, SSL_SESSION* session) {
    static_cast<UpstreamSession*>(SSL_get_app_data(ssl))->session.reset(session);
    return 1;
  }
  void connect(const certificate& master) {
    context = io::make_upstream_context(load());
    SSL_CTX_sess_set_new_cb(context.get(), keep);
    server = plain_master(master);
    SSL_CTX_set_max_proto_version(server.get(), GetParam());
    again(false);
  }
  void again(bool resumed) {
    tls_pair pair(context.get(), server.get());
    SSL_set_app_data(pair.client(), this);
    ASSERT_TRUE(io::prepare_upstream(pair.client(), host));
    if (resumed) {
      ASSERT_TRUE(session);
      ASSERT_EQ(SSL_set_session(pair.client(), session.get()), 1);
    }
    ASSERT_TRUE(pair.handshake());
    ASSERT_TRUE(pair.to_server("GET /") && pair.to_client("200 OK"));
    EXPECT_EQ(SSL_session_reused(pair.client()), resumed ? 1 : 0);
    pair.close();
  }
  std::chrono::sys_seconds now = std::chrono::floor<seconds>(std::chrono::system_clock::now());
  io::ssl_session_ptr session;
  io::ssl_ctx_ptr context, server;
};

TEST_P(UpstreamSession, IsResumedAndNotKeptByTheContext) {
  connect(ca.issue(host));
  EXPECT_EQ(SSL_CTX_sess_number(context.get()), 0);
  EXPECT_TRUE(io::may_resume(session.get(), host, now));
  again(true);
}

TEST_P(UpstreamSession, IsOnlyForHostsThatItsCertificateIsFor) {
  request shared = node(host);
  shared.dns.emplace_back("puppet.example.com");
  shared.ip = {"192.0.2.7"};
  connect(ca.issue(shared));
  EXPECT_TRUE(io::may_resume(session.get(), "puppet.example.com", now));
  EXPECT_TRUE(io::may_resume(session.get(), "192.0.2.7", now));
  EXPECT_FALSE(io::may_resume(session.get(), "compile2.example.com", now));
  EXPECT_FALSE(io::may_resume(session.get(), "192.0.2.8", now));
  EXPECT_FALSE(io::may_resume(session.get(), "", now));
}

TEST_P(UpstreamSession, DiesWithTheCertificateThatItWasVerifiedBy) {
  request brief = node(host);
  brief.not_after = hours{1};
  connect(ca.issue(brief));
  EXPECT_TRUE(io::may_resume(session.get(), host, now + minutes{59}));
  EXPECT_FALSE(io::may_resume(session.get(), host, now + minutes{61}));
}

TEST_P(UpstreamSession, ThrowsNothingThroughOpenSslWhenWhoIsToldOfItFindsNoMemory) {
  context = io::make_upstream_context(load());
  io::tls_sessions::enable(context.get());
  server = plain_master(ca.issue(host));
  SSL_CTX_set_max_proto_version(server.get(), GetParam());
  const auto sessions = std::make_shared<io::tls_sessions>();
  int told = 0;
  sessions->on_received([&](const std::string&) {
    ++told;
    throw std::bad_alloc();
  });
  tls_pair pair(context.get(), server.get());
  ASSERT_TRUE(io::prepare_upstream(pair.client(), host));
  sessions->attach(pair.client(), std::string(host) + ":8140", host);
  ASSERT_TRUE(pair.handshake());
  EXPECT_TRUE(pair.to_server("GET /") && pair.to_client("200 OK"));
  EXPECT_GT(told, 0);
}

INSTANTIATE_TEST_SUITE_P(, UpstreamSession, testing::Values(TLS1_2_VERSION, TLS1_3_VERSION),
                         [](const auto& i) { return i.param == TLS1_2_VERSION ? "Tls12" : "Tls13"; });

}  // namespace
