#pragma once
#include <bunraku/master.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

namespace bunraku::test {

using distribution = std::map<std::string, double>;

/// The chance of each record of one priority to be drawn next, from RFC 2782's own words: over every arrangement with
/// the zero weights first (each equally likely) and every number from 0 to the sum inclusive. For small weights.
inline distribution next_by_rfc(std::vector<master> left) {
  std::ranges::sort(left, {}, &master::host);
  distribution chance;
  double arrangements = 0;
  do {
    if (!std::ranges::is_partitioned(left, [](const master& m) { return m.weight() == 0; })) continue;
    ++arrangements;
    unsigned sum = 0;
    for (const auto& m : left) sum += m.weight();
    for (unsigned number = 0; number <= sum; ++number) {
      unsigned running = 0;
      for (const auto& m : left) {
        running += m.weight();
        if (running < number) continue;
        chance[m.host()] += 1.0 / (sum + 1);
        break;
      }
    }
  } while (std::ranges::next_permutation(left, {}, &master::host).found);
  for (auto& [host, p] : chance) p /= arrangements;
  return chance;
}

/// The same for the second place.
inline distribution second_by_rfc(const std::vector<master>& records) {
  distribution chance;
  for (const auto& [first, p] : next_by_rfc(records)) {
    auto left = records;
    std::erase_if(left, [&](const master& m) { return m.host() == first; });
    for (const auto& [second, q] : next_by_rfc(left)) chance[second] += p * q;
  }
  return chance;
}

/// How often each host of one priority stood at a place, against its chance: inside the 99 % bound of chi-square?
inline void expect_within_bound(const std::map<std::string, unsigned>& seen, const distribution& expected,
                                unsigned draws, const std::string& what) {
  constexpr double bound[] = {0, 6.635, 9.210, 11.345, 13.277, 15.086, 16.812};  // by degrees of freedom
  ASSERT_LE(expected.size(), std::size(bound));
  double statistic = 0;
  for (const auto& [host, p] : expected) {
    const double due = p * draws;
    ASSERT_GE(due, 5) << "too rare for a chi-square test: " << host;
    const auto found = seen.find(host);
    const double difference = (found == seen.end() ? 0 : found->second) - due;
    statistic += difference * difference / due;
  }
  for (const auto& [host, count] : seen) EXPECT_TRUE(expected.contains(host)) << host << " is impossible there";
  EXPECT_LT(statistic, bound[expected.size() - 1]) << what;
}

}  // namespace bunraku::test
