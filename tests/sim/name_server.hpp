#pragma once
#include "policy/answer_book.hpp"
#include "policy/random.hpp"
#include "timeline.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sim {

enum class dns_fault : std::uint8_t {
  silent,     ///< no answer at all
  servfail,   ///< an error, at once
  nxdomain,   ///< "no such name", of names that exist
  empty,      ///< no record of that type
  malformed,  ///< nonsense
  flapping,   ///< every other answer is "no such name"
  ttl_0,
  ttl_huge,  ///< 2^31 seconds
  last = ttl_huge
};
constexpr std::size_t dns_fault_kinds = static_cast<std::size_t>(dns_fault::last) + 1;
std::string_view name_of(dns_fault f) noexcept;

/// The name servers of the site, as one: its zone at each time, and what is wrong with it when.
class name_server {
 public:
  struct fault_window {
    time_point from, to;
    dns_fault what;
    bool srv_alone;  ///< addresses are answered
  };
  /// The records from a time on; SRV targets by host name, addresses by number.
  struct zone {
    time_point from;
    std::map<std::string, std::vector<bunraku::policy::srv_record>, std::less<>> srv;
    std::chrono::seconds ttl{300};
  };

  std::vector<zone> zones;  ///< by time, at least one
  std::map<std::string, std::vector<std::array<std::uint8_t, 4>>, std::less<>> addresses;
  std::vector<fault_window> faults;
  duration round_trip = 1ms;
  duration lookup_deadline = 3s;

  struct said {
    bunraku::policy::dns_outcome outcome;
    time_point at;
    bool truthful;  ///< the zone's records, or that there are none
  };
  said ask(const bunraku::policy::dns_question& question, time_point now);
  /// The zone has records to answer it with; what exists does so from the beginning to the end.
  bool has(const bunraku::policy::dns_question& question) const;
  /// Nothing was and will be wrong in this time.
  bool able(time_point from, time_point to) const noexcept;
  std::uint64_t questions() const noexcept { return questions_; }

 private:
  const zone& zone_at(time_point t) const noexcept;
  const fault_window* fault_at(time_point t, bunraku::policy::dns_type type) const noexcept;
  bunraku::policy::dns_answer truth(const bunraku::policy::dns_question& question, time_point t) const;
  std::uint64_t questions_ = 0;
};

name_server::fault_window draw_dns_fault(bunraku::policy::random& chance, time_point from);

}  // namespace sim
