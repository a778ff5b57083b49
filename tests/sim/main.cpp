#include "fleet.hpp"
#include "simulation.hpp"

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
    "  --forever [N]           from seed N on (default 1) until it is stopped or a rule is broken\n"
    "  --fleet [N] [--blackhole]  N agents (default 50000) while one of five masters is lost for an hour; about 0.3 "
    "ms\n"
    "                          each, about 10 kB\n"
    "  --mutation NAME         break that rule on purpose: exit 0 if a seed shows it, and 1 if none does\n";

struct order {
  std::uint64_t first = 1, last = 1000;
  bool tracing = false;
  sim::mutation broken = sim::mutation::none;
  std::optional<sim::fleet_options> fleet;
  bool blackhole = false;
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
    } else if (word == "--seed" || word == "--seeds") {
      const auto both = range(next);
      if (!both) return std::nullopt;
      std::tie(o.first, o.last) = *both;
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
      const auto found = sim::mutation_named(next);
      if (!found) return std::nullopt;
      o.broken = *found;
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
bool is_repeatable(std::uint64_t seed, const sim::history& once, sim::mutation broken) {
  const auto again = sim::simulate(seed, broken, false);
  return again.events == once.events && again.seconds == once.seconds && again.counts.answered == once.counts.answered;
}

int run(const order& o, const char* program) {
  sim::invariants::counters all;
  std::uint64_t seeds = 0, events = 0;
  double seconds = 0;
  for (auto seed = o.first;; ++seed) {
    const auto h = sim::simulate(seed, o.broken, o.tracing);
    all.add(h.counts);
    ++seeds;
    events += h.events;
    seconds += h.seconds;
    auto failure = h.failure;
    if (!failure && seed % 1000 == 0 && !is_repeatable(seed, h, o.broken)) failure = "it is not the same twice";
    if (failure) {
      std::printf("seed %llu: %s\n", wide(seed), failure->c_str());
      if (o.broken != sim::mutation::none) {
        std::printf("found the broken rule after %llu seeds\n", wide(seeds));
        return 0;
      }
      std::printf("replay: %s --seed %llu --trace\n", program, wide(seed));
      return 1;
    }
    if (o.last == std::numeric_limits<std::uint64_t>::max() && seeds % 10000 == 0) {
      report(all, seeds, events, seconds);
      std::fflush(stdout);
    }
    if (seed == o.last) break;
  }
  report(all, seeds, events, seconds);
  if (o.broken == sim::mutation::none) return 0;
  std::printf("a rule was broken on purpose, and none of these seeds shows it\n");
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  const auto wanted = read(argc, argv);
  if (!wanted) {
    std::fputs(usage, stderr);
    return 2;
  }
  if (wanted->fleet) {
    auto fleet = *wanted->fleet;
    fleet.blackhole = wanted->blackhole;
    fleet.broken = wanted->broken;
    const bool fine = sim::run_fleet(fleet);
    return fine == (fleet.broken == sim::mutation::none) ? 0 : 1;
  }
  return run(*wanted, argv[0]);
}
