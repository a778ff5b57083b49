#include "fleet.hpp"

#include "fleet_load.hpp"
#include "fleet_member.hpp"
#include "policy/random.hpp"
#include "timeline.hpp"

#include <chrono>
#include <cstdio>
#include <functional>
#include <queue>
#include <string>
#include <vector>

namespace sim {
namespace {

constexpr auto run_interval = std::chrono::minutes(30);
constexpr auto lost_at = std::chrono::minutes(60), back_at = std::chrono::minutes(120);
// Every agent needs one run to find that a master is back, and goes there with its next one.
constexpr auto settled_at = back_at + run_interval, over_at = settled_at + run_interval;

/// Requests that an agent may have cause to ask of DNS and of masters' status pages, per hour and agent.
constexpr double most_dns_questions = 16, most_probes = 2;
/// Connections that fail, per hour and agent, while one of five masters is lost.
constexpr double most_failed_connections = 1;

std::size_t resident_megabytes() {
  std::size_t total = 0, resident = 0;
  if (auto* const f = std::fopen("/proc/self/statm", "r")) {
    if (std::fscanf(f, "%zu %zu", &total, &resident) != 2) resident = 0;
    std::fclose(f);
  }
  return resident * 4096 / 1'000'000;
}

bool holds(const char* what, double value, double most) {
  const bool fine = value <= most;
  std::printf("  %-46s %8.2f  (at most %.2f)%s\n", what, value, most, fine ? "" : "  BROKEN");
  return fine;
}

struct next {
  time_point when;
  std::uint32_t who;
  bool operator>(const next& other) const noexcept { return when != other.when ? when > other.when : who > other.who; }
};

}  // namespace

bool run_fleet(const fleet_options& how) {
  fleet_site site(how.broken == mutation::equal_weights);
  site.lost_from = beginning + lost_at;
  site.lost_to = beginning + back_at;
  site.blackhole = how.blackhole;
  fleet_load load(site.masters.size(), beginning);
  fleet_counts counts;

  bunraku::policy::random chance(how.seed);
  std::vector<fleet_member> members;
  members.reserve(how.agents);
  const auto before = resident_megabytes();
  std::priority_queue<next, std::vector<next>, std::greater<>> queue;
  for (std::size_t i = 0; i < how.agents; ++i) {
    const auto drawn =
        duration(static_cast<duration::rep>(chance.below(static_cast<std::uint64_t>(duration(run_interval).count()))));
    const auto splay = how.broken == mutation::all_at_once ? drawn / 20 : drawn;
    members.emplace_back("agent" + std::to_string(i) + ".example.com", chance.next(), beginning + splay);
    queue.push({members.back().next(), static_cast<std::uint32_t>(i)});
  }
  while (!queue.empty() && queue.top().when < beginning + over_at) {
    const auto now = queue.top();
    queue.pop();
    members[now.who].step(now.when, site, load, counts);
    queue.push({members[now.who].next(), now.who});
  }

  std::printf("%zu agents, a run each %lld minutes; master 2 of 5 %s from minute 60 to 120\n", how.agents,
              static_cast<long long>(run_interval.count()), how.blackhole ? "does not answer" : "refuses connections");
  std::printf("%zu MB for all, %.1f kB for an agent's knowledge and answers\n", resident_megabytes(),
              static_cast<double>(resident_megabytes() - before) * 1000 / static_cast<double>(how.agents));
  const std::vector<fleet_load::phase> phases = {
      {"before", beginning + std::chrono::minutes(30), site.lost_from, false},
      {"lost", site.lost_from, site.lost_to, true},
      {"after", beginning + settled_at, beginning + over_at, false},
  };
  bool fine = load.check_shares(site, phases);
  fine = load.check_windows(phases) && fine;
  const double agent_hours = static_cast<double>(how.agents) * duration(over_at).count() / duration(1h).count();
  const double lost_hours =
      static_cast<double>(how.agents) * duration(back_at - lost_at).count() / duration(1h).count();
  fine = holds("DNS questions per agent and hour", static_cast<double>(counts.dns_questions) / agent_hours,
               most_dns_questions) &&
         fine;
  fine = holds("status questions per agent and hour", static_cast<double>(counts.probes) / agent_hours, most_probes) &&
         fine;
  fine = holds("failed connections per agent and hour of loss",
               static_cast<double>(counts.failed_connections) / lost_hours, most_failed_connections) &&
         fine;
  fine = holds("requests nobody answered", static_cast<double>(counts.unserved), 0) && fine;
  std::printf("%llu requests: %s\n", static_cast<unsigned long long>(counts.requests),
              fine ? "all rules hold" : "a rule is BROKEN");
  return fine;
}

}  // namespace sim
