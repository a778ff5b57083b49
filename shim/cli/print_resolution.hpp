#pragma once
#include <bunraku/resolution.hpp>

#include <boost/json/object.hpp>

#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

namespace shim::cli {

/// One service's answers with the order that follows from them. Everything printed is a function of this.
struct resolved {
  bunraku::resolution said;
  std::vector<bunraku::master> order;
  std::string order_by;  ///< "this node's certname (agent1.example.com)" or "seed 42"
};

/// How often each master came at which place in seeded draws of the order.
struct pick_count {
  struct line {
    bunraku::master who;
    double expected = 0;                ///< share of first places that RFC 2782 gives it, 0 to 1
    std::vector<std::uint64_t> places;  ///< [0] first, [1] second, ...
  };
  std::uint64_t picks = 0, seed = 0;
  std::vector<line> lines;  ///< every master, those that should come first most often before others
};
/// Draw i has the seed `seed` + i.
pick_count count_picks(const bunraku::resolution& from, std::uint64_t picks, std::uint64_t seed);

void print(std::ostream& to, const resolved& one, const std::optional<pick_count>& picks);
boost::json::object to_json(const resolved& one, const std::optional<pick_count>& picks);

/// Why this master stands where it does: "SRV priority 10, weight 60 of 100".
std::string reason_of(const bunraku::resolution& said, const bunraku::master& who);

}  // namespace shim::cli
