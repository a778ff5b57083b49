#pragma once
#include "admin/history.hpp"
#include "local/tunnel_counts.hpp"

#include <bunraku/problem.hpp>
#include <bunraku/snapshot.hpp>

#include <boost/json/object.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace shim::admin {

/// What one leg shows and trusts, and until when.
struct credentials_facts {
  std::string leg;  ///< "upstream", "local" or "both"
  std::string certificate_file, ca_file, crl_file;
  std::string serial;
  std::chrono::sys_seconds not_before, not_after, ca_not_after;
  std::optional<std::chrono::sys_seconds> crl_next_update;  ///< none is used, or none names its end
  bunraku::problems warnings;                               ///< what ends soon or has ended
};

/// What the daemon says of itself.
struct daemon_facts {
  std::string version;
  std::int64_t pid = 0;
  std::string config_file;  ///< empty: nothing but defaults
  std::string listen;       ///< "terminate 127.0.0.1:8140, ..."
  std::string sandbox;      ///< what the process gave up at its start, in words; "none"
  std::string certname;
  std::chrono::steady_clock::time_point started;
  std::size_t connections = 0;  ///< of local clients
  bool stopping = false;
  bool reload_failed = false;  ///< the last reload was wrong, and what was before it is in use
  /// Ends of what is in use to speak with masters; nothing: there is none, or it names no end.
  std::optional<std::chrono::system_clock::time_point> certificate_ends = std::nullopt, ca_ends = std::nullopt,
                                                       crl_ends = std::nullopt;
  std::vector<credentials_facts> credentials{};           ///< none while the node has no certificate
  std::optional<bunraku::problem> credentials_refused{};  ///< why the files that are there now are not in use
  bool credentials_watched = true;                        ///< changed files are noticed at once
  const local::tunnel_counts* tunnels = nullptr;          ///< which outlive this; null: there were none
};

/// The answer to `status`, and to `explain` with the one service in it. Nothing secret: names, times, counts and the
/// reasons of failures. Each time stands in it twice: as UTC, by `wall` (the wall's clock at `from.taken`), and in
/// seconds from then ("since_seconds" ago, "until_seconds" ahead).
boost::json::object to_json(const bunraku::snapshot& from, const daemon_facts& facts,
                            std::chrono::system_clock::time_point wall);
/// The members `runs` and `exchanges`: what is over, the latest first.
void add_history(boost::json::object& to, const bunraku::snapshot& from, const history& so_far,
                 std::chrono::system_clock::time_point wall);

boost::json::array to_json(const bunraku::problems& found);

}  // namespace shim::admin
