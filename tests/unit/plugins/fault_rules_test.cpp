#include "fault/rules.hpp"
#include "json/reading.hpp"

#include <boost/json.hpp>
#include <gmock/gmock.h>

using namespace fault;
using ::testing::HasSubstr;

namespace {

const wall now = std::chrono::sys_days(std::chrono::year(2026) / 11 / 27) + std::chrono::hours(3);

rule good(std::string_view text) {
  auto made = parse_rule(*plugin::object_in(text), now);
  if (!made) throw std::runtime_error(made.error());
  return *made;
}
std::string bad(std::string_view text) {
  const auto made = parse_rule(*plugin::object_in(text), now);
  return made ? "it was taken" : made.error();
}

bunraku_moment request(std::string_view path = "/puppet/v3/catalog/a", std::uint64_t exchange = 1) {
  bunraku_moment m{};
  m.size = sizeof m;
  m.what = BUNRAKU_MOMENT_REQUEST;
  m.exchange = exchange;
  m.service = plugin::text("catalog");
  m.host = plugin::text("compile1.test");
  m.port = 8140;
  m.method = plugin::text("POST");
  m.path = plugin::text(path);
  return m;
}
bool meets(const rule& r, const bunraku_moment& m, wall when = now) { return choose({r}, m, when, 7) != nullptr; }

TEST(FaultRules, EveryConditionMustHold) {
  const auto r = good(R"({"name":"x","kind":"hang","service":"catalog","master":"Compile1.test:8140","method":"POST",
                          "path":"/puppet/v3/catalog/","for_seconds":60})");
  EXPECT_TRUE(meets(r, request()));
  auto m = request();
  m.port = 8141;
  EXPECT_FALSE(meets(r, m));
  m = request();
  m.service = plugin::text("files");
  EXPECT_FALSE(meets(r, m));
  m = request();
  m.method = plugin::text("GET");
  EXPECT_FALSE(meets(r, m));
  m = request();
  m.host = plugin::text("compile2.test");
  EXPECT_FALSE(meets(r, m));
  EXPECT_FALSE(meets(r, request("/puppet/v3/node/a")));
  m = request();
  m.what = BUNRAKU_MOMENT_CONNECT;
  EXPECT_FALSE(meets(r, m)) << "a hang is of a request, not of a dial";
}

TEST(FaultRules, ItLastsFromItsBeginToItsEndAndNotALittleLonger) {
  const auto r = good(R"({"name":"x","kind":"hang","from":"2026-11-27T04:00:00Z","until":"2026-11-27T05:00:00Z"})");
  EXPECT_FALSE(meets(r, request(), now + std::chrono::seconds(3599)));
  EXPECT_TRUE(meets(r, request(), now + std::chrono::hours(1)));
  EXPECT_TRUE(meets(r, request(), now + std::chrono::seconds(7199)));
  EXPECT_FALSE(meets(r, request(), now + std::chrono::hours(2)));
}

TEST(FaultRules, ProbabilityIsAShareOfExchangesAndTheSameForEachTry) {
  const auto r = good(R"({"name":"x","kind":"hang","probability":0.25,"for_seconds":60})");
  int met = 0;
  for (std::uint64_t exchange = 1; exchange <= 4000; ++exchange) {
    const bool once = meets(r, request("/", exchange));
    EXPECT_EQ(meets(r, request("/", exchange)), once);
    met += once;
  }
  EXPECT_NEAR(met, 1000, 150);
}

TEST(FaultRules, IPv6MastersStandInBrackets) {
  const auto r = good(R"({"name":"x","kind":"refuse","master":"[2001:db8::1]:8140","for_seconds":60})");
  EXPECT_EQ(r.master, "2001:db8::1");
  EXPECT_EQ(r.port, 8140);
}

