#include "support/dns_responder.hpp"

#include <bunraku/resolver.hpp>

#include <boost/asio/io_context.hpp>
#include <gmock/gmock.h>

#include <algorithm>

namespace bunraku {
namespace {
namespace net = boost::asio;
using namespace std::chrono_literals;
using testing::ElementsAre;

const master one("one.test", 8140, source_kind::list), two("two.test", 8140, source_kind::list),
    three("three.test", 8140, source_kind::list);

/// A resolver with lists alone: nothing is sent, whatever is looked at.
class Snapshot : public ::testing::Test {
 public:
  static resolver_options options() {
    resolver_options made;
    for (const auto* name : {"ca", "catalog", "files", "report"}) made.services.push_back({name, {}});
    auto& catalog = made.services[index_of(service::catalog)].sources;
    catalog.push_back(source::list({one, two}, "the first list"));
    catalog.push_back(source::list({two, three}, "the second list"));
    made.services[index_of(service::files)].sources.push_back(source::srv({"_x-puppet-fileserver._tcp.test"}));
    made.dns.nameservers = {"127.0.0.1:1"};
    made.affinity = "agent1.test";
    return made;
  }

  snapshot::service_view of(service s) const { return resolver_.snapshot().services.at(index_of(s)); }
  static std::vector<std::string> order(const snapshot::service_view& s) {
    std::vector<std::string> out;
    for (const auto& c : s.candidates) out.push_back(c.who.host());
    return out;
  }
  snapshot::candidate candidate(const master& who, service s = service::catalog) const {
    const auto all = of(s).candidates;
    const auto found = std::ranges::find(all, who, &snapshot::candidate::who);
    if (found == all.end()) throw std::runtime_error("no such candidate");
    return *found;
  }
  void fail(const master& who, int times) {
    for (int i = 0; i != times; ++i)
      resolver_.report(who, service::catalog, outcome(outcome::kind::unanswered, "no answer"));
  }
  void answer(const master& who, service s = service::catalog) {
    resolver_.report(who, s, outcome(outcome::kind::answered).set_first_byte(40ms));
  }

