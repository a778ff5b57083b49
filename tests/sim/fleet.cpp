#include "fleet.hpp"

#include "fault.hpp"
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

/// Per agent and hour.
constexpr double most_dns_questions = 18, most_probes_of_the_lost = 2, most_failed_connections = 0.3;

std::size_t resident_megabytes() {
  std::size_t total = 0, resident = 0;
  if (auto* const f = std::fopen("/proc/self/statm", "r")) {
    if (std::fscanf(f, "%zu %zu", &total, &resident) != 2) resident = 0;
    std::fclose(f);
  }
  return resident * 4096 / 1'000'000;
}

struct next {
  time_point when;
  std::uint32_t who;
  bool operator>(const next& other) const noexcept { return when != other.when ? when > other.when : who > other.who; }
};

}  // namespace

std::vector<std::string> run_fleet(const fleet_options& how) {
  fleet_site site(how.broken);
  site.lost_from = beginning + lost_at;
  site.lost_to = beginning + back_at;
  site.blackhole = how.blackhole;
  fleet_load load(site.masters.size(), beginning);
  fleet_counts counts;
  fleet_verdict verdict(how.quiet);

  bunraku::policy::random chance(how.seed);
  std::vector<fleet_member> members;
  members.reserve(how.agents);
  const auto before = resident_megabytes();
  std::priority_queue<next, std::vector<next>, std::greater<>> queue;
  for (std::size_t i = 0; i < how.agents; ++i) {
    const auto drawn = between(chance, 0s, run_interval);
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

  verdict.say(std::to_string(how.agents) + " agents, a run each 30 minutes; master 2 of 5 " +
              (how.blackhole ? "does not answer" : "refuses connections") + " from minute 60 to 120; " +
              std::to_string(counts.requests) + " requests");
  verdict.say(std::to_string(resident_megabytes() - before) + " MB for all their knowledge and answers");
  const std::vector<fleet_load::phase> phases = {
      {"before", beginning + run_interval, site.lost_from, false},
      {"lost", site.lost_from, site.lost_to, true},
      {"back", site.lost_to, beginning + settled_at, false, false},
      {"after", beginning + settled_at, beginning + over_at, false},
  };
  load.check_shares(site, phases, verdict);
  load.check_windows(phases, verdict);
  const auto per_hour = [&](std::uint64_t count, duration of) {
    return static_cast<double>(count) / static_cast<double>(how.agents) /
           std::chrono::duration<double>(of / 3600).count();
  };
  const duration lost = back_at - lost_at, calm = duration(over_at) - lost;
  verdict.judge(per_hour(counts.calm.dns_questions, calm), most_dns_questions, "DNS questions per agent and hour");
  verdict.judge(per_hour(counts.loss.dns_questions, lost), most_dns_questions, "  while a master is lost");
  // Nobody is asked for who never failed; what is left are questions to the one that has just come back.
  verdict.judge(per_hour(counts.calm.probes, calm), 1, "status questions per agent and hour");
  verdict.judge(per_hour(counts.loss.probes, lost), most_probes_of_the_lost,
                "  status questions while a master is lost");
  verdict.judge(per_hour(counts.loss.failed_connections, lost), most_failed_connections,
                "  failed connections while a master is lost");
  verdict.judge(static_cast<double>(counts.unserved), 0, "requests nobody answered");
  verdict.say(verdict.broken().empty() ? "all rules hold" : "a rule is BROKEN");
  return verdict.broken();
}

}  // namespace sim
