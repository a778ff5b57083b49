#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace puppetserver_load {

/// The path of the metrics that load_of reads.
inline constexpr std::string_view metrics_path = "/status/v1/services/jruby-metrics?level=debug";
/// Of a master that does not say, or says that it is in trouble: more than any other.
inline constexpr double busy = 1e6;

/// How long a request would wait and take on a puppetserver, roughly, in milliseconds: those that wait for a JRuby and
/// one more, over those that are free, times how long one is borrowed. While the pool is locked (code is being
/// deployed): `busy`. Nothing: this master does not have these metrics.
std::optional<double> load_of(std::uint32_t status, std::string_view body);

/// The choice between two by chance: many nodes that choose at the same moment do not all choose the same master, and
/// a busy one is nearly never chosen. Keeps no more than which two it looks at.
class two_choices {
 public:
  explicit two_choices(std::uint64_t seed) : chance_(seed) {}

  struct candidate {
    std::string name;
    std::uint32_t group = 0;
    std::optional<double> load;
  };
  struct verdict {
    bool ask = false;                  ///< the loads of those with a score must be known first
    std::vector<std::int64_t> scores;  ///< one per candidate, less first
  };
  /// Only the first group has a choice: the others come after it in any case. `probed`: what is unknown now stays so.
  verdict choose(const std::string& service, const std::vector<candidate>& all, bool probed);

 private:
  std::pair<std::size_t, std::size_t> two_of(const std::string& service, const std::vector<candidate>& all,
                                             std::size_t count, bool probed);

  std::mt19937_64 chance_;
  std::map<std::string, std::pair<std::string, std::string>> asked_;  // by service
};

}  // namespace puppetserver_load
