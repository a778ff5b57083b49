#pragma once
#include "fleet_load.hpp"
#include "mutation.hpp"
#include "policy/answer_book.hpp"
#include "policy/knowledge.hpp"
#include "policy/random.hpp"
#include "timeline.hpp"

#include <bunraku/master.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace sim {

/// What all agents of a fleet have in common.
struct fleet_site {
  static constexpr std::size_t lost = 1;  ///< which master is
  std::vector<bunraku::master> masters;
  std::vector<bunraku::master> told;  ///< what DNS says: the same, unless a rule is to be broken
  time_point lost_from, lost_to;
  bool blackhole = false;

  mutation broken;

  explicit fleet_site(mutation broken);
  bool is_lost(std::size_t master, time_point t) const noexcept {
    return master == lost && lost_from <= t && t < lost_to;
  }
  std::size_t number_of(const bunraku::master& m) const noexcept;
};

struct fleet_counts {
  struct packets {
    std::uint64_t failed_connections = 0, dns_questions = 0, probes = 0;
  };
  std::uint64_t requests = 0, unserved = 0;
  packets calm, loss;  ///< while all masters are well, and while one is lost
};

/// One agent's host: its daemon's real knowledge and answers, and where its agent is in a run. Packets take no time,
/// but what a lost master costs is counted.
class fleet_member {
 public:
  fleet_member(std::string_view certname, std::uint64_t seed, time_point first_run);
  /// When something of it happens next.
  time_point next() const noexcept { return std::min(next_request_, next_probe_); }
  void step(time_point now, const fleet_site& site, fleet_load& load, fleet_counts& counts);

 private:
  using packets = fleet_counts::packets;
  void request(time_point now, const fleet_site& site, fleet_load& load, fleet_counts& counts, packets& sent);
  void probe(time_point now, const fleet_site& site, packets& sent);
  void ask_dns(const bunraku::policy::dns_question& question, bool exists, time_point now, const fleet_site& site,
               packets& sent);
  void find_masters(bunraku::service s, time_point now, const fleet_site& site, packets& sent);
  bool connects(const bunraku::master& to, bunraku::service s, time_point now, const fleet_site& site, packets& sent);

  bunraku::policy::knowledge learned_;
  bunraku::policy::answer_book book_;
  bunraku::policy::random chance_;
  time_point run_began_, next_request_, next_probe_ = never;
  std::uint32_t at_ = 0;  // of the run's requests
};

}  // namespace sim
