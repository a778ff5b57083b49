#include "forward/access_log.hpp"

#include <gmock/gmock.h>

namespace shim::forward {
namespace {

using namespace std::chrono_literals;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

exchange_record answered() {
  exchange_record r;
  r.service = "catalog";
  r.method = "POST";
  r.target = "/puppet/v3/catalog/agent1?environment=production&token=secret";
  r.status = 200;
  r.master = "compile1.example.com:8140";
  r.attempts = 1;
  r.bytes_up = 10;
  r.bytes_down = 2000;
  r.first_byte = 1500us;
  r.total = 20ms;
  r.client = "127.0.0.1:4711";
  return r;
}

TEST(AccessLog, TellsWhatBecameOfAnExchangeWithoutItsQuery) {
  EXPECT_EQ(to_line(answered()),
            "exchange service=catalog method=POST path=/puppet/v3/catalog/agent1 status=200 "
            "master=compile1.example.com:8140 attempts=1 up=10 down=2000 first_byte_ms=1.5 ms=20.0 "
            "client=\"127.0.0.1:4711\"");
}

TEST(AccessLog, AnAnswerOfOurOwnIsNoMasters) {
  auto r = answered();
  r.own_answer = true;
  EXPECT_THAT(to_line(r), HasSubstr(" master=- "));
  r.own_answer = false;
  r.master.clear();
  EXPECT_THAT(to_line(r), HasSubstr(" master=- "));
}

TEST(AccessLog, TellsWhatWasUnusual) {
  auto r = answered();
  r.waited = 2500ms;
  r.cut = true;
  r.continued = "at byte 7 on b:8140";
  r.not_kept = "it is too large";
  EXPECT_THAT(to_line(r), EndsWith("\" waited_ms=2500 cut=yes continued=\"at byte 7 on b:8140\" "
                                   "not_kept=\"it is too large\""));
}

TEST(AccessLog, WhatOthersSaidCannotEndItsField) {
  auto r = answered();
  r.injected = "rule \"x\" status=500";
  r.why = "a:8140: tls: \"evil\" status=200";
  EXPECT_THAT(to_line(r), EndsWith(" injected=\"rule 'x' status=500\" failed=\"a:8140: tls: 'evil' status=200\""));
  EXPECT_THAT(to_line(r), Not(HasSubstr("\"evil")));
}

TEST(AccessLog, AttemptsAreOneSentenceEach) {
  const bunraku::master a("a.example.com", 8140, bunraku::source_kind::list);
  const std::vector<bunraku::attempt> both{{a, bunraku::stage::connect, {}, "Connection refused", 250ms},
                                           {a, bunraku::stage::first_byte, {}, {}, 1s, 503}};
  EXPECT_EQ(join(both),
            "a.example.com:8140: connect: Connection refused (after 0.25 s); "
            "a.example.com:8140: first_byte: status 503 (after 1.00 s)");
  EXPECT_EQ(join({}), "");
}

}  // namespace
}  // namespace shim::forward
