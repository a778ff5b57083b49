// The upstream leg: a good certificate is not enough where masters must carry a name or a pinned key.
#include "io/tls_demands.hpp"

#include "io/tls_context.hpp"
#include "io/tls_sessions.hpp"
#include "unit/io/tls_pair.hpp"

#include <gmock/gmock.h>

namespace {

using namespace bunraku;
using namespace bunraku::test_pki;
using policy::certificate_demands;
using testing::AllOf;
using testing::HasSubstr;

constexpr const char* impostor_name = "agent7.example.com";
constexpr const char* master_name = "compile1.example.com";
constexpr const char* shared_name = "puppet.example.com";

// One CA, one agent that dials; agent7 plays master under its own name, compile1 is one.
class TlsDemands : public testing::Test {
 protected:
  TlsDemands() { context_ = io::make_upstream_context(files_.load()), io::tls_sessions::enable(context_.get()); }

  certificate master_with_shared_name() const {
    request wanted = node(master_name);
    wanted.dns.emplace_back(shared_name);
    return ca_.issue(wanted);
  }
  static std::string pin_of(const certificate& of) { return io::hex(*io::spki_of(of.get())); }

  // A handshake with whoever has this certificate, dialled by `name`; nothing: it stands.
  std::optional<io::handshake_failure> against(const certificate& other, const char* name,
                                               certificate_demands demands) {
    const auto server = plain_master(other);
    tls_pair pair(context_.get(), server.get());
    EXPECT_TRUE(io::prepare_upstream(pair.client(), name, std::make_shared<const certificate_demands>(demands)));
    const bool stands = pair.handshake();
    EXPECT_EQ(stands, !pair.client_failure);
    EXPECT_EQ(ERR_peek_error(), 0u);
    return pair.client_failure;
  }

  authority root_{"Puppet Root CA"};
  authority ca_ = root_.intermediate("Puppet CA");
  node_files files_{ca_.issue("agent1.example.com"), ca_.pem() + root_.pem(), ca_.crl() + root_.crl()};
  io::ssl_ctx_ptr context_;
};

TEST_F(TlsDemands, AnEnrolledHostThatPlaysMasterIsTakenWhereNothingIsDemanded) {
  EXPECT_FALSE(against(ca_.issue(impostor_name), impostor_name, {}));
}

TEST_F(TlsDemands, AnEnrolledHostThatPlaysMasterIsRefusedByName) {
  const auto failure = against(ca_.issue(impostor_name), impostor_name, {{shared_name}, {}, {}});
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->code, errc::certificate_no_master);
  EXPECT_THAT(failure->text, AllOf(HasSubstr("CN=agent7.example.com is good, but not a master's"),
                                   HasSubstr("demands puppet.example.com, and it carries agent7.example.com")));
  EXPECT_FALSE(against(master_with_shared_name(), master_name, {{shared_name}, {}, {}}));
}

TEST_F(TlsDemands, AKeyThatIsNotPinnedIsRefusedAndARenewedCertificateWithItsKeyIsNot) {
  const auto master = ca_.issue(master_name);
  const auto failure = against(ca_.issue(master_name), master_name, {{}, {pin_of(master)}, "[service.ca] pins"});
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->code, errc::certificate_not_pinned);
  EXPECT_THAT(failure->text, HasSubstr("its key is none of the 1 in [service.ca] pins: it is "));
  const auto renewed = ca_.issue(node(master_name), master.its_key());
  EXPECT_FALSE(against(renewed, master_name, {{}, {pin_of(master)}, {}}));
}

TEST_F(TlsDemands, WhatIsWrongWithACertificateByItselfIsToldFirst) {
  request late = node(impostor_name);
  late.not_before = -days{9}, late.not_after = -days{1};
  EXPECT_EQ(against(ca_.issue(late), impostor_name, {{shared_name}, {}, {}})->code, errc::certificate_expired);
  EXPECT_EQ(against(ca_.issue(impostor_name), master_name, {{shared_name}, {}, {}})->code,
            errc::certificate_wrong_name);
}

TEST_F(TlsDemands, ACertificateWithoutExtendedKeyUsageIsForEveryUseAsToPuppet) {
  request plain = node(master_name);
  plain.server_auth = plain.client_auth = false;
  EXPECT_FALSE(against(ca_.issue(plain), master_name, {}));
}

// A session of one service must not serve another that demands more: the same store, the same master.
TEST_F(TlsDemands, ASessionIsNotResumedWhereMoreIsDemanded) {
  const auto store = std::make_shared<io::tls_sessions>();
  const auto server = plain_master(ca_.issue(impostor_name));
  const std::string at = std::string(impostor_name) + ":8140";
  const auto dial = [&](const std::shared_ptr<const certificate_demands>& demands) {
    tls_pair pair(context_.get(), server.get());
    EXPECT_TRUE(io::prepare_upstream(pair.client(), impostor_name, demands));
    store->attach(pair.client(), at, impostor_name);
    const bool stands = pair.handshake() && pair.to_server("GET /") && pair.to_client("200 OK");
    const bool resumed = SSL_session_reused(pair.client()) == 1;
    pair.close();
    return std::pair(stands, resumed);
  };
  EXPECT_EQ(dial(nullptr), std::pair(true, false));
  EXPECT_EQ(dial(nullptr), std::pair(true, true));
  const auto more = std::make_shared<const certificate_demands>(certificate_demands{{shared_name}, {}, {}});
  EXPECT_EQ(dial(more), std::pair(false, false));
}

}  // namespace
