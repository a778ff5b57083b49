// Demands of masters, through the resolver: who is refused counts as failed, and the next one is asked.
#include "support/dns_responder.hpp"
#include "unit/engine/resolver_fixture.hpp"

namespace bunraku {
namespace {

class MasterDemands : public ResolverTest {
 protected:
  /// A master whose certificate carries puppet.test too. The others carry their own names, as an agent's does.
  master true_master(const std::string& host) {
    auto names_of_it = names();
    names_of_it.dns.emplace_back("puppet.test");
    credential_files files = identity_->files();
    files.certificate = dir_.write("master.pem", ca_.issue(names_of_it, own_.its_key()).pem());
    io_.poll();  // those before take the identity of now
    const auto agents = std::exchange(identity_, identity::load(files).value);
    const auto out = serving(host);
    io_.poll();
    identity_ = agents;
    return out;
  }
  resolver demanding(std::vector<source> sources, master_demands demands) {
    auto r = make(std::move(sources));
    auto options = r.options();
    options.demands = std::move(demands);
    r.replace(options, identity_);
    return r;
  }
};

TEST_F(MasterDemands, AnImpostorIsRefusedAndTheNextMasterTaken) {
  const auto impostor = serving("good1.test"), master = true_master("good2.test");
  auto r = demanding({list({impostor, master})}, {.names = {"puppet.test"}, .within = {}, .pins = {}});
  const auto got = connect(r);
  EXPECT_EQ(got.host, "good2.test");
  ASSERT_EQ(got.attempts.size(), 1u);
  EXPECT_EQ(got.attempts[0].error(), errc::certificate_no_master);
  EXPECT_NE(got.attempts[0].reason().find("demands puppet.test"), std::string::npos) << got.attempts[0].reason();
  EXPECT_TRUE(connect(r).attempts.empty()) << "it is down at once, and tried last from then on";
}

TEST_F(MasterDemands, WhoeverIsRefusedIsTheMasterThatStatusSpeaksOf) {
  const auto impostor = serving("good1.test");
  auto r = demanding({list({impostor})}, {.names = {"puppet.test"}, .within = {}, .pins = {}});
  EXPECT_EQ(connect(r).error, errc::all_tried);
  bool told = false;
  const auto seen = r.snapshot();
  for (const auto& m : seen.masters)
    told = told || (m.who == impostor && m.what.reason.find("not a master's") != std::string::npos);
  EXPECT_TRUE(told);
}

TEST_F(MasterDemands, PinsOfOneServiceDoNotHoldForAnother) {
  const auto one = serving("good1.test");
  auto r = make({list({one})});
  auto options = r.options();
  options.services[index_of(service::ca)].pins = {std::string(64, '0')};
  r.replace(options, identity_);
  EXPECT_FALSE(connect(r).error);
  options.services[index_of(service::catalog)].pins = {std::string(64, '0')};
  r.replace(options, identity_);
  EXPECT_EQ(connect(r).attempts.at(0).error(), errc::certificate_not_pinned);
  options.services[index_of(service::catalog)].pins = {std::string(64, '0'), identity_->spki_sha256()};
  options.demands.pins = {std::string(64, '1')};
  r.replace(options, identity_);
  EXPECT_FALSE(connect(r).error) << "a service's own pins stand instead of the general ones";
}

TEST_F(MasterDemands, ATargetOutsideOfTheDomainsIsNeitherLookedUpNorDialled) {
  const auto inside = serving("good1.test");
  test::dns_responder server(
      io_.get_executor(), [&](const test::dns_responder::question& q) -> test::dns_responder::answers {
        test::dns_packet said(q.name, q.type, q.id);
        if (q.type == test::rr::srv)
          said.srv(q.name, 1, 1, 8140, "m.evil.invalid", 3600).srv(q.name, 2, 1, inside.port(), "good1.test", 3600);
        return {said};
      });
  auto r = demanding({source::srv({"_x-puppet._tcp.test"})}, {.names = {}, .within = {"test"}, .pins = {}});
  auto options = r.options();
  options.dns.nameservers = {server.address()};
  r.replace(options, identity_);
  const auto got = connect(r);
  EXPECT_EQ(got.host, "good1.test");
  ASSERT_EQ(got.attempts.size(), 1u);
  EXPECT_EQ(got.attempts[0].error(), errc::outside_domain);
  EXPECT_EQ(server.count("m.evil.invalid", test::rr::a), 0u);
}

}  // namespace
}  // namespace bunraku
