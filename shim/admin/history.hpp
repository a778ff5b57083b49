#pragma once
#include "forward/access_log.hpp"

#include <bunraku/snapshot.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <deque>
#include <list>
#include <map>
#include <string>
#include <tuple>

namespace shim::admin {

/// What this process has done so far: totals for metrics, the last exchanges and runs for whoever looks. No request's
/// path or query is in it, only the kind of request.
/// Bounds:  `most_exchanges`, `most_runs`, `most_series`; what does not fit goes to the master "other".
/// Threads: one at a time. Pure: times are the caller's.
class history {
 public:
  using time_point = std::chrono::steady_clock::time_point;
  static constexpr std::size_t most_exchanges = 50, most_runs = 20, most_series = 512;
  /// Upper bounds of a histogram's buckets in seconds: a file's metadata takes milliseconds, a catalog may take
  /// minutes.
  static constexpr std::array bounds{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0};

  struct exchange {
    time_point ended;
    std::string service, endpoint, method, master;  ///< no master: nobody answered
    int status = 0;                                 ///< 0: the client got nothing
    std::size_t attempts = 0;
    std::uint64_t bytes_up = 0, bytes_down = 0;
    std::chrono::microseconds total{0}, lost{0};
    bool own_answer = false, cut = false, continued = false;
    std::string why;  ///< how the failed attempts ended
  };
  struct series {
    std::string service, master;
    int status = 0;
    auto operator<=>(const series&) const = default;
  };
  struct service_totals {
    std::array<std::uint64_t, bounds.size()> buckets{};  ///< each exchange in the first that it fits in
    std::uint64_t exchanges = 0, attempts = 0, detours = 0, cut = 0, continued = 0, bytes_up = 0, bytes_down = 0;
    std::chrono::microseconds total{0}, lost{0};
  };
  struct run_totals {
    std::uint64_t reported = 0, unreported = 0, failovers = 0, unserved = 0, moves = 0;
    std::chrono::microseconds spared{0};
  };

  void note(const forward::exchange_record& ended);
  void note(const bunraku::snapshot::run_view& ended);

  const std::list<exchange>& exchanges() const noexcept { return exchanges_; }            ///< the latest first
  const std::deque<bunraku::snapshot::run_view>& runs() const noexcept { return runs_; }  ///< the latest first
  const std::map<series, std::uint64_t>& answers() const noexcept { return answers_; }
  const std::map<std::string, service_totals, std::less<>>& services() const noexcept { return services_; }
  const run_totals& run_sums() const noexcept { return run_sums_; }

 private:
  void count(const forward::exchange_record& ended, bool answered);
  void keep(const forward::exchange_record& ended, bool answered);

  std::list<exchange> exchanges_;
  std::deque<bunraku::snapshot::run_view> runs_;
  std::map<series, std::uint64_t> answers_;
  std::map<std::string, service_totals, std::less<>> services_;
  run_totals run_sums_;
};

}  // namespace shim::admin
