#include "least_latency/latency.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace least_latency {

double latency::at(const mean& m, time_point now) const {
  const std::chrono::duration<double, std::milli> age = now - m.learned;
  return m.microseconds * std::exp(-age.count() / static_cast<double>(decay_.count()));
}

void latency::learn(const std::string& service, const std::string& kind, const std::string& master,
                    std::chrono::microseconds first_byte, time_point now) {
  const auto sample = static_cast<double>(first_byte.count());
  auto& masters = known_[service][kind];
  const auto known = masters.find(master);
  if (known == masters.end()) {
    if (masters.size() < most_masters) masters.emplace(master, mean{sample, now});
    return;
  }
  auto& m = known->second;
  if (sample >= m.microseconds) {
    m = {sample, now};
    return;
  }
  const std::chrono::duration<double, std::milli> age = now - m.learned;
  const double kept = std::exp(-age.count() / static_cast<double>(decay_.count()));
  m = {m.microseconds * kept + sample * (1 - kept), now};
}

std::vector<std::int64_t> latency::costs(const std::string& service, std::span<const std::string> masters,
                                         time_point now) const {
  std::vector<double> sums(masters.size(), 0);
  std::vector<int> counts(masters.size(), 0);
  const auto kinds = known_.find(service);
  if (kinds != known_.end())
    for (const auto& [kind, means] : kinds->second) {
      double least = std::numeric_limits<double>::max();
      int several = 0;
      for (const auto& m : masters)
        if (const auto found = means.find(m); found != means.end()) {
          least = std::min(least, at(found->second, now));
          ++several;
        }
      if (several < 2) continue;
      for (std::size_t i = 0; i != masters.size(); ++i)
        if (const auto found = means.find(masters[i]); found != means.end()) {
          sums[i] += at(found->second, now) / std::max(least, 1.0);
          ++counts[i];
        }
    }
  std::vector<std::int64_t> out(masters.size(), 1000);
  for (std::size_t i = 0; i != masters.size(); ++i)
    if (counts[i] != 0) out[i] = std::max<std::int64_t>(1000, std::llround(1000 * std::min(sums[i] / counts[i], 1e9)));
  return out;
}

std::vector<latency::line> latency::lines(time_point now) const {
  std::vector<line> out;
  for (const auto& [service, kinds] : known_)
    for (const auto& [kind, means] : kinds)
      for (const auto& [master, m] : means)
        out.push_back({service, kind, master, std::chrono::microseconds(std::llround(at(m, now)))});
  return out;
}

}  // namespace least_latency
