// The local leg: who is let in, and what resuming a session may not change about that.
#include "io/tls_context.hpp"
#include "unit/io/tls_pair.hpp"

#include <gmock/gmock.h>

namespace {

using namespace bunraku;
using namespace bunraku::test_pki;
using std::chrono::hours;
using testing::HasSubstr;

class Local : public testing::TestWithParam<int> {
 protected:
  std::shared_ptr<const io::credentials> load() const {
    return node_files(own, ca.pem() + root.pem(), ca.crl(revoked) + root.crl(), revocation::chain).load();
  }
  io::ssl_ctx_ptr agent(const certificate* shown) const {
    auto out = plain_agent(shown);
    SSL_CTX_set_max_proto_version(out.get(), GetParam());
    return out;
  }
  // Why the listener refuses this client; nothing if it does not.
  std::optional<io::handshake_failure> refusal(const certificate* shown) const {
    const auto server = io::make_local_context(load());
    const auto client = agent(shown);
    tls_pair pair(client.get(), server.get());
    const bool stands = pair.handshake();
    EXPECT_EQ(stands, !pair.server_failure);
    EXPECT_EQ(stands, !pair.client_failure) << "the client must notice";
    return pair.server_failure;
  }
  void expect_refused(const certificate* shown, errc code, const std::string& text) const {
    const auto failure = refusal(shown);
    ASSERT_TRUE(failure) << "must not be let in";
    EXPECT_EQ(category().message(static_cast<int>(failure->code)), category().message(static_cast<int>(code)));
    EXPECT_THAT(failure->text, HasSubstr(text));
  }

