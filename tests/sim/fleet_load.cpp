#include "fleet_load.hpp"

#include "fleet_member.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace sim {
namespace {

constexpr double off_by_most = 0.10, peak_most = 1.5;

template <class... Values>
std::string text(const char* format, Values... values) {
  char line[200];
  std::snprintf(line, sizeof line, format, values...);
  return line;
}

}  // namespace

void fleet_verdict::say(const std::string& line) const {
  if (!quiet_) std::puts(line.c_str());
}

void fleet_verdict::judge(double value, double most, const std::string& rule) {
  const bool holds = value <= most;
  if (!holds) broken_.push_back(rule);
  say(text("  %-54s %8.3f  (at most %.2f)%s", rule.c_str(), value, most, holds ? "" : "  BROKEN"));
}

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

void fleet_load::check_shares(const fleet_site& site, const std::vector<phase>& phases, fleet_verdict& into) const {
  std::string head = text("  %-8s %7s", "master", "weight");
  for (const auto& p : phases) head += text(" %10s %8s", p.name.c_str(), "of due");
  into.say(head + "    (requests in 30 s, and what part that is of what is due by weight)");
  double worst = 0;
  for (std::size_t m = 0; m < windows_.size(); ++m) {
    std::string line = text("  %-8zu %7u", m + 1, static_cast<unsigned>(site.masters[m].weight()));
    for (const auto& p : phases) {
      double all = 0, weights = 0;
      for (std::size_t i = 0; i < windows_.size(); ++i) {
        all += mean(i, p);
        if (!p.lost || i != fleet_site::lost) weights += site.masters[i].weight();
      }
      const bool serves = !p.lost || m != fleet_site::lost;
      const double due = serves ? all * site.masters[m].weight() / weights : 0;
      const double got = mean(m, p);
      const double off = serves ? std::abs(got / due - 1) : got;
      if (p.judged) worst = std::max(worst, off);
      line += text(" %10.1f %8.3f", got, serves ? got / due : 0.0);
    }
    into.say(line);
  }
  into.judge(worst, off_by_most, "furthest from the part of what is due by weight");
}

void fleet_load::check_windows(const std::vector<phase>& phases, fleet_verdict& into) const {
  double worst = 0;
  for (std::size_t m = 0; m < windows_.size(); ++m) {
    for (std::size_t i = window_of(phases.front().from); i < window_of(phases.back().to); ++i) {
      const auto from = from_ + width * static_cast<duration::rep>(i);
      // Where two phases meet, and between two that are judged, the larger of both means counts.
      double most = 0;
      for (std::size_t k = 0; k < phases.size(); ++k) {
        const auto since = k > 0 && !phases[k - 1].judged ? phases[k - 1].from : phases[k].from;
        const auto until = k + 1 < phases.size() && !phases[k + 1].judged ? phases[k + 1].to : phases[k].to;
        if (phases[k].judged && from < until && from + width > since) most = std::max(most, mean(m, phases[k]));
      }
      const double got = i < windows_[m].size() ? windows_[m][i] : 0;
      worst = std::max(worst, most > 0 ? got / most : got > 0 ? 99.0 : 0.0);
    }
  }
  into.judge(worst, peak_most, "most in any 30 s, as part of the master's mean");
}

}  // namespace sim
