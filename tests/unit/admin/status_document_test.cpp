#include "admin/status_document.hpp"

#include <boost/json.hpp>
#include <gmock/gmock.h>

using namespace shim::admin;
using namespace std::chrono_literals;
using bunraku::health;
using bunraku::master;
using bunraku::snapshot;
using bunraku::source_kind;

namespace {

const auto now = snapshot::time_point(1000h);
const auto wall = std::chrono::sys_days{std::chrono::year{2026} / 11 / 24} + 3h;

snapshot outage() {
  const master one("one.test", 8140, source_kind::srv, 10, 50), two("two.test", 8140, source_kind::srv, 10, 50);
  snapshot s;
  s.taken = now;
  snapshot::service_view catalog;
  catalog.service = bunraku::service::catalog;
  catalog.name = "catalog";
  snapshot::source_view srv;
  srv.names = {"_x-puppet._tcp.test"};
  srv.known = srv.fresh = true;
  srv.answer.state = bunraku::source_answer::status::answered;
  srv.answer.asked = "_x-puppet._tcp.test";
  srv.answer.masters = {one, two};
  srv.answer.ttl_left = 41s;
  catalog.sources.push_back(srv);
  snapshot::record refused;
  refused.state = health::down;
  refused.since = now - 12s;
  refused.until = now + 48s;
  refused.failures = 3;
  refused.reason = "connect: Connection refused";
  snapshot::candidate first{two}, second{one};
  first.why = bunraku::pick_reason::pinned;
  second.why = bunraku::pick_reason::down;
  second.state = health::down;
  second.until = now + 48s;
  second.whole = refused;
  catalog.candidates = {first, second};
  catalog.pinned = two;
  s.services.push_back(catalog);
  s.masters.push_back({one, std::nullopt, refused});
  s.run = snapshot::run_view{};
  s.run->id = 3;
  s.run->began = now - 40s;
  s.run->last = now - 1s;
  s.run->used.push_back({bunraku::service::catalog, two, 7});
  s.retries_left = 50;
  return s;
}

const daemon_facts facts{.version = "9.9",
                         .pid = 77,
                         .config_file = "/etc/b.toml",
                         .listen = "here",
                         .sandbox = "none",
                         .certname = "agent1.test",
                         .started = now - 2h};

}  // namespace

TEST(StatusDocument, SaysEachTimeByTheWallAndInSeconds) {
  const auto o = to_json(outage(), facts, wall);
  EXPECT_EQ(o.at("version"), 1);
  EXPECT_EQ(o.at("time"), "2026-11-24T03:00:00Z");
  EXPECT_EQ(o.at("started"), "2026-11-24T01:00:00Z");
  const auto& down = o.at("services").at(0).at("candidates").at(1);
  EXPECT_EQ(down.at("until"), "2026-11-24T03:00:48Z");
  EXPECT_EQ(down.at("until_seconds"), 48.0);
  EXPECT_EQ(down.at("whole").at("since"), "2026-11-24T02:59:48Z");
  EXPECT_EQ(down.at("whole").at("since_seconds"), 12.0);
}

TEST(StatusDocument, HasEveryCandidateInOrderWithItsReasons) {
  const auto o = to_json(outage(), facts, wall);
  const auto& candidates = o.at("services").at(0).at("candidates");
  const auto& first = candidates.at(0).as_object();
  EXPECT_EQ(first.at("place"), 1);
  EXPECT_EQ(first.at("master"), "two.test:8140");
  EXPECT_EQ(first.at("why"), "pinned");
  EXPECT_EQ(first.at("pinned"), true);
  EXPECT_EQ(first.at("record"), "_x-puppet._tcp.test");
  EXPECT_FALSE(first.contains("whole")) << "nobody ever spoke to it";
  const auto& second = candidates.at(1).as_object();
  EXPECT_EQ(second.at("state"), "down");
  EXPECT_EQ(second.at("why"), "down");
  EXPECT_EQ(second.at("priority"), 10);
  EXPECT_EQ(second.at("whole").at("failures_in_a_row"), 3);
  EXPECT_EQ(second.at("whole").at("last_failure"), "connect: Connection refused");
}

TEST(StatusDocument, SaysWhereMastersComeFrom) {
  auto from = outage();
  snapshot::source_view later;
  later.kind = source_kind::list;
  later.names = {"[service.catalog] at b.toml:3"};
  from.services[0].sources.push_back(later);
  from.services[0].more_sources = true;
  const auto o = to_json(from, facts, wall);
  const auto& sources = o.at("services").at(0).at("sources");
  EXPECT_EQ(sources.at(0).at("ttl_left"), 41);
  EXPECT_EQ(sources.at(0).at("stale"), false);
  EXPECT_EQ(sources.at(1).at("known"), false);
  EXPECT_EQ(o.at("services").at(0).at("more_sources"), true);
}

TEST(StatusDocument, TellsTheRunOrThatThereIsNone) {
  auto from = outage();
  const auto document = to_json(from, facts, wall);
  const auto& run = document.at("run");
  EXPECT_EQ(run.at("id"), 3);
  EXPECT_EQ(run.at("began_seconds"), 40.0);
  EXPECT_EQ(run.at("used").at(0).at("master"), "two.test:8140");
  from.run.reset();
  EXPECT_TRUE(to_json(from, facts, wall).at("run").is_null());
}

TEST(StatusDocument, SaysWhatIsShownAndTrustedAndUntilWhen) {
  auto with = facts;
  with.credentials.push_back({.leg = "both",
                              .certificate_file = "/cert.pem",
                              .ca_file = "/ca.pem",
                              .crl_file = "/crl.pem",
                              .serial = "0x1F",
                              .not_before = wall - 24h,
                              .not_after = wall + 48h,
                              .ca_not_after = wall + 240h,
                              .crl_next_update = std::nullopt,
                              .warnings = {{bunraku::severity::warning, "/cert.pem", "ends", "renew it"}}});
  const auto o = to_json(outage(), with, wall);
  const auto& own = o.at("credentials").at(0);
  EXPECT_EQ(own.at("leg"), "both");
  EXPECT_EQ(own.at("certificate").at("serial"), "0x1F");
  EXPECT_EQ(own.at("certificate").at("not_before"), "2026-11-23T03:00:00Z");
  EXPECT_EQ(own.at("certificate").at("not_after"), "2026-11-26T03:00:00Z");
  EXPECT_EQ(own.at("certificate").at("not_after_seconds"), 48 * 3600);
  EXPECT_EQ(own.at("ca").at("file"), "/ca.pem");
  EXPECT_TRUE(own.at("crl").is_null());
  EXPECT_EQ(own.at("problems").at(0).at("what"), "ends");
  EXPECT_TRUE(o.at("credentials_refused").is_null());
  EXPECT_EQ(o.at("credentials_watched"), true);
  with.credentials_refused = bunraku::problem(bunraku::severity::error, "/crl.pem", "broken", "mend it");
  EXPECT_EQ(to_json(outage(), with, wall).at("credentials_refused").at("where"), "/crl.pem");
}