  authority root{"Puppet Root CA"};
  authority ca = root.intermediate("Puppet CA");
  certificate own = ca.issue("agent1.example.com");
  std::vector<certificate> revoked;
};

TEST_P(Local, LetsTheAgentsOwnCertificateIn) {
  const auto failure = refusal(&own);
  EXPECT_FALSE(failure) << failure->text;
}

TEST_P(Local, LetsARenewedCertificateOfTheSameKeyIn) {
  const auto renewed = ca.issue("agent1.example.com", own.its_key());
  const auto failure = refusal(&renewed);
  EXPECT_FALSE(failure) << failure->text;
}

TEST_P(Local, RefusesAnotherNodesValidCertificate) {
  const auto other = ca.issue("agent2.example.com");
  expect_refused(&other, errc::not_own_certificate, "the client showed certificate CN=agent2.example.com, whose key");
}

TEST_P(Local, RefusesOurNameWithAnotherKey) {
  const auto other = ca.issue("agent1.example.com");
  expect_refused(&other, errc::not_own_certificate, "CN=agent1.example.com, whose key is not the key");
}

TEST_P(Local, RefusesAClientWithoutACertificate) {
  expect_refused(nullptr, errc::not_own_certificate, "the client showed no certificate");
}

TEST_P(Local, RefusesOurKeyUnderAnotherCa) {
  const auto forged = authority("Elsewhere").issue("agent1.example.com", own.its_key());
  expect_refused(&forged, errc::not_own_certificate, "CN=Elsewhere, which is not in");
}

TEST_P(Local, RefusesOurKeyInARevokedCertificate) {
  const auto lost = ca.issue("agent1.example.com", own.its_key());
  revoked = {lost};
  expect_refused(&lost, errc::not_own_certificate, "was revoked by CN=Puppet CA");
}

TEST_P(Local, RefusesOurKeyInAnExpiredCertificate) {
  request old = node("agent1.example.com");
  old.not_before = -std::chrono::days{9}, old.not_after = -hours{1};
  const auto expired = ca.issue(old, own.its_key());
  expect_refused(&expired, errc::not_own_certificate, "expired on 2");
}

TEST_P(Local, RefusesOurKeyInACertificateForServersOnly) {
  request server = node("agent1.example.com");
  server.client_auth = false;
  const auto only = ca.issue(server, own.its_key());
  expect_refused(&only, errc::not_own_certificate, "lacks clientAuth");
}

TEST_P(Local, ShowsItsLeafAloneAndNamesTheCasItTakes) {
  const auto server = io::make_local_context(load());
  const auto client = agent(&own);
  tls_pair pair(client.get(), server.get());
  ASSERT_TRUE(pair.handshake());
  EXPECT_EQ(sk_X509_num(SSL_get_peer_cert_chain(pair.client())), 1);
  const STACK_OF(X509_NAME)* names = SSL_get0_peer_CA_list(pair.client());
  ASSERT_EQ(sk_X509_NAME_num(names), 2);
  EXPECT_EQ(io::text_of(sk_X509_NAME_value(names, 0)), "CN=Puppet CA");
  EXPECT_EQ(io::text_of(sk_X509_NAME_value(names, 1)), "CN=Puppet Root CA");
}

TEST_P(Local, SaysWhenTheClientRefusesUs) {
  const auto server = io::make_local_context(load());
  const auto client = agent(&own);
  SSL_CTX_set_verify(client.get(), SSL_VERIFY_PEER, nullptr);  // and it trusts nobody
  tls_pair pair(client.get(), server.get());
  EXPECT_FALSE(pair.handshake());
  ASSERT_TRUE(pair.server_failure);
  EXPECT_EQ(pair.server_failure->code, errc::tls_failed);
  EXPECT_THAT(pair.server_failure->text, HasSubstr("the client refused our certificate with alert 48 \"unknown CA\""));
}

TEST_P(Local, SaysWhenTheClientSpeaksNoTls) {
  const auto server = io::make_local_context(load());
  for (const auto& [sent, said] : {std::pair{"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "the client speaks plain HTTP"},
                                   std::pair{"SSH-2.0-OpenSSH_9.2p1\r\n", "the client does not speak TLS"}}) {
    const io::ssl_ptr ssl(SSL_new(server.get()));
    BIO* in = BIO_new(BIO_s_mem());
    BIO_puts(in, sent);
    SSL_set_bio(ssl.get(), in, BIO_new(BIO_s_null()));
    ASSERT_LE(SSL_accept(ssl.get()), 0);
    const auto failure = io::explain_failure(ssl.get());
    EXPECT_EQ(failure.code, errc::tls_failed);
    EXPECT_THAT(failure.text, HasSubstr(said));
  }
}

// ---- sessions ----

class LocalSession : public Local {
 protected:
  // Connects, speaks, leaves; gives the session the client would resume.
  io::ssl_session_ptr visit(SSL_CTX* client, SSL_CTX* server, SSL_SESSION* offered, bool expect_resumed) {
    tls_pair pair(client, server);
    if (offered != nullptr) EXPECT_EQ(SSL_set_session(pair.client(), offered), 1);
    EXPECT_TRUE(pair.handshake()) << (pair.server_failure ? pair.server_failure->text : "");
    EXPECT_TRUE(pair.to_server("GET /") && pair.to_client("200 OK"));
    EXPECT_EQ(SSL_session_reused(pair.server()) == 1, expect_resumed);
    io::ssl_session_ptr out(SSL_get1_session(pair.client()));
    pair.close();
    return out;
  }
};

TEST_P(LocalSession, IsResumedAgainAndAgain) {
  const auto server = io::make_local_context(load());
  const auto client = agent(&own);
  auto session = visit(client.get(), server.get(), nullptr, false);
  for (int i = 0; i < 3; ++i) session = visit(client.get(), server.get(), session.get(), true);
}

TEST_P(LocalSession, IsUnknownToTheContextOfReloadedCredentials) {
  const auto before = io::make_local_context(load()), after = io::make_local_context(load());
  const auto client = agent(&own);
  const auto session = visit(client.get(), before.get(), nullptr, false);
  visit(client.get(), after.get(), session.get(), false);
}

TEST_P(LocalSession, HelpsNobodyWithoutTheCertificateAfterAReload) {
  const auto before = io::make_local_context(load()), after = io::make_local_context(load());
  const auto client = agent(&own), stranger = agent(nullptr);
  const auto session = visit(client.get(), before.get(), nullptr, false);
  tls_pair pair(stranger.get(), after.get());
  ASSERT_EQ(SSL_set_session(pair.client(), session.get()), 1);
  EXPECT_FALSE(pair.handshake());
}

TEST_P(LocalSession, IsNotLeftBehindByARefusedClient) {
  const auto server = io::make_local_context(load());
  const auto other = ca.issue("agent2.example.com");
  const auto client = agent(&other);
  tls_pair pair(client.get(), server.get());
  EXPECT_FALSE(pair.handshake());
  EXPECT_EQ(SSL_CTX_sess_number(server.get()), 0);
}

TEST_P(LocalSession, SendsNoTicketAfterTheHandshake) {
  const auto server = io::make_local_context(load());
  const auto client = agent(&own);
  tls_pair pair(client.get(), server.get());
  ASSERT_TRUE(pair.handshake());
  EXPECT_EQ(pair.tickets_in_handshake, GetParam() == TLS1_3_VERSION ? 1 : 0);
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(pair.to_server("GET /"));
    ASSERT_TRUE(pair.to_client("200 OK"));
    EXPECT_EQ(pair.unread_by_client(), 0u) << "a Ruby client would take these bytes for an answer";
  }
  EXPECT_EQ(pair.tickets_later, 0);
}

INSTANTIATE_TEST_SUITE_P(, Local, testing::Values(TLS1_2_VERSION, TLS1_3_VERSION),
                         [](const auto& i) { return i.param == TLS1_2_VERSION ? "Tls12" : "Tls13"; });
INSTANTIATE_TEST_SUITE_P(, LocalSession, testing::Values(TLS1_2_VERSION, TLS1_3_VERSION),
                         [](const auto& i) { return i.param == TLS1_2_VERSION ? "Tls12" : "Tls13"; });

}  // namespace
