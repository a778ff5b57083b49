#include "fleet.hpp"
#include "simulation.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

namespace {

constexpr const char* usage =
    "sim_run: the real decisions under virtual time, name servers and masters\n"
    "  --seeds A-B [--trace]   run these seeds; exit 1 at the first that breaks a rule\n"
    "  --seed N [--trace]      the same for one; --trace prints everything that happens\n"
    "  --cancel A-B            their first runs, stopped at each moment at which the daemon waits: once its client "
    "leaves\n"
    "                          there, once the daemon is stopped; with --at N --trace the N-th moment alone\n"
    "  --forever [N]           from seed N on (default 1) until it is stopped or a rule is broken\n"
    "  --fleet [N] [--blackhole]  N agents (default 50000) while one of five masters is lost for an hour; about 0.3 "
    "ms\n"
    "                          each, about 10 kB\n"
    "  --mutations [N]         break each rule on purpose, in at most N seeds (default 20000): exit 0 if all are "
    "noticed\n"
    "  --mutation NAME         with the others: break that rule, and say what is noticed\n";

struct order {
  std::uint64_t first = 1, last = 1000;
  bool tracing = false;
  sim::mutation broken = sim::mutation::none;
  std::optional<sim::fleet_options> fleet;
  bool blackhole = false;
  bool cancel = false;
  std::uint64_t at = 0;
  std::optional<std::uint64_t> mutations;
};

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t n = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
  return error == std::errc() && end == text.data() + text.size() ? std::optional(n) : std::nullopt;
}

std::optional<std::pair<std::uint64_t, std::uint64_t>> range(std::string_view text) {
  const auto dash = text.find('-');
  const auto first = number(text.substr(0, dash));
  const auto last = dash == std::string_view::npos ? first : number(text.substr(dash + 1));
  if (!first || !last || *last < *first) return std::nullopt;
  return std::pair(*first, *last);
}

std::optional<order> read(int argc, char** argv) {
  order o;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    const std::string_view next = i + 1 < argc ? argv[i + 1] : "";
    if (word == "--trace") {
      o.tracing = true;
    } else if (word == "--at" && number(next)) {
      o.at = *number(next);
      ++i;
    } else if (word == "--mutations") {
      o.mutations = number(next).value_or(20'000);
      i += number(next).has_value();
    } else if (word == "--seed" || word == "--cancel" || word == "--seeds") {
      const auto both = range(next);
      if (!both) return std::nullopt;
      std::tie(o.first, o.last) = *both;
      o.cancel = word == "--cancel";
      ++i;
    } else if (word == "--forever") {
      o.last = std::numeric_limits<std::uint64_t>::max();
      o.first = 1;
      if (const auto from = number(next)) {
        o.first = *from;
        ++i;
      }
    } else if (word == "--blackhole") {
      o.blackhole = true;
    } else if (word == "--fleet") {
      o.fleet.emplace();
      if (const auto agents = number(next)) {
        o.fleet->agents = *agents;
        ++i;
      }
    } else if (word == "--mutation") {
      const auto all = sim::mutations();
      const auto found = std::ranges::find(all, next, &sim::mutation_line::name);
      if (found == all.end()) return std::nullopt;
      o.broken = found->what;
      ++i;
    } else {
      return std::nullopt;
    }
  }
  return o;
}

unsigned long long wide(std::uint64_t n) { return n; }

void report(const sim::invariants::counters& all, std::uint64_t seeds, std::uint64_t events, double seconds) {
  std::printf("%llu seeds, %.0f hours of virtual time, %llu events\n", wide(seeds), seconds / 3600, wide(events));
  std::printf("%llu exchanges, %llu answered, %llu failed; %llu needed more than one master, %llu DNS questions\n",
              wide(all.exchanges), wide(all.answered), wide(all.failed), wide(all.failovers), wide(all.questions));
  std::printf("  failed while every master had a fault:      %8llu\n", wide(all.nobody_able));
  std::printf("  failed since DNS named no able master:      %8llu\n", wide(all.not_found));
  for (const auto& [why, count] : all.excused)
    std::printf("  failed although a master could have served: %8llu  %s\n", wide(count), why.c_str());
}

/// Two runs of a seed that differ would make a failure impossible to replay.
std::optional<std::string> failure_of(std::uint64_t seed, const sim::play& how, sim::history& h) {
  h = sim::simulate(seed, how);
  const bool twice = seed % 1000 == 0 || how.broken == sim::mutation::unrepeatable;
  if (h.failure || !twice) return h.failure;
  const auto again = sim::simulate(seed, how);
  constexpr std::string_view differs = "it is not the same twice";
  const bool same =
      again.events == h.events && again.seconds == h.seconds && again.counts.answered == h.counts.answered;
  if (same || differs.find(how.expected) == std::string_view::npos) return std::nullopt;
  return std::string(differs);
}

