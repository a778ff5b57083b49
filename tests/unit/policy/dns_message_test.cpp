#include "policy/dns_message.hpp"

#include "support/dns_packet.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace bunraku::policy {
namespace {

using namespace test;
using namespace std::chrono_literals;

constexpr auto owner = "_x-puppet._tcp.example.com";

std::expected<dns_answer, dns_refusal> read(const octets& wire, std::string_view name = owner,
                                            dns_type type = dns_type::srv) {
  return read_dns_answer(wire, dns_name::from_text(name).value(), type);
}
dns_refusal refusal(const octets& wire, std::string_view name = owner, dns_type type = dns_type::srv) {
  const auto said = read(wire, name, type);
  EXPECT_FALSE(said) << "the answer was believed";
  return said ? dns_refusal{} : said.error();
}
octets pointer_to(std::size_t at) { return {static_cast<std::uint8_t>(0xc0 | at >> 8), static_cast<std::uint8_t>(at)}; }

TEST(DnsMessage, SrvRecordsComeOutLowerCasedWithTheSmallestTtl) {
  const auto said = read(dns_packet(owner, rr::srv)
                             .srv(owner, 10, 0, 8140, "Compile1.Example.COM", 300)
                             .srv("_X-Puppet._TCP.example.com", 20, 65535, 8141, "compile2.example.com", 120));
  ASSERT_TRUE(said);
  EXPECT_EQ(said->state, dns_answer::status::found);
  EXPECT_EQ(said->ttl, 120s);
  EXPECT_EQ(said->srv, (std::vector<srv_record>{{10, 0, 8140, "compile1.example.com"},
                                                {20, 65535, 8141, "compile2.example.com"}}));
}

TEST(DnsMessage, AddressesOfBothFamilies) {
  const auto four = read(dns_packet("m.example.com", rr::a).answer("m.example.com", rr::a, 60, {192, 0, 2, 1}),
                         "m.example.com", dns_type::a);
  ASSERT_TRUE(four);
  EXPECT_EQ(four->state, dns_answer::status::found);
  EXPECT_EQ(four->a, (std::vector<std::array<std::uint8_t, 4>>{{192, 0, 2, 1}}));
  const octets six{0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  const auto sixes = read(dns_packet("m.example.com", rr::aaaa).answer("m.example.com", rr::aaaa, 60, six),
                          "m.example.com", dns_type::aaaa);
  ASSERT_TRUE(sixes);
  EXPECT_EQ(sixes->state, dns_answer::status::found);
  ASSERT_EQ(sixes->aaaa.size(), 1u);
  EXPECT_TRUE(std::ranges::equal(sixes->aaaa[0], six));
}

TEST(DnsMessage, AnAddressThatIsThereTwiceIsOne) {
  const auto said = read(dns_packet("m", rr::a)
                             .answer("m", rr::a, 60, {192, 0, 2, 1})
                             .answer("m", rr::a, 60, {192, 0, 2, 2})
                             .answer("M", rr::a, 20, {192, 0, 2, 1}),
                         "m", dns_type::a);
  ASSERT_TRUE(said);
  EXPECT_EQ(said->a, (std::vector<std::array<std::uint8_t, 4>>{{192, 0, 2, 1}, {192, 0, 2, 2}}));
  EXPECT_EQ(said->ttl, 20s);
}

TEST(DnsMessage, CompressedNamesAreFollowed) {
  dns_packet packet(owner, rr::srv);
  octets data;
  for (const unsigned field : {1u, 2u, 8140u}) put16(data, field);
  put(data, {2, 'm', '1'});
  put(data, pointer_to(12 + 10 + 5));  // "example.com" inside the question
  packet.raw_answer(pointer_to(12), rr::srv, 300, data, data.size());
  const auto said = read(packet);
  ASSERT_TRUE(said) << said.error().what;
  ASSERT_EQ(said->srv.size(), 1u);
  EXPECT_EQ(said->srv[0].target, "m1.example.com");
}

TEST(DnsMessage, ANameMayEndInTheCompressedEndOfAnother) {
  dns_packet packet(owner, rr::srv);
  while (packet.size() < 300) packet.srv(owner, 1, 1, 8140, "filler.example.com");
  const auto with_target = [&](const octets& target) {
    octets data;
    for (const unsigned field : {1u, 2u, 8140u}) put16(data, field);
    const auto at = packet.size() + 2 + 10 + data.size();
    put(data, target);
    packet.raw_answer(pointer_to(12), rr::srv, 300, data, data.size());
    return at;
  };
  octets first{2, 'm', '1'};
  put(first, pointer_to(12 + 10 + 5));
  const auto behind_255 = with_target(first);
  with_target(pointer_to(behind_255));
  packet.srv(owner, 9, 9, 8140, "last.example.com");
  const auto said = read(packet);
  ASSERT_TRUE(said) << said.error().what;
  ASSERT_GE(said->srv.size(), 3u);
  EXPECT_EQ(said->srv[said->srv.size() - 3].target, "m1.example.com");
  EXPECT_EQ(said->srv[said->srv.size() - 2].target, "m1.example.com");
  EXPECT_EQ(said->srv.back().target, "last.example.com");
}

TEST(DnsMessage, AliasesAreFollowedInAnyOrderAndLowerTheTtl) {
  const auto said = read(dns_packet(owner, rr::srv)
                             .srv("real.example.com", 1, 1, 8140, "m.example.com", 300)
                             .answer("middle.example.com", rr::cname, 40, wire_name("real.example.com"))
                             .answer(owner, rr::cname, 50, wire_name("middle.example.com")));
  ASSERT_TRUE(said);
  EXPECT_EQ(said->srv.size(), 1u);
  EXPECT_EQ(said->ttl, 40s);
  EXPECT_NE(said->note.find("alias of real.example.com"), std::string::npos);
}

TEST(DnsMessage, LoopingAliasesAreRefused) {
  const auto self = dns_packet(owner, rr::srv).answer(owner, rr::cname, 5, wire_name(owner));
  EXPECT_NE(refusal(self).what.find("loop"), std::string::npos);
  const auto two = dns_packet(owner, rr::srv)
                       .answer(owner, rr::cname, 5, wire_name("b.example.com"))
                       .answer("b.example.com", rr::cname, 5, wire_name(owner));
  EXPECT_EQ(refusal(two).why, dns_refusal::reason::malformed);
}

TEST(DnsMessage, EightAliasesAreFollowedAndNineAreNot) {
  const auto chain = [](unsigned links) {
    dns_packet packet("n0", rr::a);
    for (unsigned i = 0; i < links; ++i)
      packet.answer("n" + std::to_string(i), rr::cname, 60, wire_name("n" + std::to_string(i + 1)));
    packet.answer("n" + std::to_string(links), rr::a, 60, {127, 0, 0, 1});
    return packet;
  };
  const auto eight = read(chain(8), "n0", dns_type::a);
  ASSERT_TRUE(eight);
  EXPECT_EQ(eight->a.size(), 1u);
  EXPECT_EQ(refusal(chain(9), "n0", dns_type::a).why, dns_refusal::reason::malformed);
}

TEST(DnsMessage, RootTargetMeansAbsent) {
  const auto said = read(dns_packet(owner, rr::srv).srv(owner, 0, 0, 0, "."));
  ASSERT_TRUE(said);
  EXPECT_EQ(said->state, dns_answer::status::absent);
  EXPECT_EQ(said->ttl, 300s);
}

TEST(DnsMessage, RootTargetBesideARealOneIsPassedOver) {
  const auto said = read(dns_packet(owner, rr::srv).srv(owner, 0, 0, 0, ".").srv(owner, 1, 1, 8140, "m"));
  ASSERT_TRUE(said);
  EXPECT_EQ(said->state, dns_answer::status::found);
  EXPECT_EQ(said->srv.size(), 1u);
  EXPECT_FALSE(said->note.empty());
}

TEST(DnsMessage, NegativeAnswersLiveAsTheSoaSays) {
  const auto gone = read(dns_packet(owner, rr::srv).rcode(3).authority("example.com", rr::soa, 900, soa_data(60)));
  ASSERT_TRUE(gone);
  EXPECT_EQ(gone->state, dns_answer::status::no_such_name);
  EXPECT_EQ(gone->ttl, 60s);
  const auto empty = read(dns_packet(owner, rr::srv).authority("example.com", rr::soa, 30, soa_data(600)));
  ASSERT_TRUE(empty);
  EXPECT_EQ(empty->state, dns_answer::status::no_data);
  EXPECT_EQ(empty->ttl, 30s);
  const auto bare = read(dns_packet(owner, rr::srv).rcode(3));
  ASSERT_TRUE(bare);
  EXPECT_EQ(bare->ttl, std::nullopt);
}

TEST(DnsMessage, NothingBehindAnAliasIsOverWhenTheAliasIs) {
  const auto behind = [](std::uint32_t alias_ttl, bool soa) {
    auto packet =
        dns_packet(owner, rr::srv).rcode(3).answer(owner, rr::cname, alias_ttl, wire_name("gone.example.com"));
    if (soa) packet.authority("example.com", rr::soa, 900, soa_data(600));
    return read(packet)->ttl;
  };
  EXPECT_EQ(behind(20, true), 20s);
  EXPECT_EQ(behind(3600, true), 600s);
  EXPECT_EQ(behind(3600, false), std::nullopt);
}

TEST(DnsMessage, NegativeAnswersAreBelievedFromWhoeverMaySpeak) {
  constexpr unsigned plain = 0x8100, authoritative = 0x8500, recursive = 0x8180;
  const auto soa = [](dns_packet p) { return p.authority("example.com", rr::soa, 30, soa_data(600)); };
  const auto ns = [](dns_packet p) { return p.authority("example.com", rr::ns, 30, wire_name("ns.example.com")); };
  const auto cname = [](dns_packet p) { return p.answer(owner, rr::cname, 30, wire_name("gone.example.com")); };
  const auto empty = [](unsigned flags) { return dns_packet(owner, rr::srv).flags(flags); };
  for (const octets& answer :
       {octets(empty(recursive)), octets(empty(authoritative)), octets(soa(empty(plain))),
        octets(ns(empty(authoritative))), octets(soa(ns(empty(recursive)))), octets(ns(cname(empty(recursive))))}) {
    const auto said = read(answer);
    ASSERT_TRUE(said) << said.error().what;
    EXPECT_EQ(said->state, dns_answer::status::no_data);
  }
  const auto gone = read(ns(empty(recursive)).rcode(3));
  ASSERT_TRUE(gone) << gone.error().what;
  EXPECT_EQ(gone->state, dns_answer::status::no_such_name);
  EXPECT_EQ(refusal(empty(plain)).why, dns_refusal::reason::server_error) << "a server that does not know";
}

TEST(DnsMessage, ARecordCountsWhoeverIsNamedBesideIt) {
  for (const unsigned flags : {0x8100u, 0x8180u, 0x8500u}) {
    const auto said = read(dns_packet(owner, rr::srv)
                               .flags(flags)
                               .srv(owner, 1, 1, 8140, "m")
                               .authority("example.com", rr::ns, 30, wire_name("ns.example.com")));
    ASSERT_TRUE(said) << said.error().what;
    EXPECT_EQ(said->state, dns_answer::status::found);
  }
}

TEST(DnsMessage, WhatOtherSectionsHoldDoesNotCount) {
  const auto said = read(dns_packet(owner, rr::srv)
                             .srv(owner, 1, 1, 8140, "m")
                             .authority(owner, rr::srv, 5, srv_data(1, 1, 8140, "other")));
  ASSERT_TRUE(said) << said.error().what;
  EXPECT_EQ(said->srv.size(), 1u);
  EXPECT_EQ(said->ttl, 300s);
  const auto empty = read(dns_packet(owner, rr::srv).authority(owner, rr::txt, 5, {0}));
  ASSERT_TRUE(empty) << "only NS records are a referral";
  EXPECT_EQ(empty->state, dns_answer::status::no_data);
}

TEST(DnsMessage, TtlsOfUpTo31BitsAreTakenAsTheyAre) {
  for (const std::uint32_t ttl : {0u, 1u, 301u, 0x7fffffffu}) {
    const auto said = read(dns_packet(owner, rr::srv).srv(owner, 1, 1, 8140, "m", ttl));
    ASSERT_TRUE(said);
    EXPECT_EQ(said->ttl, std::chrono::seconds(ttl));
    const auto none = read(dns_packet(owner, rr::srv).authority("example.com", rr::soa, 0x7fffffff, soa_data(ttl)));
    ASSERT_TRUE(none);
    EXPECT_EQ(none->ttl, std::chrono::seconds(ttl));
  }
}

TEST(DnsMessage, TtlWithTheTopBitSetIsZero) {
  const auto said = read(dns_packet(owner, rr::srv).srv(owner, 1, 1, 8140, "m", 0x80000001u));
  ASSERT_TRUE(said);
  EXPECT_EQ(said->ttl, 0s);
  const auto none = read(dns_packet(owner, rr::srv).authority("example.com", rr::soa, 30, soa_data(0x80000001u)));
  ASSERT_TRUE(none);
  EXPECT_EQ(none->ttl, 0s);
}

TEST(DnsMessage, ServerErrorsAndReferralsAreNotNegativeAnswers) {
  for (const unsigned code : {1u, 2u, 4u, 5u, 6u, 9u, 15u})
    EXPECT_EQ(refusal(dns_packet(owner, rr::srv).rcode(code)).why, dns_refusal::reason::server_error) << code;
  EXPECT_EQ(refusal(dns_packet(owner, rr::srv).rcode(2)).what, "the name server said SERVFAIL (2)");
  EXPECT_EQ(refusal(dns_packet(owner, rr::srv).rcode(6)).what, "the name server said response code (6)");
  const auto referral = dns_packet(owner, rr::srv).authority("com", rr::ns, 60, wire_name("a.gtld.test"));
  EXPECT_EQ(refusal(referral).why, dns_refusal::reason::server_error);
}

TEST(DnsMessage, AnswersToSomethingElseAreRefused) {
  const auto good = dns_packet(owner, rr::srv).srv(owner, 1, 1, 8140, "m");
  EXPECT_EQ(refusal(good, "_x-puppet-ca._tcp.example.com").why, dns_refusal::reason::malformed);
  EXPECT_EQ(refusal(good, owner, dns_type::a).why, dns_refusal::reason::malformed);
  auto chaos = good;
  EXPECT_EQ(refusal(chaos.set16(12 + wire_name(owner).size() + 2, 3)).why, dns_refusal::reason::malformed);
  auto query = good;
  for (const unsigned no_answer : {0x0100u, 0x0103u, 0x8980u, 0xa180u, 0xf980u})  // queries, and other opcodes
    EXPECT_EQ(refusal(query.flags(no_answer)).what, "this is no answer to a query") << std::hex << no_answer;
  for (const unsigned questions : {0u, 2u})
    EXPECT_EQ(refusal(dns_packet(good).set16(4, questions)).what, "the answer does not repeat the question");
  auto truncated = good;
  EXPECT_EQ(refusal(truncated.flags(0x8380)).why, dns_refusal::reason::truncated);
}

TEST(DnsMessage, RecordsOfOtherNamesTypesAndClassesAreIgnored) {
  auto packet = dns_packet(owner, rr::srv)
                    .srv("_x-puppet._tcp.evil.test", 1, 1, 8140, "evil.test")
                    .answer(owner, rr::txt, 1, {3, 'a', 'b', 'c'})
                    .srv(owner, 1, 1, 8140, "m");
  const auto chaos_at = packet.size() + wire_name(owner).size() + 2;
  packet.srv(owner, 1, 1, 8140, "chaos").set16(chaos_at, 3);
  const auto said = read(packet);
  ASSERT_TRUE(said);
  EXPECT_EQ(said->srv, (std::vector<srv_record>{{1, 1, 8140, "m"}}));
  EXPECT_EQ(said->ttl, 300s);
}

TEST(DnsMessage, EveryTruncationOfAGoodAnswerIsRefusedOrWhole) {
  const octets good = dns_packet(owner, rr::srv).srv(owner, 1, 1, 8140, "m1").srv(owner, 1, 1, 8140, "m2");
  const octets negative = dns_packet(owner, rr::srv).authority("example.com", rr::soa, 30, soa_data(600));
  for (const octets& whole : {good, negative}) {
    for (std::size_t size = 0; size < whole.size(); ++size) {
      const octets cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
      const auto why = refusal(cut);
      EXPECT_EQ(why.why, dns_refusal::reason::malformed) << size;
      EXPECT_TRUE(why.what.starts_with("the answer is malformed: ")) << size << ": " << why.what;
    }
  }
}

TEST(DnsMessage, LyingLengthsAreRefused) {
  const octets good = srv_data(1, 1, 8140, "m.example.com");
  const auto name = wire_name(owner);
  for (const std::size_t length :
       {std::size_t{0}, std::size_t{5}, good.size() - 1, good.size() + 1, std::size_t{65535}})
    EXPECT_EQ(refusal(dns_packet(owner, rr::srv).raw_answer(name, rr::srv, 1, good, length)).why,
              dns_refusal::reason::malformed)
        << length;
  const octets padded = [&] {
    auto p = good;
    p.push_back(0);
    return p;
  }();
  EXPECT_FALSE(read(dns_packet(owner, rr::srv).raw_answer(name, rr::srv, 1, padded, padded.size())));
  EXPECT_FALSE(read(dns_packet("m", rr::a).answer("m", rr::a, 1, {1, 2, 3}), "m", dns_type::a));
  EXPECT_FALSE(read(dns_packet("m", rr::a).answer("m", rr::a, 1, {1, 2, 3, 4, 5}), "m", dns_type::a));
  EXPECT_FALSE(read(dns_packet("m", rr::aaaa).answer("m", rr::aaaa, 1, {1, 2, 3, 4}), "m", dns_type::aaaa));
  auto short_soa = soa_data(1);
  short_soa.pop_back();
  EXPECT_FALSE(read(dns_packet(owner, rr::srv).rcode(3).authority("example.com", rr::soa, 1, short_soa)));
  auto long_soa = soa_data(1);
  long_soa.push_back(0);
  EXPECT_FALSE(read(dns_packet(owner, rr::srv).rcode(3).authority("example.com", rr::soa, 1, long_soa)));
  auto alias = wire_name("m.example.com");
  alias.push_back(0);
  EXPECT_FALSE(read(dns_packet(owner, rr::srv).answer(owner, rr::cname, 1, alias)));
  EXPECT_FALSE(read(dns_packet(owner, rr::srv).answer(owner, rr::cname, 1, {5, 'm'})));
  auto counts = dns_packet(owner, rr::srv).srv(owner, 1, 1, 8140, "m").set16(6, 65535);
  EXPECT_FALSE(read(counts));
}

TEST(DnsMessage, LoopingAndForwardPointersAreRefused) {
  const octets data = srv_data(1, 1, 8140, "m");
  const dns_packet start(owner, rr::srv);
  const auto with_owner = [&](const octets& name) {
    auto packet = start;
    packet.raw_answer(name, rr::srv, 1, data, data.size());
    return refusal(packet).why;
  };
  EXPECT_EQ(with_owner(pointer_to(start.size())), dns_refusal::reason::malformed) << "to itself";
  EXPECT_EQ(with_owner(pointer_to(start.size() + 20)), dns_refusal::reason::malformed) << "forward";
  EXPECT_EQ(with_owner(pointer_to(0x3fff)), dns_refusal::reason::malformed) << "beyond the end";
  for (const std::size_t at : {0u, 2u, 11u})
    EXPECT_EQ(with_owner(pointer_to(at)), dns_refusal::reason::malformed) << "into the header";
  auto loop = octets{1, 'a'};
  put(loop, pointer_to(start.size()));
  EXPECT_EQ(with_owner(loop), dns_refusal::reason::malformed) << "to the label before it";
  dns_packet circle(owner, rr::srv);
  const auto at = circle.size() + 1 + 10;  // two pointers in a record's data that lead to each other
  octets pointers = pointer_to(at + 2);
  put(pointers, pointer_to(at));
  circle.raw_answer({0}, rr::txt, 1, pointers, pointers.size());
  circle.raw_answer(pointer_to(at), rr::srv, 1, data, data.size());
  EXPECT_EQ(refusal(circle).why, dns_refusal::reason::malformed) << "two that lead to each other";
  EXPECT_EQ(with_owner({0x40, 'a', 0}), dns_refusal::reason::malformed) << "reserved label type";
  EXPECT_EQ(with_owner({0x80, 'a', 0}), dns_refusal::reason::malformed) << "reserved label type";
}

TEST(DnsMessage, ANameThatEndsWithTheMessageHasNoRootAndIsRefused) {
  dns_packet packet(owner, rr::srv);
  const auto at = packet.size() + 1 + 10;  // the data of the text record: a label over all that comes behind it
  packet.raw_answer({0}, rr::txt, 1, {0}, 1);
  octets data{0, 1, 0, 1, 0x1f, 0xcc};
  put(data, pointer_to(at));
  packet.raw_answer(pointer_to(12), rr::srv, 1, data, data.size());
  packet.wire()[at] = static_cast<std::uint8_t>(packet.size() - at - 1);
  EXPECT_EQ(refusal(packet).why, dns_refusal::reason::malformed);
}

TEST(DnsMessage, LabelsOfMoreThan63OctetsAreRefused) {
  for (const unsigned size : {64u, 100u, 191u}) {
    octets data{0, 1, 0, 1, 0x1f, 0xcc, static_cast<std::uint8_t>(size)};
    data.resize(data.size() + size, 'a');
    data.push_back(0);
    EXPECT_FALSE(read(dns_packet(owner, rr::srv).answer(owner, rr::srv, 1, data))) << size;
  }
}

TEST(DnsMessage, NamesOutOfBoundsAreRefused) {
  octets longest;
  for (int i = 0; i < 4; ++i) {
    longest.push_back(i == 3 ? 61 : 63);
    longest.insert(longest.end(), i == 3 ? 61 : 63, 'a');
  }
  octets fits = longest;
  fits.push_back(0);
  ASSERT_EQ(fits.size(), 255u);
  octets too_long = longest;
  put(too_long, {1, 'b', 0});
  const auto with_target = [](const octets& target) {
    octets data{0, 1, 0, 1, 0x1f, 0xcc};
    put(data, target);
    return read(dns_packet(owner, rr::srv).answer(owner, rr::srv, 1, data));
  };
  EXPECT_TRUE(with_target(fits));
  EXPECT_FALSE(with_target(too_long));
}

TEST(DnsMessage, TargetsThatAreNoHostNamesAreDroppedWithANote) {
  const auto said = read(dns_packet(owner, rr::srv)
                             .srv(owner, 1, 1, 8140, "good_1.example.com")
                             .srv(owner, 1, 1, 8140, "m/etc")
                             .srv(owner, 1, 1, 8140, "m\n8140")
                             .srv(owner, 1, 1, 8140, "m|~{")
                             .srv(owner, 1, 1, 8140, "m\"\\\x7f\xff")
                             .srv(owner, 1, 1, 8140, "192.0.2.1")
                             .srv(owner, 1, 1, 0, "no-port"));
  ASSERT_TRUE(said);
  ASSERT_EQ(said->srv.size(), 1u);
  EXPECT_EQ(said->srv[0].target, "good_1.example.com");
  EXPECT_NE(said->note.find("'m\\0108140'"), std::string::npos) << said->note;
  EXPECT_NE(said->note.find("'m\\034\\092\\127\\255'"), std::string::npos) << said->note;
  EXPECT_NE(said->note.find("192.0.2.1"), std::string::npos);
  EXPECT_NE(said->note.find("port is 0"), std::string::npos);
}

TEST(DnsMessage, OnlyUnusableTargetsAreNeitherFoundNorAbsentNorEmpty) {
  const auto said = read(dns_packet(owner, rr::srv).srv(owner, 1, 1, 8140, "192.0.2.1").srv(owner, 1, 1, 8140, "."));
  ASSERT_TRUE(said);
  EXPECT_EQ(said->state, dns_answer::status::unusable);
}

TEST(DnsMessage, TwoHundredTargetsAreKeptAndTheRestIsCutAtTheLimit) {
  const auto with = [](unsigned count) {
    dns_packet packet(owner, rr::srv);
    for (unsigned i = 0; i < count; ++i) packet.srv(owner, 1, 1, 8140, "m" + std::to_string(i) + ".example.com");
    return read(packet).value();
  };
  EXPECT_EQ(with(200).srv.size(), 200u);
  EXPECT_EQ(with(200).note, "");
  EXPECT_EQ(with(300).srv.size(), dns_answer::max_records);
  EXPECT_NE(with(300).note.find("cut 44"), std::string::npos);
}

TEST(DnsMessage, ANoteStaysShortWhateverTheAnswerHolds) {
  dns_packet packet(owner, rr::srv);
  for (int i = 0; i < 200; ++i) packet.srv(owner, 1, 1, 8140, "bad name " + std::to_string(i));
  const auto note = read(packet)->note;
  EXPECT_LT(note.size(), 1000u);
  EXPECT_EQ(std::ranges::count(note, ';'), 7);
  EXPECT_TRUE(note.ends_with("'bad\\032name\\0326', which is not a host name; and more")) << note;

  const std::string label(63, '\xff'), alias = label + "." + label + "." + label + ".", longest = alias + "\xff";
  dns_packet odd(owner, rr::srv);
  odd.answer(owner, rr::cname, 300, wire_name(longest));
  for (int i = 0; i < 200; ++i) odd.srv(longest, 1, 1, 8140, alias + std::to_string(i));
  EXPECT_LT(read(odd)->note.size(), 2500u);
}

TEST(DnsMessage, TypesHaveTheirNames) {
  EXPECT_EQ(name_of(dns_type::a), "A");
  EXPECT_EQ(name_of(dns_type::aaaa), "AAAA");
  EXPECT_EQ(name_of(dns_type::srv), "SRV");
}

TEST(DnsMessage, TheFuzzCorpusIsSurvived) {
  std::size_t files = 0;
  for (const auto& file : std::filesystem::directory_iterator(TEST_SOURCE_DIR "/fuzz/corpus/dns_message")) {
    std::ifstream in(file.path(), std::ios::binary);
    const octets wire{std::istreambuf_iterator<char>(in), {}};
    for (const auto type : {dns_type::srv, dns_type::a, dns_type::aaaa}) {
      const auto said = read(wire, owner, type);
      if (said) EXPECT_LE(said->srv.size() + said->a.size() + said->aaaa.size(), dns_answer::max_records);
    }
    ++files;
  }
  EXPECT_GE(files, 5u);
}

TEST(DnsName, TextAndBounds) {
  EXPECT_EQ(dns_name::from_text("AZ."), dns_name::from_text("az"));
  EXPECT_EQ(dns_name::from_text("A.Example."), dns_name::from_text("a.example"));
  EXPECT_TRUE(dns_name::from_text(".")->is_root());
  for (const std::string bad : {"", "..", "a..b", ".a", "a.."}) EXPECT_FALSE(dns_name::from_text(bad)) << bad;
  EXPECT_TRUE(dns_name::from_text(std::string(63, 'a')));
  EXPECT_FALSE(dns_name::from_text(std::string(64, 'a')));
  EXPECT_EQ(dns_name::from_text("m-1z.example.com")->to_host(), "m-1z.example.com");
  EXPECT_EQ(dns_name::from_text("*.example.com")->to_host(), std::nullopt);
  EXPECT_EQ(dns_name::from_text("a.1")->to_host(), std::nullopt);
}

TEST(DnsName, HasAtMost255OctetsWithItsLengthsAndItsRoot) {
  const auto a = [](std::size_t count) { return std::string(count, 'a'); };
  const auto with_last = [&](std::size_t count) {
    return dns_name::from_text(a(63) + "." + a(63) + "." + a(63) + "." + a(count) + ".b").has_value();
  };
  EXPECT_TRUE(with_last(59));
  EXPECT_FALSE(with_last(60));
}

TEST(DnsName, OnlyLettersHaveTwoCases) {
  dns_name name;
  ASSERT_TRUE(name.append("@AZ[`az{"));
  EXPECT_EQ(name.to_text(), "@az[`az{");
  for (const std::string odd : {"@", "[", "`", "{", "/", ":"})
    EXPECT_EQ(dns_name::from_text(odd)->to_host(), std::nullopt);
}

TEST(DnsName, ThreeDigitsStandForOddOctets) {
  dns_name name;
  ASSERT_TRUE(name.append(std::string_view("\0 !~\x7f\xc7\xc8", 7)));
  EXPECT_EQ(name.to_text(), "\\000\\032!~\\127\\199\\200");
  EXPECT_EQ(dns_name().to_text(), ".");
  EXPECT_EQ(dns_name().to_host(), std::nullopt);
}

TEST(DnsName, ADotInsideALabelIsNotASeparator) {
  dns_name inside;
  ASSERT_TRUE(inside.append("a.b"));
  EXPECT_NE(inside, dns_name::from_text("a.b").value());
  EXPECT_EQ(inside.to_text(), "a\\046b");
  EXPECT_EQ(inside.to_host(), std::nullopt);
}

}  // namespace
}  // namespace bunraku::policy
