#pragma once
#include "timeline.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace sim {

struct fleet_site;

/// What the rules say of a fleet: printed as it comes, and the names of those that are broken.
class fleet_verdict {
 public:
  explicit fleet_verdict(bool quiet) noexcept : quiet_(quiet) {}
  void say(const std::string& text) const;
  void judge(double value, double most, const std::string& rule);
  const std::vector<std::string>& broken() const noexcept { return broken_; }

 private:
  bool quiet_;
  std::vector<std::string> broken_;
};

/// Requests per master and 30 seconds.
class fleet_load {
 public:
  struct phase {
    std::string name;
    time_point from, to;
    bool lost;           ///< one master serves nobody
    bool judged = true;  ///< each master has to have its part
  };
  fleet_load(std::size_t masters, time_point from) : from_(from), windows_(masters) {}

  void count(std::size_t master, time_point when);

  /// Each master's part is that of its weight, to within a tenth.
  void check_shares(const fleet_site& site, const std::vector<phase>& phases, fleet_verdict& into) const;
  /// No window has more than half as much again as the mean; between two phases the larger of both.
  void check_windows(const std::vector<phase>& phases, fleet_verdict& into) const;

 private:
  static constexpr duration width = 30s;
  std::size_t window_of(time_point t) const noexcept { return static_cast<std::size_t>((t - from_) / width); }
  double mean(std::size_t master, const phase& of) const;

  time_point from_;
  std::vector<std::vector<std::uint32_t>> windows_;
};

}  // namespace sim
