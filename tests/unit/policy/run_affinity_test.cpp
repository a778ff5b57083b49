#include "policy/run_affinity.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace bunraku::policy {
namespace {

using namespace std::chrono_literals;
using ending = run_summary::end;

const master a{"a.example.com", 8140, source_kind::srv};
const master b{"b.example.com", 8140, source_kind::srv};
const master f{"files.example.com", 8140, source_kind::srv};
const master r{"report.example.com", 8140, source_kind::srv};

constexpr std::string_view node = "/puppet/v3/node/agent1?environment=production&transaction_uuid=";
constexpr std::string_view probe =
    "/puppet/v3/file_metadatas/plugins?recurse=false&links=manage&environment=production";
constexpr std::string_view plugins =
    "/puppet/v3/file_metadatas/plugins?recurse=true&max_files=-1&environment=production";
constexpr std::string_view content = "/puppet/v3/file_content/modules/m/x?environment=production";
constexpr std::string_view catalog = "/puppet/v3/catalog/agent1?environment=production";
constexpr std::string_view report = "/puppet/v3/report/agent1?environment=production";
constexpr std::string_view crl = "/puppet-ca/v1/certificate_revocation_list/ca";

struct RunAffinity : testing::Test {
  run_affinity runs;
  run_affinity::time_point now = run_affinity::time_point{} + 1000h;

