#pragma once
#include <chrono>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace least_latency {

/// How long masters let an answer's first byte wait, as moving means with the peak rule: a slower answer counts at once
/// and in full, faster ones bring the mean down over `decay`; and so does time alone, so that a master that was slow
/// once is tried again.
/// Kinds of requests are kept apart: a catalog takes seconds and a file's metadata milliseconds, and a master is not
/// slow for having compiled.
/// Pure: `now` is the caller's and never goes back. Source: the peak EWMA of Finagle's load balancer.
class latency {
 public:
  using time_point = std::chrono::steady_clock::time_point;
  static constexpr std::size_t most_masters = 1024;

  explicit latency(std::chrono::milliseconds decay) : decay_(decay) {}

  void learn(const std::string& service, const std::string& kind, const std::string& master,
             std::chrono::microseconds first_byte, time_point now);

  /// For each master how much slower it is than the fastest, in thousandths: 1000 is the fastest, and also one of which
  /// nothing is known. The mean over those kinds of requests that several of them answered.
  std::vector<std::int64_t> costs(const std::string& service, std::span<const std::string> masters,
                                  time_point now) const;

  struct line {
    std::string service, kind, master;
    std::chrono::microseconds mean;
  };
  std::vector<line> lines(time_point now) const;

 private:
  struct mean {
    double microseconds = 0;
    time_point learned;
  };
  double at(const mean& m, time_point now) const;

  std::chrono::milliseconds decay_;
  std::map<std::string, std::map<std::string, std::map<std::string, mean>>> known_;  // service, kind, master
};

}  // namespace least_latency
