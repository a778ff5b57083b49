#include "results.hpp"

#include <algorithm>
#include <iomanip>
#include <map>
#include <sstream>

namespace bench {
namespace {

double percentile(const std::vector<std::int64_t>& sorted, double share) {
  if (sorted.empty()) return 0;
  return static_cast<double>(sorted[static_cast<std::size_t>(share * static_cast<double>(sorted.size() - 1))]) / 1e3;
}

// The longest time in which no request came to a good end, of those that end after `from`. What lies before the first
// counts, what lies behind the last does not: nothing may have been due any more.
std::int64_t longest_gap(const std::vector<std::int64_t>& sorted_good_ends, std::int64_t start, std::int64_t from) {
  std::int64_t longest = 0;
  for (const auto end : sorted_good_ends) {
    if (end >= from) longest = std::max(longest, end - start);
    start = end;
  }
  return longest;
}

std::string failures(const std::vector<result>& all) {
  std::map<std::string, int> kinds;
  for (const auto& one : all)
    if (!one.is_good()) ++kinds[one.status == 0 ? one.why : "http_" + std::to_string(one.status)];
  std::string out;
  for (const auto& [kind, count] : kinds) out += (out.empty() ? "\"" : ",\"") + kind + "\":" + std::to_string(count);
  return "{" + out + "}";
}

double to_ms(std::int64_t ns) { return static_cast<double>(ns) / 1e6; }

}  // namespace

std::string results::to_json() const {
  std::vector<std::int64_t> latencies, good_ends;
  std::int64_t slow = 0, last_slow = 0;
  for (const auto& one : all) {
    const auto took = one.end_ns - one.due_ns;
    if (one.is_good()) {
      latencies.push_back(took);
      good_ends.push_back(one.end_ns);
      if (took > slow_ns) ++slow;
    }
    // Those that were under way when the master was lost count too.
    const bool after = event_ns >= 0 && one.end_ns >= event_ns;
    if (after && (!one.is_good() || took > slow_ns)) last_slow = std::max(last_slow, one.end_ns - event_ns);
  }
  std::ranges::sort(latencies);
  std::ranges::sort(good_ends);
  const double seconds = static_cast<double>(end_ns - start_ns) / 1e9;
  std::ostringstream out;
  auto say = [&out, first = true](const char* name, const auto& value) mutable {
    out << (first ? "{\"" : ",\"") << name << "\":" << value;
    first = false;
  };
  out << std::fixed << std::setprecision(3);
  say("ok", latencies.size());
  say("failed", all.size() - latencies.size());
  say("failures", failures(all));
  say("seconds", seconds);
  say("rps", static_cast<double>(latencies.size()) / seconds);
  say("bytes", bytes);
  say("p50_us", percentile(latencies, 0.5));
  say("p99_us", percentile(latencies, 0.99));
  say("max_us", percentile(latencies, 1));
  say("connections", connections);
  say("resumed", resumed);
  say("client_retries", client_retries);
  say("slow", slow);
  say("longest_gap_ms", to_ms(longest_gap(good_ends, start_ns, start_ns)));
  if (event_ns >= 0) say("gap_after_loss_ms", to_ms(longest_gap(good_ends, start_ns, event_ns)));
  say("last_slow_ms", to_ms(last_slow));
  say("load_cpu_s", cpu_seconds);
  out << '}';
  return out.str();
}

}  // namespace bench
