#include "fleet_load.hpp"

#include "fleet_member.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace sim {
namespace {

constexpr double off_by_most = 0.10, peak_most = 1.5;

}  // namespace

void fleet_load::count(std::size_t master, time_point when) {
  auto& of = windows_[master];
  const auto at = window_of(when);
  if (of.size() <= at) of.resize(at + 1);
  ++of[at];
}

double fleet_load::mean(std::size_t master, const phase& of) const {
  double sum = 0;
  const auto first = window_of(of.from), last = window_of(of.to);
  for (auto i = first; i < last && i < windows_[master].size(); ++i) sum += windows_[master][i];
  return sum / static_cast<double>(last - first);
}

bool fleet_load::check_shares(const fleet_site& site, const std::vector<phase>& phases) const {
  bool fine = true;
  std::printf("  %-8s %7s", "master", "weight");
  for (const auto& p : phases) std::printf(" %10s %8s", p.name.c_str(), "of due");
  std::printf("    (requests in 30 s, part of what is due by weight: within %.2f and %.2f)\n", 1 - off_by_most,
              1 + off_by_most);
  for (std::size_t m = 0; m < windows_.size(); ++m) {
    std::printf("  %-8zu %7u", m + 1, static_cast<unsigned>(site.masters[m].weight()));
    for (const auto& p : phases) {
      double all = 0, weights = 0;
      for (std::size_t i = 0; i < windows_.size(); ++i) {
        all += mean(i, p);
        if (!p.lost || i != fleet_site::lost) weights += site.masters[i].weight();
      }
      const bool serves = !p.lost || m != fleet_site::lost;
      const double due = serves ? all * site.masters[m].weight() / weights : 0;
      const double got = mean(m, p);
      const bool right = serves ? std::abs(got / due - 1) <= off_by_most : got == 0;
      std::printf(" %10.1f %7.3f%s", got, serves ? got / due : 0.0, right ? " " : "!");
      fine = fine && right;
    }
    std::printf("\n");
  }
  return fine;
}

bool fleet_load::check_windows(const std::vector<phase>& phases) const {
  bool fine = true;
  double worst = 0;
  for (std::size_t m = 0; m < windows_.size(); ++m) {
    for (std::size_t i = window_of(phases.front().from); i < window_of(phases.back().to); ++i) {
      const auto from = from_ + width * static_cast<duration::rep>(i);
      double most = 0;
      for (std::size_t k = 0; k < phases.size(); ++k) {
        const auto until = k + 1 < phases.size() ? std::max(phases[k].to, phases[k + 1].from) : phases[k].to;
        const auto since = k > 0 ? std::min(phases[k].from, phases[k - 1].to) : phases[k].from;
        if (from < until && from >= since) most = std::max(most, mean(m, phases[k]));
      }
      const double got = i < windows_[m].size() ? windows_[m][i] : 0;
      const double part = most > 0 ? got / most : got > 0 ? 99.0 : 0.0;
      worst = std::max(worst, part);
      if (part <= peak_most) continue;
      if (fine)
        std::printf("  master %zu got %.0f requests in the 30 s from %.0f s on, %.2f of its mean: BROKEN\n", m + 1, got,
                    seconds_of(from), part);
      fine = false;
    }
  }
  std::printf("  most in any 30 s: %.2f of the master's mean (at most %.2f)\n", worst, peak_most);
  return fine;
}

}  // namespace sim