TEST(FaultRules, WhatIsWrongIsSaidInOneSentence) {
  EXPECT_THAT(bad(R"({"kind":"hang","for_seconds":1})"), HasSubstr("needs a `name`"));
  EXPECT_THAT(bad(R"({"name":"x","kind":"quake","for_seconds":1})"),
              HasSubstr("`kind` must be one of refuse, blackhole"));
  EXPECT_THAT(bad(R"({"name":"x","kind":"hang"})"), HasSubstr("must say when it ends"));
  EXPECT_THAT(bad(R"({"name":"x","kind":"hang","for_seconds":1,"until":"2026-11-27T04:00:00Z"})"),
              HasSubstr("one of the two"));
  EXPECT_THAT(bad(R"({"name":"x","kind":"hang","until":"2026-11-29T00:00:00Z"})"), HasSubstr("more than 24 hours"));
  EXPECT_THAT(bad(R"({"name":"x","kind":"hang","until":"tomorrow"})"), HasSubstr("must be a time"));
  EXPECT_THAT(bad(R"({"name":"x","kind":"hang","for_seconds":1,"at_byte":3})"), HasSubstr("a hang has no `at_byte`"));
  EXPECT_THAT(bad(R"({"name":"x","kind":"hang","for_seconds":1,"probability":2})"), HasSubstr("from 0 to 1"));
  EXPECT_THAT(bad(R"({"name":"x","kind":"status","for_seconds":1,"status":99})"), HasSubstr("200 to 599"));
  EXPECT_THAT(bad(R"({"name":"x","kind":"status","for_seconds":1,"status":503,"headers":{"Content-Length":"1"}})"),
              HasSubstr("framing"));
  EXPECT_THAT(bad(R"({"name":"x","kind":"status","for_seconds":1,"status":503,"headers":{"A":"b\r\nC: d"}})"),
              HasSubstr("no header"));
  EXPECT_THAT(bad(R"({"name":"x","kind":"delay","for_seconds":1})"), HasSubstr("for how long"));
  EXPECT_THAT(bad(R"({"name":"x","kind":"dns_lie","for_seconds":1})"), HasSubstr("array of records"));
  EXPECT_THAT(bad(R"({"name":"x","kind":"dns_silent","service":"ca","for_seconds":1})"), HasSubstr("only condition"));
}

TEST(FaultState, WhatIsWrittenIsReadAgainAsItWas) {
  std::vector<rule> all{
      good(
          R"({"name":"a","kind":"status","status":503,"headers":{"Retry-After":"5","X-A":"b"},"body":"no","for_seconds":60})"),
      good(
          R"({"name":"b","kind":"reset","at_byte":9,"master":"[::1]:8140","path":"/x","probability":0.5,"for_seconds":60})"),
      good(R"({"name":"c","kind":"dns_lie","answer":["0 1 2 x.test","0 1 2 y.test"],"method":"SRV","for_seconds":60})"),
      good(R"({"name":"d","kind":"bad_certificate","certificate":"revoked","for_seconds":60})"),
      good(R"({"name":"e","kind":"delay","delay_ms":5,"at":"connect","service":"files","for_seconds":60})")};
  const auto read = parse_state(to_state(all), now);
  ASSERT_TRUE(read) << read.error();
  EXPECT_EQ(*read, all);
}

TEST(FaultState, WhatIsOverIsLeftOutAndNotHeldAgainstTheRest) {
  const auto text = R"({"version":1,"faults":[{"name":"a","kind":"hang","until":"2026-11-26T00:00:00Z"},
                                              {"name":"b","kind":"hang","until":"2026-11-27T04:00:00Z"}]})";
  const auto read = parse_state(text, now);
  ASSERT_TRUE(read) << read.error();
  ASSERT_EQ(read->size(), 1U);
  EXPECT_EQ(read->front().name, "b");
}

TEST(FaultState, AFileThatDoesNotSayWhenFaultsEndIsRefused) {
  EXPECT_THAT(parse_state(R"({"version":1,"faults":[{"name":"a","kind":"hang","for_seconds":9}]})", now).error(),
              HasSubstr("ends by `until`"));
  EXPECT_THAT(parse_state(R"({"version":2,"faults":[]})", now).error(), HasSubstr("version"));
  EXPECT_THAT(parse_state("[]", now).error(), HasSubstr("no JSON object"));
  EXPECT_THAT(parse_state(R"({"version":1,"faults":[{"name":"a","kind":"hang","until":"2026-11-27T04:00:00Z"},
                                                    {"name":"a","kind":"hang","until":"2026-11-27T04:00:00Z"}]})",
                          now)
                  .error(),
              HasSubstr("two faults"));
}

}  // namespace