  struct exchange {
    const endpoint* row;
    run_affinity::ticket ticket;
  };
  exchange begin(std::string_view target, std::string_view method = {}) {
    if (method.empty())
      method = target.starts_with("/puppet/v3/catalog")  ? "POST"
               : target.starts_with("/puppet/v3/report") ? "PUT"
                                                         : "GET";
    const auto& row = find_endpoint(method, target);
    return {&row, runs.begin(row, target, now)};
  }
  void end(const exchange& x, const master* by, const master* failed_first = nullptr, int status = 200) {
    runs.end(x.ticket,
             {.row = *x.row,
              .of = x.row->service,
              .answered_by = by,
              .failed_first = failed_first,
              .status = status,
              .bytes_up = 10,
              .bytes_down = 100},
             now);
  }
  void one(std::string_view target, const master* by, const master* failed_first = nullptr, int status = 200) {
    end(begin(target), by, failed_first, status);
    now += 100ms;
  }
  std::uint64_t id() const { return runs.current() ? runs.current()->id : 0; }
  const master& pin(service of) const {
    static const master nobody{"nobody", 1, source_kind::list};
    const auto* const p = runs.pinned(of);
    return p ? *p : nobody;
  }
};

TEST_F(RunAffinity, AWholeRunStaysWithOneMaster) {
  EXPECT_EQ(runs.pinned(service::catalog), nullptr);
  for (const auto target : {probe, plugins, content, catalog, content}) one(target, &a);
  EXPECT_EQ(pin(service::catalog), a);
  EXPECT_EQ(pin(service::files), a);
  EXPECT_EQ(id(), 1u);
  one(report, &r);
  EXPECT_EQ(id(), 0u);
  EXPECT_FALSE(runs.is_on(now));
  EXPECT_EQ(runs.pinned(service::files), nullptr);
  const auto done = runs.take_finished(now);
  ASSERT_TRUE(done);
  EXPECT_EQ(done->how, ending::reported);
  EXPECT_EQ(done->requests, 6u);
  EXPECT_EQ(done->bytes_up, 60u);
  EXPECT_EQ(done->bytes_down, 600u);
  EXPECT_EQ(done->failovers, 0u);
  EXPECT_EQ(done->moves, 0u);
  ASSERT_EQ(done->used.size(), 3u);
  EXPECT_EQ(done->used[0].of, service::files);
  EXPECT_EQ(done->used[0].answers, 4u);
  EXPECT_EQ(done->used[2].who, r);
  EXPECT_EQ(done->last - done->began, 500ms);
  EXPECT_EQ(runs.take_finished(now), std::nullopt);
}

TEST_F(RunAffinity, CaStatusAndReportBeginNoRunAndHaveNoPin) {
  for (const auto target : {crl, std::string_view("/status/v1/simple/server"), report}) one(target, &a);
  EXPECT_EQ(id(), 0u);
  EXPECT_EQ(runs.take_finished(now), std::nullopt);
  one(probe, &a);
  one(crl, &b);
  EXPECT_EQ(runs.pinned(service::ca), nullptr);
  EXPECT_EQ(runs.pinned(service::report), nullptr);
  EXPECT_EQ(pin(service::files), a);
  EXPECT_EQ(runs.current()->requests, 2u);
}

TEST_F(RunAffinity, ItsSummaryHasEachMasterOfAServiceByItself) {
  one(content, &a);
  for (int i = 0; i < 2; ++i) one(content, &b, &a);
  const auto& used = runs.current()->used;
  ASSERT_EQ(used.size(), 2u);
  EXPECT_EQ(used[0].who, a);
  EXPECT_EQ(used[0].answers, 1u);
  EXPECT_EQ(used[1].who, b);
  EXPECT_EQ(used[1].answers, 2u);
}

TEST_F(RunAffinity, ARunSoonAfterOneThatReportedChoosesItsMastersAnew) {
  one(probe, &a);
  one(catalog, &a);
  one(report, &a);
  begin(probe);
  EXPECT_EQ(runs.pinned(service::files), nullptr);
  EXPECT_EQ(runs.catalog_master(), nullptr);
}

TEST_F(RunAffinity, WhatARouteSendsToTheReportServiceHasNoPin) {
  const auto x = begin(content);
  runs.end(x.ticket, {.row = *x.row, .of = service::report, .answered_by = &a, .status = 200}, now);
  EXPECT_EQ(runs.pinned(service::report), nullptr);
}

TEST_F(RunAffinity, ARunThatNeverReportsEndsByIdleness) {
  one(probe, &a);
  const auto end_of_run = *runs.idle_end();
  now = end_of_run - 1ms;
  EXPECT_TRUE(runs.is_on(now));
  EXPECT_EQ(runs.take_finished(now), std::nullopt);
  now = end_of_run;
  EXPECT_FALSE(runs.is_on(now));
  const auto done = runs.take_finished(now);
  ASSERT_TRUE(done);
  EXPECT_EQ(done->how, ending::idle);
  EXPECT_EQ(runs.idle_end(), std::nullopt);
}

TEST_F(RunAffinity, ACaRequestDoesNotReviveARunThatIsOver) {
  one(probe, &a);
  const auto last = runs.current()->last;
  now += 601s;
  one(crl, &r);
  EXPECT_FALSE(runs.is_on(now));
  const auto done = runs.take_finished(now);
  ASSERT_TRUE(done);
  EXPECT_EQ(done->last, last);
  EXPECT_EQ(done->requests, 1u);
}

TEST_F(RunAffinity, ALongCompilationIsNotIdleness) {
  one(probe, &a);
  const auto compiling = begin(catalog);
  now += 2h;
  EXPECT_TRUE(runs.is_on(now));
  EXPECT_EQ(runs.idle_end(), std::nullopt);
  end(compiling, &a);
  EXPECT_EQ(id(), 1u);
  EXPECT_EQ(runs.idle_end(), now + 600s);
  one(content, &a);
  EXPECT_EQ(id(), 1u);
}

TEST_F(RunAffinity, ThePinIsForgottenWithTheRun) {
  one(content, &a);
  now += 601s;
  const auto x = begin(content);
  EXPECT_EQ(id(), 2u);
  EXPECT_EQ(runs.pinned(service::files), nullptr);
  end(x, &b);
  EXPECT_EQ(pin(service::files), b);
  EXPECT_EQ(runs.take_finished(now)->how, ending::idle);
}

TEST_F(RunAffinity, AnotherTransactionIsAnotherRun) {
  one(std::string(node) + "1111", &a);
  one(std::string(node) + "1111", &a);
  EXPECT_EQ(id(), 1u);
  EXPECT_EQ(runs.current()->transaction_uuid, "1111");
  one(std::string(node) + "2222&x=y", &a);
  EXPECT_EQ(id(), 2u);
  EXPECT_EQ(runs.current()->transaction_uuid, "2222");
  EXPECT_EQ(runs.take_finished(now)->how, ending::replaced);
}

TEST_F(RunAffinity, NodeRequestAndEnvironmentProbeOfOneRunAreOneRun) {
  one(std::string(node) + "1111", &a);
  one(probe, &a);
  one(plugins, &a);
  one(catalog, &a);
  EXPECT_EQ(id(), 1u);
}

TEST_F(RunAffinity, TheNextRunIsOneRunToo) {
  for (const auto* const uuid : {"1111", "2222"}) {
    one(std::string(node) + uuid, &a);
    for (const auto target : {probe, plugins, catalog, report}) one(target, &a);
    ASSERT_TRUE(runs.take_finished(now));
    EXPECT_EQ(runs.take_finished(now), std::nullopt);
  }
}

TEST_F(RunAffinity, WhatBeginsARunBeginsAnotherOneAfterACatalog) {
  one(catalog, &a);
  one(probe, &a);
  EXPECT_EQ(id(), 2u);
  one(std::string(node) + "1111", &a);
  EXPECT_EQ(id(), 2u);
  one(report, &a);
  one(catalog, &a);
  one(std::string(node) + "2222", &a);
  EXPECT_EQ(id(), 4u);
}

TEST_F(RunAffinity, ASecondEnvironmentProbeIsASecondRun) {
  one(probe, &a);
  one(plugins, &a);
  one(probe, &a);
  EXPECT_EQ(id(), 2u);
}

TEST_F(RunAffinity, AnEnvironmentThatTheServerChangedIsTheSameRun) {
  one(probe, &a);
  for (int i = 0; i < 4; ++i) {  // the agent fetches plugins again and asks again
    one(plugins, &a);
    one(catalog, &a);
  }
  EXPECT_EQ(id(), 1u);
}

TEST_F(RunAffinity, AnAbandonedRunIsReplacedAndItsPinForgottenAfterAWhile) {
  one(probe, &a);
  one(catalog, &a);
  now += 31s;
  const auto x = begin(probe);
  EXPECT_EQ(id(), 2u);
  EXPECT_EQ(runs.pinned(service::catalog), nullptr);
  EXPECT_EQ(runs.catalog_master(), nullptr);
  end(x, &b);
  EXPECT_EQ(pin(service::catalog), b);
}

TEST_F(RunAffinity, MomentsAgoEndsWhenItsTimeIsOver) {
  one(probe, &a);
  now += 30s - 100ms;  // `one` has let that pass
  const auto x = begin(probe);
  EXPECT_EQ(id(), 2u);
  EXPECT_EQ(runs.pinned(service::files), nullptr);
  end(x, &b);
}

TEST_F(RunAffinity, TheFirstTransactionToldIsTheRuns) {
  one(std::string(node) + "1111", &a);
  one(std::string(crl) + "?transaction_uuid=2222", &a);
  EXPECT_EQ(id(), 1u);
  EXPECT_EQ(runs.current()->transaction_uuid, "1111");
}

TEST_F(RunAffinity, AddsUpTheTimeThatWasLost) {
  for (const auto lost : {2s, 3s}) {
    const auto x = begin(content);
    runs.end(x.ticket, {.row = *x.row, .of = service::files, .answered_by = &a, .status = 200, .lost = lost}, now);
  }
  EXPECT_EQ(runs.current()->lost, 5s);
}

TEST_F(RunAffinity, ARunBesideABusyOneTakesOverItsMasters) {
  one(probe, &a);
  one(catalog, &a);
  const auto downloading = begin(content);
  const auto last = now;
  now += 5min;
  one(probe, &a);
  EXPECT_EQ(id(), 2u);
  EXPECT_EQ(runs.take_finished(now)->last, last);
  EXPECT_EQ(pin(service::files), a);
  EXPECT_EQ(*runs.catalog_master(), a);
  end(downloading, &b);  // of the first run: it changes nothing here
  EXPECT_EQ(pin(service::files), a);
  EXPECT_EQ(runs.current()->requests, 1u);
  EXPECT_TRUE(runs.idle_end()) << "nothing of its own is under way";
}

TEST_F(RunAffinity, ARunIsBusyUntilItsLongRequestEnds) {
  one(probe, &a);
  const auto compiling = begin(catalog);
  now += 5min;
  end(compiling, &a);
  now += 1s;
  one(probe, nullptr);
  EXPECT_EQ(id(), 2u);
  EXPECT_EQ(pin(service::files), a);
}

TEST_F(RunAffinity, ACatalogThatWasUnderWayWhenAnotherRunBeganIsKnown) {
  one(probe, &a);
  const auto unanswered = begin(catalog), compiling = begin(catalog);
  one(probe, &a);
  EXPECT_EQ(id(), 2u);
  end(unanswered, nullptr);
  EXPECT_EQ(runs.catalog_master(), nullptr);
  end(compiling, &a);
  ASSERT_NE(runs.catalog_master(), nullptr);
  EXPECT_EQ(*runs.catalog_master(), a);
  const auto late = begin(catalog);
  one(probe, &b);
  one(catalog, &b);
  end(late, &a);
  EXPECT_EQ(*runs.catalog_master(), b) << "the newer run's own";
}

TEST_F(RunAffinity, WhenThePinnedMasterDiesTheRunMovesOnceAndTogether) {
  one(probe, &a);
  one(catalog, &a);
  one(content, &b, &a);
  EXPECT_EQ(pin(service::files), b);
  EXPECT_EQ(pin(service::catalog), b);
  EXPECT_EQ(runs.current()->moves, 1u);
  EXPECT_EQ(runs.current()->failovers, 1u);
  for (int i = 0; i < 10; ++i) one(content, &b);
  EXPECT_EQ(runs.current()->moves, 1u);
}

TEST_F(RunAffinity, ACatalogThatCouldNotBeWhereTheFilesAreTakesThemAlong) {
  one(plugins, &a);
  one(catalog, &b, &a);
  EXPECT_EQ(pin(service::catalog), b);
  EXPECT_EQ(pin(service::files), b);
  EXPECT_EQ(runs.current()->moves, 1u);
  one(content, &b);
  EXPECT_EQ(runs.current()->moves, 1u);
}

TEST_F(RunAffinity, FilesStayWhenTheCatalogOnlyFailedElsewhere) {
  one(plugins, &a);
  one(catalog, &b, &f);  // which does not serve from `a`
  EXPECT_EQ(pin(service::catalog), b);
  EXPECT_EQ(pin(service::files), a);
  EXPECT_EQ(runs.current()->moves, 0u);
}

TEST_F(RunAffinity, ACatalogThatBeganBeforeTheMoveDoesNotMoveTheFilesAgain) {
  one(plugins, &a);
  const auto compiling = begin(catalog);
  one(content, &b, &a);
  end(compiling, &f, &b);
  EXPECT_EQ(pin(service::files), b);
  EXPECT_EQ(pin(service::catalog), f) << "who has its code";
  EXPECT_EQ(runs.current()->moves, 1u);
}

TEST_F(RunAffinity, ACatalogTakenAlongToAFileServerLeavesTheFilesThereWhenItGoesElsewhere) {
  one(node, &a, nullptr, 500);
  one(plugins, &f, &a);
  EXPECT_EQ(pin(service::catalog), f);
  one(catalog, &a, nullptr, 500);  // f compiles none and was not asked
  EXPECT_EQ(pin(service::catalog), a);
  EXPECT_EQ(pin(service::files), f);
  one(content, &f);
  EXPECT_EQ(pin(service::catalog), a);
  EXPECT_EQ(runs.current()->moves, 1u);
}

TEST_F(RunAffinity, WhatFailsWhereItWasTakenAlongMovesTheRun) {
  one(node, &a);
  one(plugins, &b, &a);
  one(catalog, &f, &b);
  EXPECT_EQ(pin(service::files), f);
  EXPECT_EQ(runs.current()->moves, 2u);
}

TEST_F(RunAffinity, WhatAnsweredWhereItWasTakenAlongIsThere) {
  one(node, &a);
  one(plugins, &b, &a);
  one(catalog, &b);
  one(catalog, &f);  // b is known to be down
  EXPECT_EQ(pin(service::files), f);
}

TEST_F(RunAffinity, CaRequestsDoNotKeepTheMastersOfADeadRun) {
  one(std::string(node) + "1111", &a);
  one(catalog, &a);
  now += 60s;
  one(crl, &r);
  const auto x = begin(std::string(node) + "2222");
  EXPECT_EQ(id(), 2u);
  EXPECT_EQ(runs.pinned(service::catalog), nullptr);
  end(x, &b);
  EXPECT_EQ(pin(service::catalog), b);
}

TEST_F(RunAffinity, AnAnswerThatWasUnderWayDoesNotMoveTheRunBack) {
  one(content, &a);
  const auto slow = begin(content);
  one(content, &b, &a);
  end(slow, &a);
  EXPECT_EQ(pin(service::files), b);
  EXPECT_EQ(runs.current()->moves, 1u);
}

TEST_F(RunAffinity, ManyRequestsOfADyingMasterMoveTheRunOnce) {
  one(content, &a);
  const auto first = begin(content), second = begin(content);
  end(first, &b, &a);
  end(second, &f, &a);
  EXPECT_EQ(pin(service::files), b);
  EXPECT_EQ(runs.current()->moves, 1u);
}

TEST_F(RunAffinity, FilesWithMastersOfTheirOwnDoNotMoveTheCatalog) {
  one(catalog, &a);
  EXPECT_EQ(pin(service::files), a) << "a wish, which a file service without `a` cannot fulfil";
  one(content, &f);
  EXPECT_EQ(pin(service::files), f);
  EXPECT_EQ(pin(service::catalog), a);
  EXPECT_EQ(runs.current()->moves, 0u);
  one(content, &b, &a);
  EXPECT_EQ(pin(service::files), b);
  EXPECT_EQ(pin(service::catalog), a);
}

TEST_F(RunAffinity, AFurtherServiceHasAPinOfItsOwn) {
  const service canary{4};
  const auto x = begin(catalog);
  runs.end(x.ticket, {.row = *x.row, .of = canary, .answered_by = &b, .status = 200}, now);
  EXPECT_EQ(*runs.pinned(canary), b);
  EXPECT_EQ(runs.pinned(service::catalog), nullptr);
  EXPECT_EQ(*runs.catalog_master(), b);
}

TEST_F(RunAffinity, KnowsWhoCompiledTheCatalog) {
  one(content, &a);
  EXPECT_EQ(runs.catalog_master(), nullptr);
  one(catalog, &a, nullptr, 500);
  EXPECT_EQ(runs.catalog_master(), nullptr);
  one(catalog, &a);
  one(content, &b, &a);
  EXPECT_EQ(*runs.catalog_master(), a) << "the run moved, the catalog did not change";
}

TEST_F(RunAffinity, AskingTheCatalogsMasterAboutA404MovesNothing) {
  one(catalog, &a);
  one(content, &f);
  const auto x = begin(content);
  runs.end(x.ticket, {.row = *x.row, .of = service::files, .answered_by = &a, .lag_checked = true, .status = 200}, now);
  EXPECT_EQ(pin(service::files), f);
  EXPECT_EQ(runs.current()->moves, 0u);
}

TEST_F(RunAffinity, WhoOnlySaysThatItCannotServeIsNotPinned) {
  one(content, &a);
  for (const int status : {429, 502, 503, 504}) one(content, &b, &a, status);
  EXPECT_EQ(pin(service::files), a);
  one(content, &b, &a, 404);
  EXPECT_EQ(pin(service::files), b);
}

TEST_F(RunAffinity, CountsWhatNobodyAnswered) {
  one(content, &a);
  one(content, nullptr, &a);
  EXPECT_EQ(runs.current()->unserved, 1u);
  EXPECT_EQ(pin(service::files), a);
}

TEST_F(RunAffinity, ASilentMasterIsCountedOnceForEachServiceOfARun) {
  const auto silent = [&](std::string_view target, const master& who) {
    const auto x = begin(target);
    runs.end(x.ticket, {.row = *x.row, .of = x.row->service, .answered_by = &a, .status = 200, .silent = &who}, now);
    return runs.current()->silences;
  };
  EXPECT_EQ(silent(content, b), 1u);
  EXPECT_EQ(silent(content, b), 1u);
  EXPECT_EQ(silent(catalog, b), 2u);
  EXPECT_EQ(silent(content, f), 3u);
  EXPECT_EQ(silent(content, b), 3u);
  EXPECT_EQ(silent(probe, b), 1u) << "another run";
}

TEST_F(RunAffinity, AReportThatFailedEndsTheRunToo) {
  one(probe, &a);
  one(report, nullptr);
  EXPECT_EQ(id(), 0u);
  EXPECT_EQ(runs.take_finished(now)->unserved, 1u);
}

TEST_F(RunAffinity, WhatComesFromOutsideIsBounded) {
  one(std::string(node) + std::string(100000, 'x'), &a);
  EXPECT_EQ(runs.current()->transaction_uuid.size(), 64u);
  for (std::uint16_t i = 0; i < 1000; ++i) {
    const auto x = begin(content);
    const master m{"m" + std::to_string(i), 8140, source_kind::list};
    runs.end(x.ticket,
             {.row = *x.row, .of = service{static_cast<std::uint16_t>(4 + i)}, .answered_by = &m, .silent = &m}, now);
  }
  EXPECT_EQ(runs.current()->used.size(), run_summary::max_uses);
  EXPECT_EQ(runs.current()->silences, run_summary::max_uses);
  // The 16 pins are of the node request's service and of the first 15 others.
  EXPECT_NE(runs.pinned(service{18}), nullptr);
  EXPECT_EQ(runs.pinned(service{19}), nullptr);
  EXPECT_EQ(pin(service::files), a);
  for (int i = 0; i < 100; ++i) one(probe, &a);
  std::vector<std::uint64_t> left;
  while (const auto done = runs.take_finished(now)) left.push_back(done->id);
  EXPECT_EQ(left, (std::vector{id() - 4, id() - 3, id() - 2, id() - 1})) << "the last ones, oldest first";
}

TEST_F(RunAffinity, OddQueriesAreNoMarkers) {
  one(probe, &a);
  for (const std::string_view odd :
       {"/puppet/v3/node/x?transaction_uuid", "/puppet/v3/node/x?transaction_uuid=", "/puppet/v3/node/x?",
        "/puppet/v3/node/x?&&&=", "/puppet/v3/node/x?atransaction_uuid=1", "/puppet/v3/node/x?transaction_guid=1",
        "/puppet/v3/node/x?transaction_uuids=1", "/puppet/v3/file_metadatas/plugins?recycle=false",
        "/puppet/v3/node/transaction_uuid=1", "/puppet/v3/file_metadatas/plugins?recurse=falsehood",
        "/puppet/v3/file_metadatas/pluginfacts?recurse=false", "/puppet/v3/file_metadatas/plugins/x?recurse=false"})
    one(odd, &a);
  EXPECT_EQ(id(), 1u);
  EXPECT_EQ(runs.current()->transaction_uuid, "");
}

TEST_F(RunAffinity, WhatIsPinnedForServicesThatAreGoneTakesNoPlace) {
  const auto routed_to = [&](std::uint16_t of, const master& by) {
    const auto x = begin(content);
    runs.end(x.ticket, {.row = *x.row, .of = service{of}, .answered_by = &by, .status = 200}, now);
  };
  for (std::uint16_t of = 4; of < 30; ++of) routed_to(of, a);
  ASSERT_EQ(runs.pinned(service{29}), nullptr) << "there is no more place";
  runs.renumber([](service) { return gone_service; });
  routed_to(29, b);
  EXPECT_EQ(pin(service{29}), b);
}

TEST_F(RunAffinity, PinsAndCountsFollowTheirServicesNumbersAndThoseOfOneThatIsGoneArePinnedToNobody) {
  const auto canary = static_cast<service>(4), debug = static_cast<service>(5);
  const auto routed_to = [&](service of, const master& by) {
    const auto x = begin(content);
    runs.end(x.ticket, {.row = *x.row, .of = of, .answered_by = &by, .status = 200}, now);
  };
  routed_to(canary, a);
  routed_to(debug, b);
  one(content, &f);
  runs.renumber([&](service s) { return s == debug ? canary : s == canary ? gone_service : s; });
  EXPECT_EQ(pin(canary), b);
  EXPECT_EQ(runs.pinned(debug), nullptr);
  EXPECT_EQ(pin(service::files), f);
  routed_to(gone_service, a);
  EXPECT_EQ(runs.pinned(gone_service), nullptr);
  one(report, &r);
  runs.renumber([&](service s) { return s == canary ? debug : s; });
  const auto done = runs.take_finished(now);
  ASSERT_TRUE(done);
  ASSERT_EQ(done->used.size(), 4u);
  EXPECT_EQ(done->used[0].of, gone_service);
  EXPECT_EQ(done->used[0].answers, 2u);
  EXPECT_EQ(done->used[1].of, debug);
}

}  // namespace
}  // namespace bunraku::policy
