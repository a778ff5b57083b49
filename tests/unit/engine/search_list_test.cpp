#include "engine/address_lookup.hpp"
#include "unit/engine/discovery_fixture.hpp"

#include <bunraku/error.hpp>

#include <fstream>
#include <unistd.h>

namespace bunraku::engine::scripted {
namespace {

class SearchList : public Discovery {
 protected:
  SearchList() {
    dns.resolv_conf = testing::TempDir() + "bunraku-search-" + std::to_string(::getpid());
    search("one.example two.example");
  }
  ~SearchList() override { ::unlink(dns.resolv_conf.c_str()); }
  void search(const std::string& domains) const {
    // The name server is one that nobody can ask: dns.nameservers is in force.
    std::ofstream(dns.resolv_conf) << "nameserver 192.0.2.1\nsearch " << domains << "\n";
  }
  /// Only `known` has an address; about those in `silent` nothing is said.
  void serve(std::string known, std::vector<std::string> silent = {}) {
    server.answer_with([known = std::move(known), silent = std::move(silent)](const question& q) -> answers {
      if (std::ranges::count(silent, q.name) != 0) return {};
      if (q.name != known) return nothing(q);
      if (q.type != rr::a) return {reply(q).authority("example", rr::soa, 60, soa_data(60))};
      return {reply(q).answer(q.name, rr::a, 60, {192, 0, 2, 1})};
    });
  }
  /// The names that were asked for, in order, each once.
  std::vector<std::string> names() const {
    std::vector<std::string> list;
    for (const auto& q : server.asked())
      if (std::ranges::count(list, q.name) == 0) list.push_back(q.name);
    return list;
  }
};
using name_list = std::vector<std::string>;

TEST_F(SearchList, TheFirstNameWithAnAddressWinsAndNoneIsAskedAfterIt) {
  serve("puppet.two.example");
  make();
  const auto said = addresses("puppet");
  EXPECT_FALSE(said.error) << said.note;
  EXPECT_EQ(said.addresses.size(), 1u);
  EXPECT_EQ(names(), (name_list{"puppet.one.example", "puppet.two.example"}));
  addresses("puppet", source_kind::list);
  EXPECT_EQ(server.asked().size(), 4u) << "all of it is known";
}

TEST_F(SearchList, TheHostAsItIsComesLast) {
  serve("puppet");
  make();
  EXPECT_EQ(addresses("puppet").addresses.size(), 1u);
  EXPECT_EQ(names(), (name_list{"puppet.one.example", "puppet.two.example", "puppet"}));
}

TEST_F(SearchList, NothingButAHostWithoutADotIsSearchedFor) {
  make();
  EXPECT_EQ(addresses("m.example.com").error, errc::no_address);
  EXPECT_EQ(addresses("target", source_kind::srv).error, errc::no_address);
  ask(service::files);
  EXPECT_EQ(names(), (name_list{"m.example.com", "target", specific, generic}));
}

TEST_F(SearchList, AFailureSaysWhichNamesWereAsked) {
  make();
  const auto none = addresses("puppet");
  EXPECT_EQ(none.error, errc::no_address);
  EXPECT_NE(none.note.find("puppet.one.example, puppet.two.example, puppet has"), std::string::npos) << none.note;
  server.answer_with([](const question& q) -> answers {
    if (q.name == "m.one.example") return {reply(q).rcode(2)};
    return nothing(q);
  });
  const auto failed = addresses("m");
  EXPECT_EQ(failed.error, errc::dns_failed) << "it may well exist there";
  EXPECT_NE(failed.note.find("m.one.example, m.two.example, m:"), std::string::npos) << failed.note;
  EXPECT_NE(failed.note.find("SERVFAIL"), std::string::npos) << failed.note;
}

TEST_F(SearchList, AFailureInOneDomainDoesNotHideTheNext) {
  server.answer_with([](const question& q) -> answers {
    if (q.name == "puppet.one.example") return {reply(q).rcode(2)};
    return {reply(q).answer(q.name, q.type, 60, octets(q.type == rr::a ? 4 : 16, 1))};
  });
  make();
  EXPECT_EQ(addresses("puppet").addresses.size(), 2u);
}

TEST_F(SearchList, AllNamesShareOneDeadline) {
  dns.lookup_deadline = 300ms;
  serve("puppet", {"puppet.two.example"});
  make();
  const auto said = addresses("puppet");
  EXPECT_EQ(said.error, errc::dns_timeout);
  EXPECT_NE(said.note.find("no time was left for puppet"), std::string::npos) << said.note;
  EXPECT_EQ(names(), (name_list{"puppet.one.example", "puppet.two.example"}));
}

TEST_F(SearchList, ASilentDomainIsRememberedSoThatTheNextLookupGetsBehindIt) {
  dns.lookup_deadline = 300ms;
  serve("puppet.two.example", {"puppet.one.example"});
  make();
  EXPECT_EQ(addresses("puppet").error, errc::dns_timeout);
  EXPECT_EQ(server.count("puppet.two.example", rr::a), 0u);
  EXPECT_EQ(addresses("puppet").addresses.size(), 1u);
}

TEST_F(SearchList, SilenceAboutAaaaHoldsNothingUpWhenTheNameDoesNotExist) {
  dns.lookup_deadline = dns.try_timeout = 60000ms;  // silence must not be waited out
  server.answer_with([](const question& q) -> answers {
    if (q.type == rr::aaaa) return {};
    if (q.name != "puppet.two.example") return nothing(q);
    return {reply(q).answer(q.name, rr::a, 60, {192, 0, 2, 1})};
  });
  make();
  EXPECT_EQ(addresses("puppet").addresses.size(), 1u);
}

TEST_F(SearchList, IsReadAnewWhenItChangesAndDomainsThatMakeNoNameArePassedOver) {
  make();
  addresses("puppet");
  search("three.example bad..example " + std::string(300, 'x'));
  serve("puppet.three.example");
  EXPECT_EQ(addresses("puppet").addresses.size(), 1u);
  EXPECT_EQ(addresses("m").error, errc::no_address);
  EXPECT_EQ(names(), (name_list{"puppet.one.example", "puppet.two.example", "puppet", "puppet.three.example",
                                "m.three.example", "m"}));
}

TEST_F(SearchList, AMasterThatCannotBeReachedIsLookedUpAnewByItsFullName) {
  server.answer_with([](const question& q) -> answers {
    if (q.name == "puppet.one.example") return nothing(q);
    return {reply(q).answer(q.name, q.type, 3600, octets(q.type == rr::a ? 4 : 16, 1))};
  });
  const auto known = std::make_shared<dns_answers>(io.get_executor(), dns, log);
  const auto resolv = std::make_shared<io::resolv_conf>(dns.resolv_conf);
  const auto said = wait(find_addresses(known, std::make_shared<io::hosts_file>(""), resolv, "puppet"));
  EXPECT_EQ(said.addresses.size(), 2u);
  doubt_addresses(*known, resolv.get(), "puppet");
  for (const auto type : {policy::dns_type::a, policy::dns_type::aaaa}) {
    const auto doubted = known->look({"puppet.two.example", type});
    ASSERT_TRUE(doubted);
    EXPECT_LE(doubted->until, dns_answers::clock::now() + policy::answer_rules{}.doubt_interval);
  }
  known->close();
}

}  // namespace
}  // namespace bunraku::engine::scripted
