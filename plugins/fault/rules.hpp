#pragma once
#include <bunraku/plugin.h>

#include <boost/json/object.hpp>

#include <chrono>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

namespace fault {

using wall = std::chrono::system_clock::time_point;

/// One fault: what happens, to which of all that is done, and when. Conditions that are empty hold always.
struct rule {
  std::string name;
  std::uint32_t kind = BUNRAKU_FAULT_NONE;
  std::string service;
  std::string master;        ///< host; of a lookup the name that is asked for
  std::uint16_t port = 0;    ///< 0: any
  std::string method, path;  ///< path: how it begins
  double probability = 1;    ///< of an exchange
  wall from, until;          ///< `until` not included
  bool at_connect = false;   ///< delay: the dial, not the answer
  std::uint32_t delay_ms = 0, status = 0, certificate = 0;
  std::uint64_t at_byte = 0;
  std::string headers;  ///< lines with CR LF
  std::string body;     ///< of an answer; of a lie: one record's data per line

  friend bool operator==(const rule&, const rule&) = default;
};

/// A fault ends by itself within this.
inline constexpr std::chrono::hours longest{24};
inline constexpr std::size_t most_rules = 64;

/// Pure. A rule by its JSON object, as the README has it; else one sentence that says what is wrong with it.
std::expected<rule, std::string> parse_rule(const boost::json::object& from, wall now);
/// {"version": 1, "faults": [...]}. Rules that are over are left out.
std::expected<std::vector<rule>, std::string> parse_state(std::string_view text, wall now);
std::string to_state(const std::vector<rule>& rules);
boost::json::object to_json(const rule& from);

/// The first rule that holds for this moment now; null: none. `chance` is drawn on where no exchange gives a number.
const rule* choose(const std::vector<rule>& rules, const bunraku_moment& when, wall now, std::uint64_t chance);

std::string to_string(wall when);  ///< "2026-11-27T03:00:00Z"

}  // namespace fault
