#include "admin/metrics.hpp"

#include <gmock/gmock.h>

using namespace shim::admin;
using namespace std::chrono_literals;
using bunraku::master;
using bunraku::snapshot;
using testing::HasSubstr;
using testing::Not;

namespace {

const auto now = snapshot::time_point(1000h);
const auto wall = std::chrono::sys_days{std::chrono::year{2026} / 11 / 24} + 3h;

shim::forward::exchange_record answer(std::string_view service, std::string master, int status) {
  shim::forward::exchange_record r{};
  r.service = service;
  r.endpoint = "file_content";
  r.method = "GET";
  r.target = "/puppet/v3/file_content/modules/secret?environment=hidden";
  r.master = std::move(master);
  r.status = status;
  r.attempts = 1;
  r.bytes_down = 1000;
  r.total = 30ms;
  return r;
}

std::string text_of(const history& h, const snapshot& s = {}) {
  daemon_facts facts;
  facts.version = "1.2";
  facts.certificate_ends = wall + 24h;
  return metrics_text(s, facts, h, wall);
}

}  // namespace

TEST(Metrics, EachHasItsHelpAndItsType) {
  const auto text = text_of({});
  EXPECT_THAT(text, HasSubstr("# HELP bunraku_build_info "));
  EXPECT_THAT(text, HasSubstr("# TYPE bunraku_build_info gauge\nbunraku_build_info{version=\"1.2\"} 1"));
  EXPECT_THAT(text, HasSubstr("bunraku_certificate_not_after_timestamp_seconds{certificate=\"node\"} 1795575600"));
  EXPECT_THAT(text, Not(HasSubstr("bunraku_last_run"))) << "there was none";
}

TEST(Metrics, CredentialsThatAreWrongOnDiskAreThere) {
  daemon_facts facts;
  EXPECT_THAT(metrics_text({}, facts, {}, wall), HasSubstr("\nbunraku_credentials_refused 0\n"));
  facts.credentials_refused = bunraku::problem(bunraku::severity::error, "/crl.pem", "broken", "mend it");
  EXPECT_THAT(metrics_text({}, facts, {}, wall), HasSubstr("\nbunraku_credentials_refused 1\n"));
}

TEST(Metrics, ExchangesAreCountedByWhoAnsweredAndHow) {
  history h;
  h.note(answer("files", "a:8140", 200));
  h.note(answer("files", "a:8140", 200));
  auto own = answer("files", "a:8140", 502);
  own.own_answer = true;
  h.note(own);
  const auto text = text_of(h);
  EXPECT_THAT(text, HasSubstr("bunraku_exchanges_total{service=\"files\",master=\"a:8140\",code=\"200\"} 2"));
  EXPECT_THAT(text, HasSubstr("bunraku_exchanges_total{service=\"files\",master=\"\",code=\"502\"} 1"));
  EXPECT_THAT(text, HasSubstr("bunraku_exchange_duration_seconds_bucket{service=\"files\",le=\"0.025\"} 0"));
  EXPECT_THAT(text, HasSubstr("bunraku_exchange_duration_seconds_bucket{service=\"files\",le=\"0.05\"} 3"));
  EXPECT_THAT(text, HasSubstr("bunraku_exchange_duration_seconds_bucket{service=\"files\",le=\"+Inf\"} 3"));
  EXPECT_THAT(text, HasSubstr("bunraku_exchange_duration_seconds_sum{service=\"files\"} 0.09"));
}

TEST(Metrics, WhatEndsALabelIsEscaped) {
  snapshot s;
  s.taken = now;
  s.services.push_back({});
  s.services[0].name = "a\"b\\c\nd";
  EXPECT_THAT(text_of({}, s), HasSubstr("bunraku_service_usable_masters{service=\"a\\\"b\\\\c\\nd\"} 0\n"));
}

TEST(Metrics, PathsAreNeverInThem) {
  history h;
  h.note(answer("files", "a:8140", 200));
  EXPECT_THAT(text_of(h), Not(HasSubstr("secret")));
}

TEST(Metrics, ManyMastersDoNotMakeManySeries) {
  history h;
  for (std::size_t i = 0; i != 2 * history::most_series; ++i) h.note(answer("files", "m" + std::to_string(i), 200));
  EXPECT_LE(h.answers().size(), history::most_series + 1);
  EXPECT_THAT(text_of(h), HasSubstr("master=\"other\",code=\"200\"} 512"));
  EXPECT_EQ(h.exchanges().size(), history::most_exchanges);
}

TEST(Metrics, AServiceThatNobodyAskedForYetHasNoNumberOfMasters) {
  snapshot s;
  s.taken = now;
  s.services.push_back({});
  s.services[0].name = "catalog";
  s.services[0].more_sources = true;
  EXPECT_THAT(text_of({}, s), Not(HasSubstr("bunraku_service_usable_masters{")));
  s.services[0].more_sources = false;
  EXPECT_THAT(text_of({}, s), HasSubstr("bunraku_service_usable_masters{service=\"catalog\"} 0"));
}

TEST(Metrics, OfAMastersStatesOneIsOne) {
  snapshot s;
  s.taken = now;
  s.services.push_back({});
  s.services[0].name = "catalog";
  snapshot::candidate c{master("a", 8140, bunraku::source_kind::list)};
  c.state = bunraku::health::suspect;
  s.services[0].candidates.push_back(c);
  const auto text = text_of({}, s);
  EXPECT_THAT(text, HasSubstr("{service=\"catalog\",master=\"a:8140\",state=\"suspect\"} 1"));
  EXPECT_THAT(text, HasSubstr("{service=\"catalog\",master=\"a:8140\",state=\"down\"} 0"));
  EXPECT_THAT(text, HasSubstr("bunraku_service_usable_masters{service=\"catalog\"} 1"));
}

TEST(Metrics, OfTunnelsManyMastersDoNotMakeManySeriesEither) {
  using shim::local::tunnel_counts;
  using shim::local::tunnel_end;
  tunnel_counts tunnels;
  tunnels.expect("connect", "catalog");
  daemon_facts facts;
  facts.tunnels = &tunnels;
  EXPECT_THAT(metrics_text({}, facts, {}, wall),
              HasSubstr(R"(bunraku_tunnels_total{way="connect",service="catalog",master="",outcome="unserved"} 0)"));
  for (std::size_t i = 0; i != 2 * tunnel_counts::most_series; ++i)
    tunnels.note({"connect", "catalog", "m" + std::to_string(i), tunnel_end::closed});
  EXPECT_LE(tunnels.ended().size(), tunnel_counts::most_series + 1);
  EXPECT_THAT(metrics_text({}, facts, {}, wall), HasSubstr(R"(master="other",outcome="closed"} 513)"));
}

TEST(History, KeepsTheLastRunsTheLatestFirst) {
  history h;
  for (std::uint64_t id = 1; id != 100; ++id) {
    snapshot::run_view run;
    run.id = id;
    run.reported = id % 2 == 0;
    run.failovers = 1;
    run.spared = 2s;
    h.note(run);
  }
  EXPECT_EQ(h.runs().size(), history::most_runs);
  EXPECT_EQ(h.runs().front().id, 99u);
  EXPECT_EQ(h.run_sums().reported, 49u);
  EXPECT_EQ(h.run_sums().unreported, 50u);
  EXPECT_EQ(h.run_sums().failovers, 99u);
  EXPECT_EQ(h.run_sums().spared, 198s);
}