int broken(std::uint64_t seed, const std::string& failure, const std::string& replay, bool on_purpose) {
  std::printf("seed %llu: %s\n", wide(seed), failure.c_str());
  if (!on_purpose) std::printf("replay: %s\n", replay.c_str());
  return on_purpose ? 0 : 1;
}

int run(const order& o, const char* program) {
  sim::invariants::counters all;
  std::uint64_t seeds = 0, events = 0;
  double seconds = 0;
  sim::play how;
  how.broken = o.broken;
  how.tracing = o.tracing;
  for (auto seed = o.first;; ++seed) {
    sim::history h;
    const auto failure = failure_of(seed, how, h);
    all.add(h.counts);
    ++seeds;
    events += h.events;
    seconds += h.seconds;
    if (failure)
      return broken(seed, *failure, std::string(program) + " --seed " + std::to_string(seed) + " --trace",
                    o.broken != sim::mutation::none);
    if (o.last == std::numeric_limits<std::uint64_t>::max() && seeds % 10000 == 0) {
      report(all, seeds, events, seconds);
      std::fflush(stdout);
    }
    if (seed == o.last) break;
  }
  report(all, seeds, events, seconds);
  return o.broken == sim::mutation::none ? 0 : 1;
}

/// Both interruptions at one moment; what went wrong, if anything did.
std::optional<std::string> cancel_at(std::uint64_t seed, std::uint64_t at, sim::play how,
                                     sim::invariants::counters& all) {
  for (const auto what : {sim::interruption::kind::client_leaves, sim::interruption::kind::process_stops}) {
    how.cancel = {what, at};
    const auto h = sim::simulate(seed, how);
    all.add(h.counts);
    if (h.failure) return h.failure;
  }
  return std::nullopt;
}

/// Each seed's first run once undisturbed, and then once for each wait in it and each interruption.
int cancel_everywhere(const order& o, const char* program) {
  sim::invariants::counters all;
  sim::play how;
  how.broken = o.broken;
  how.first_run_alone = true;
  how.tracing = o.tracing;
  std::uint64_t moments = 0;
  for (auto seed = o.first; seed <= o.last; ++seed) {
    const auto waits = sim::simulate(seed, {.first_run_alone = true}).waits;
    for (auto at = o.at == 0 ? 1 : o.at; at <= (o.at == 0 ? waits : o.at); ++at, ++moments) {
      const auto failure = cancel_at(seed, at, how, all);
      const auto replay = std::string(program) + " --cancel " + std::to_string(seed) + " --at " + std::to_string(at);
      if (failure) return broken(seed, *failure, replay + " --trace", o.broken != sim::mutation::none);
    }
  }
  std::printf("%llu moments of %llu runs, each with the client leaving and with the daemon stopped: ", wide(moments),
              wide(o.last - o.first + 1));
  std::printf("%llu exchanges, %llu answered\n", wide(all.exchanges), wide(all.answered));
  return o.broken == sim::mutation::none ? 0 : 1;
}

std::optional<std::string> noticed(const sim::mutation_line& line, std::uint64_t seed) {
  using mode = sim::mutation_line::mode;
  sim::play how{.broken = line.what, .expected = line.rule};
  sim::history h;
  if (line.in == mode::seeds) return failure_of(seed, how, h);
  how.first_run_alone = true;
  sim::invariants::counters all;
  for (std::uint64_t at = 1; at < 100; ++at)
    if (auto failure = cancel_at(seed, at, how, all)) return failure;
  return std::nullopt;
}

/// A simulation that finds nothing shows nothing.
int run_mutations(std::uint64_t most) {
  bool all_noticed = true;
  for (const auto& line : sim::mutations()) {
    std::optional<std::string> said;
    std::uint64_t seed = 0;
    if (line.in == sim::mutation_line::mode::fleet) {
      const auto rules = sim::run_fleet({.agents = 3000, .broken = line.what, .quiet = true});
      for (const auto& rule : rules)
        if (rule.find(line.rule) != std::string::npos) said = rule;
    } else {
      while (!said && ++seed <= most) said = noticed(line, seed);
    }
    all_noticed = all_noticed && said;
    std::printf("%-20.*s %6llu  %s\n", static_cast<int>(line.name.size()), line.name.data(), wide(seed),
                said ? said->c_str() : "NOTICED BY NOBODY");
    std::fflush(stdout);
  }
  return all_noticed ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  const auto wanted = read(argc, argv);
  if (!wanted) {
    std::fputs(usage, stderr);
    return 2;
  }
  if (wanted->mutations) return run_mutations(*wanted->mutations);
  if (wanted->fleet) {
    auto fleet = *wanted->fleet;
    fleet.blackhole = wanted->blackhole;
    fleet.broken = wanted->broken;
    const bool fine = sim::run_fleet(fleet).empty();
    return fine == (fleet.broken == sim::mutation::none) ? 0 : 1;
  }
  return wanted->cancel ? cancel_everywhere(*wanted, argv[0]) : run(*wanted, argv[0]);
}