 protected:
  net::io_context io_{1};
  resolver resolver_{io_.get_executor(), options(), nullptr};
};

TEST_F(Snapshot, CandidatesAreThoseOfAllKnownSourcesInTheOrderOfAPlan) {
  const auto catalog = of(service::catalog);
  EXPECT_EQ(catalog.name, "catalog");
  EXPECT_THAT(order(catalog), ElementsAre("one.test", "two.test", "three.test"));
  EXPECT_EQ(catalog.candidates[1].source, 0u) << "the first source that names it";
  EXPECT_EQ(catalog.candidates[2].source, 1u);
  EXPECT_EQ(catalog.candidates[0].why, pick_reason::healthy);
  EXPECT_FALSE(catalog.candidates[0].whole) << "nobody ever spoke to it";
  EXPECT_FALSE(catalog.more_sources);
  ASSERT_EQ(catalog.sources.size(), 2u);
  EXPECT_THAT(catalog.sources[1].names, ElementsAre("the second list"));
  plan p(service::catalog);
  ASSERT_TRUE(resolver_.try_plan(service::catalog, p));
  EXPECT_EQ(*p.front(), one);
}

TEST_F(Snapshot, SourceThatWasNeverAskedIsSaidToBeUnknownAndIsNotAsked) {
  const auto files = of(service::files);
  ASSERT_EQ(files.sources.size(), 1u);
  EXPECT_FALSE(files.sources[0].known);
  EXPECT_THAT(files.sources[0].names, ElementsAre("_x-puppet-fileserver._tcp.test"));
  EXPECT_TRUE(files.more_sources);
  EXPECT_TRUE(files.candidates.empty());
  EXPECT_EQ(io_.poll(), 0u) << "looking must not start anything";
}

TEST_F(Snapshot, MasterThatIsDownSaysSinceWhenUntilWhenAndWhy) {
  fail(one, 3);
  const auto down = candidate(one);
  const auto now = resolver_.snapshot().taken;
  EXPECT_EQ(down.state, health::down);
  EXPECT_EQ(down.why, pick_reason::down);
  ASSERT_TRUE(down.until);
  EXPECT_GT(*down.until, now);
  ASSERT_TRUE(down.own);
  EXPECT_LE(down.own->since, now);
  EXPECT_EQ(down.own->failures, 3u);
  EXPECT_EQ(down.own->reason, "no answer");
  EXPECT_EQ(down.own->counts.failed, 3u);
  EXPECT_THAT(order(of(service::catalog)), ElementsAre("two.test", "one.test", "three.test"));
}

TEST_F(Snapshot, SaturatedMasterIsSoForItsServiceAlone) {
  resolver_.report(one, service::catalog,
                   outcome(outcome::kind::saturated, "status 503").set_retry_after(std::chrono::seconds(30)));
  const auto busy = candidate(one);
  EXPECT_EQ(busy.state, health::saturated);
  ASSERT_TRUE(busy.own && busy.whole);
  EXPECT_EQ(busy.own->counts.saturated, 1u);
  EXPECT_EQ(busy.whole->state, health::up);
}

TEST_F(Snapshot, AnswersAreCountedWithTheirTimes) {
  answer(one);
  answer(one);
  const auto up = candidate(one);
  EXPECT_EQ(up.state, health::up);
  ASSERT_TRUE(up.own);
  EXPECT_EQ(up.own->counts.answered, 2u);
  EXPECT_EQ(up.own->first_byte, 40ms);
  const auto masters = resolver_.snapshot().masters;
  ASSERT_EQ(masters.size(), 2u) << "the master as a whole, and for one service";
  EXPECT_FALSE(masters[0].service);
  EXPECT_EQ(masters[1].service, service::catalog);
}

TEST_F(Snapshot, TheRunAndItsMasterAreTold) {
  EXPECT_FALSE(resolver_.snapshot().run);
  const auto& row = find_endpoint("POST", "/puppet/v3/catalog/agent1.test");
  const auto ticket = resolver_.begin_exchange(row, "/puppet/v3/catalog/agent1.test");
  EXPECT_EQ(resolver_.snapshot().open_exchanges, 1u);
  resolver_.end_exchange(
      ticket, {.row = row, .of = service::catalog, .answered_by = &two, .failed_first = &one, .status = 200});
  const auto now = resolver_.snapshot();
  EXPECT_EQ(now.open_exchanges, 0u);
  ASSERT_TRUE(now.run);
  EXPECT_EQ(now.run->requests, 1u);
  EXPECT_EQ(now.run->failovers, 1u);
  ASSERT_EQ(now.run->used.size(), 1u);
  EXPECT_EQ(now.run->used[0].who, two);
  const auto catalog = of(service::catalog);
  ASSERT_TRUE(catalog.pinned);
  EXPECT_EQ(*catalog.pinned, two);
  EXPECT_EQ(catalog.candidates[0].who, two);
  EXPECT_EQ(catalog.candidates[0].why, pick_reason::pinned);
}

TEST_F(Snapshot, DrainedMasterComesBehindTheOthersUntilItIsUndrained) {
  resolver_.drain(one, 1h);
  const auto drained = candidate(one);
  EXPECT_EQ(drained.state, health::draining);
  EXPECT_EQ(drained.why, pick_reason::draining);
  ASSERT_TRUE(drained.until);
  EXPECT_GT(*drained.until, resolver_.snapshot().taken + 59min);
  EXPECT_THAT(order(of(service::catalog)), ElementsAre("two.test", "one.test", "three.test"));
  resolver_.replace(options(), nullptr);
  EXPECT_EQ(candidate(one).state, health::draining) << "a reload forgets no drain";
  EXPECT_TRUE(resolver_.undrain(one));
  EXPECT_FALSE(resolver_.undrain(one));
  EXPECT_EQ(candidate(one).state, health::up);
}

TEST_F(Snapshot, NobodyIsAskedWhoeverLooksWhileDnsIsSilent) {
  using test::dns_responder;
  dns_responder server(io_.get_executor(), [](const dns_responder::question& q) -> dns_responder::answers {
    if (q.name != "_x-puppet._tcp.test") return {};
    return {test::dns_packet(q.name, q.type, q.id).srv(q.name, 1, 1, 8140, "one.test", 0)};
  });
  auto with_dns = options();
  with_dns.services[index_of(service::catalog)].sources = {source::srv({"_x-puppet._tcp.test"})};
  with_dns.dns.nameservers = {server.address()};
  with_dns.dns.ttl_floor = 0s;
  const auto ask = [&](service of) {
    resolver_.replace(with_dns, nullptr);
    bool over = false;
    resolver_.async_resolve(of, [&](boost::system::error_code, const resolution&) { over = true; });
    while (!over) io_.run_one();
  };
  ask(service::catalog);
  with_dns.dns.lookup_deadline = 100ms;
  ask(service::files);
  const auto asked = server.asked().size();
  const auto catalog = of(service::catalog);
  EXPECT_FALSE(catalog.sources[0].fresh) << "its time is over";
  EXPECT_THAT(order(catalog), ElementsAre("one.test")) << "a request would not wait for DNS";
  while (io_.poll() != 0) {
  }
  EXPECT_EQ(server.asked().size(), asked);
}

TEST_F(Snapshot, LookingTakesNobodysTrial) {
  const auto before = resolver_.snapshot();
  for (int i = 0; i != 100; ++i) resolver_.snapshot();
  const auto after = resolver_.snapshot();
  EXPECT_EQ(before.masters.size(), after.masters.size());
  EXPECT_EQ(before.retries_left, after.retries_left);
}

}  // namespace
}  // namespace bunraku
