#include "policy/run_line.hpp"

#include <gmock/gmock.h>

namespace bunraku::policy {
namespace {

using namespace std::chrono_literals;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

std::string line(const run_summary& run) {
  return line_of(run, 120s, [](service s) { return builtin_name(s); });
}

TEST(RunLine, SaysWhoServedWhatAndWhatItCost) {
  run_summary run;
  run.began = run_summary::time_point{} + 1h;
  run.last = run.began + 24800ms;
  run.how = run_summary::end::reported;
  run.requests = 3;
  run.failovers = 1;
  run.lost = 250ms;
  const master a("a", 8140, source_kind::srv), b("b", 8140, source_kind::srv);
  run.used = {{service::files, a, 1}, {service::files, b, 7}, {service::catalog, b, 1}};
  EXPECT_EQ(line(run),
            "run over end=report requests=3 unserved=0 failovers=1 moves=0 up=0 down=0 seconds=24.8 lost_s=0.2 "
            "spared_s=0.0 catalog=b:8140*1 files=b:8140*7,a:8140*1");
}

TEST(RunLine, ATransactionsNameCannotBreakTheLine) {
  run_summary run;
  EXPECT_THAT(line(run), Not(HasSubstr("transaction")));
  run.transaction_uuid = "1b-Z~! \n\t\x1b\"=\x7f\xff.";
  EXPECT_THAT(line(run), EndsWith(" transaction=1b-Z~!????????."));
}

TEST(RunLine, EachSilenceSparesTheAgentsPatienceLessWhatWasLost) {
  run_summary run;
  run.silences = 2;
  run.lost = 500ms;
  EXPECT_EQ(spared_in(run, 120s), 239500ms);
  EXPECT_THAT(line(run), HasSubstr("lost_s=0.5 spared_s=239.5"));
}

TEST(RunLine, WhoLosesMoreThanAnAgentWouldSparesNothing) {
  run_summary run;
  run.lost = 10s;
  EXPECT_EQ(spared_in(run, 120s), 0s);
  run.silences = 1;
  EXPECT_EQ(spared_in(run, 5s), 0s);
}

TEST(RunLine, ASilentMasterCountsOnceForEachServiceOfARun) {
  run_affinity runs;
  const master silent("a", 8140, source_kind::srv), good("b", 8140, source_kind::srv);
  auto now = run_affinity::time_point{} + 1000h;
  const auto ask = [&](std::string_view method, std::string_view target) {
    const auto& row = find_endpoint(method, target);
    const auto ticket = runs.begin(row, target, now);
    runs.end(ticket,
             {.row = row,
              .of = row.service,
              .answered_by = &good,
              .failed_first = &silent,
              .status = 200,
              .lost = 250ms,
              .silent = &silent},
             now);
  };
  ask("GET", "/puppet/v3/file_content/modules/m/x?environment=production");
  ask("GET", "/puppet/v3/file_content/modules/m/y?environment=production");
  ask("POST", "/puppet/v3/catalog/agent1?environment=production");
  EXPECT_EQ(runs.current()->silences, 2u);
  EXPECT_EQ(runs.current()->lost, 750ms);
}

}  // namespace
}  // namespace bunraku::policy
