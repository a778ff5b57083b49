// Discovery against a real Knot DNS. Started by discovery_test.py, which serves the zone described there and passes in
// the environment: BUNRAKU_TEST_ZONE, BUNRAKU_TEST_NAMESERVER, and BUNRAKU_TEST_SILENT, a port where nobody answers.
#include "engine/discovery.hpp"
#include "support/srv_frequencies.hpp"

#include <bunraku/error.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <optional>

namespace bunraku::engine {
namespace {

using namespace std::chrono_literals;
using status = source_answer::status;

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  if (!value) throw std::runtime_error(std::string(name) + " is not set: run this by discovery_test.py");
  return value;
}

class Knot : public testing::Test {
 protected:
  Knot() {
    dns.nameservers = {environment("BUNRAKU_TEST_NAMESERVER")};
    dns.hosts_file.clear();
    dns.lookup_deadline = 10000ms;
    dns.try_timeout = 5000ms;
  }
  std::string owner(const std::string& label) const { return label + "._tcp." + zone; }
  std::string host(const std::string& label) const { return label + "." + zone; }

  template <typename T>
  T wait(boost::asio::awaitable<T> work) {
    std::optional<T> result;
    boost::asio::co_spawn(io, std::move(work), [&](const std::exception_ptr& thrown, T value) {
      if (thrown) std::rethrow_exception(thrown);
      result = std::move(value);
    });
    io.restart();
    io.run();
    return std::move(result).value();
  }
  source_answer ask(std::vector<std::string> labels, service s = service::catalog) {
    for (auto& label : labels) label = owner(label);
    std::vector<service_options> services(4);
    services[index_of(s)].sources = {source::srv(std::move(labels))};
    subject.emplace(io.get_executor(), std::move(services), dns, nullptr);
    return wait(subject->async_source(s, 0));
  }
  discovery::address_answer addresses(const std::string& label) {
    subject.emplace(io.get_executor(), std::vector<service_options>{}, dns, nullptr);
    return wait(subject->async_addresses(host(label), source_kind::srv));
  }

  boost::asio::io_context io{1};
  std::string zone = environment("BUNRAKU_TEST_ZONE");
  dns_options dns;
  std::optional<discovery> subject;
};

/// Times to live have a random part: up to a tenth less, at the floor up to half of it more.
testing::AssertionResult within(const char* what, const char*, const char*, std::chrono::seconds got,
                                std::chrono::seconds least, std::chrono::seconds most) {
  if (least <= got && got <= most) return testing::AssertionSuccess();
  return testing::AssertionFailure() << what << " is " << got.count() << " s, not " << least.count() << " to "
                                     << most.count() << " s";
}

TEST_F(Knot, ThreePrioritiesOfMixedWeightsAreOrderedAsRfc2782SaysWithinThe99PercentBound) {
  const auto said = ask({"_x-puppet"});
  ASSERT_EQ(said.state, status::answered) << said.note;
  ASSERT_EQ(said.masters.size(), 9u);
  EXPECT_PRED_FORMAT3(within, said.ttl_left, 269s, 300s);

  resolution from;
  from.answers = {said};
  constexpr unsigned draws = 10000;
  std::vector<std::map<std::string, unsigned>> at(said.masters.size());
  for (unsigned seed = 0; seed < draws; ++seed) {
    const auto order = order_by_draw(from, seed);
    ASSERT_EQ(order.size(), at.size());
    for (std::size_t i = 0; i < order.size(); ++i) ++at[i][order[i].host()];
  }
  std::map<unsigned, std::vector<master>> tiers;
  for (const auto& m : said.masters) tiers[m.priority()].push_back(m);
  ASSERT_EQ(tiers.size(), 3u);
  std::size_t place = 0;
  for (const auto& [priority, tier] : tiers) {
    test::expect_within_bound(at[place], test::next_by_rfc(tier), draws, std::to_string(priority) + ", first");
    test::expect_within_bound(at[place + 1], test::second_by_rfc(tier), draws, std::to_string(priority) + ", second");
    place += tier.size();
  }
}

TEST_F(Knot, AMissingSpecificRecordGivesTheGenericOne) {
  const auto said = ask({"_x-puppet-fileserver", "_x-puppet"}, service::files);
  EXPECT_EQ(said.asked, owner("_x-puppet"));
  EXPECT_EQ(said.masters.size(), 9u);
}

TEST_F(Knot, NoSuchNameLivesAsTheSoaSays) {
  dns.ttl_floor = 0s;
  const auto said = ask({"_x-puppet-fileserver"}, service::files);
  EXPECT_EQ(said.state, status::empty);
  EXPECT_PRED_FORMAT3(within, said.ttl_left, 0s, 2s) << "the minimum is 1 s, the SOA's own TTL 60 s";
}

TEST_F(Knot, ANameWithOtherRecordsOnlyIsEmptyToo) {
  const auto said = ask({"_x-text"});
  EXPECT_EQ(said.state, status::empty);
  EXPECT_PRED_FORMAT3(within, said.ttl_left, 4s, 8s) << "the floor, and up to half of it more";
}

TEST_F(Knot, ADotIsAbsent) { EXPECT_EQ(ask({"_x-puppet-ca"}, service::ca).state, status::absent); }

TEST_F(Knot, TwoHundredTargetsComeOverTcp) {
  const auto said = ask({"_x-many"});
  ASSERT_EQ(said.masters.size(), 200u) << said.note;
  EXPECT_EQ(said.note, "");
}

TEST_F(Knot, AnAliasIsFollowed) {
  const auto said = ask({"_x-alias"});
  EXPECT_EQ(said.masters.size(), 9u);
  EXPECT_PRED_FORMAT3(within, said.ttl_left, 5s, 8s) << "the alias expires first";
}

TEST_F(Knot, TtlIsHeldBetweenFloorAndCeiling) {
  dns.ttl_floor = 400s;
  EXPECT_PRED_FORMAT3(within, ask({"_x-puppet"}).ttl_left, 399s, 600s);
  dns.ttl_floor = 5s;
  dns.ttl_ceiling = 60s;
  EXPECT_PRED_FORMAT3(within, ask({"_x-puppet"}).ttl_left, 53s, 60s);
}

TEST_F(Knot, ANameOutsideItsZonesIsRefusedAndThatIsAFailure) {
  zone = "elsewhere.test";
  const auto said = ask({"_x-puppet"});
  EXPECT_EQ(said.state, status::failed);
  EXPECT_EQ(said.error, errc::dns_failed);
  EXPECT_NE(said.note.find("REFUSED"), std::string::npos) << said.note;
}

TEST_F(Knot, ADeadFirstNameServerIsPassedOver) {
  dns.nameservers.insert(dns.nameservers.begin(), environment("BUNRAKU_TEST_SILENT"));
  dns.try_timeout = 50ms;
  EXPECT_EQ(ask({"_x-puppet"}).state, status::answered);
}

TEST_F(Knot, WhenAllAreSilentTheDeadlineEndsIt) {
  dns.nameservers = {environment("BUNRAKU_TEST_SILENT")};
  dns.lookup_deadline = 200ms;
  const auto said = ask({"_x-puppet"});
  EXPECT_EQ(said.state, status::failed);
  EXPECT_EQ(said.error, errc::dns_timeout);
}

TEST_F(Knot, AddressesOfATarget) {
  const auto both = addresses("c1");
  ASSERT_EQ(both.addresses.size(), 2u) << both.note;
  EXPECT_EQ(both.addresses[0].to_string(), "2001:db8::1");
  EXPECT_EQ(both.addresses[1].to_string(), "192.0.2.1");
  EXPECT_EQ(addresses("c2").addresses.size(), 1u);
  EXPECT_EQ(addresses("nobody").error, errc::no_address);
}

}  // namespace
}  // namespace bunraku::engine
