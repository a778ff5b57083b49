#pragma once
#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>

namespace shim::local {

/// How a tunnel ended.
enum class tunnel_end : std::uint8_t {
  closed,    ///< both sides have said all
  cut,       ///< one side broke it off, and so the other's was
  idle,      ///< silent for limits.tunnel_idle
  unserved,  ///< no master began its TLS
  refused,   ///< nothing that may be asked for here, or no TLS
  left,      ///< the client went away before a master was found
};
inline constexpr std::array all_tunnel_ends{tunnel_end::closed,   tunnel_end::cut,     tunnel_end::idle,
                                            tunnel_end::unserved, tunnel_end::refused, tunnel_end::left};
constexpr std::string_view name_of(tunnel_end e) noexcept {
  constexpr std::array<std::string_view, 6> names{"closed", "cut", "idle", "unserved", "refused", "left"};
  return names[static_cast<std::size_t>(e)];
}

/// What went through tunnels so far, for metrics. Inside of them nothing is seen but bytes.
/// Bounds:  ways, services and ends are few; beyond `most_series` a master is counted as "other".
/// Threads: one at a time. A `traffic` stays where it is.
class tunnel_counts {
 public:
  static constexpr std::size_t most_series = 512;

  struct series {
    std::string way, service, master;  ///< without a master: none was found
    tunnel_end how = tunnel_end::closed;
    auto operator<=>(const series&) const = default;
  };
  struct place {
    std::string way, service;
    auto operator<=>(const place&) const = default;
  };
  struct traffic {
    std::size_t open = 0;            ///< stand now
    std::uint64_t up = 0, down = 0;  ///< bytes delivered, those of open tunnels included
    std::uint64_t failovers = 0;     ///< stood only after an attempt had failed
  };

  traffic& at(std::string_view way, const std::string& service) { return traffic_[{std::string(way), service}]; }
  /// Such tunnels may come: their numbers are there, as 0, before the first one does.
  void expect(std::string_view way, const std::string& service) {
    at(way, service);
    ended_.try_emplace({std::string(way), service, {}, tunnel_end::unserved}, 0);
  }
  void note(series ended) {
    if (!ended_.contains(ended) && ended_.size() >= most_series && !ended.master.empty()) ended.master = "other";
    ++ended_[std::move(ended)];
  }

  const std::map<series, std::uint64_t>& ended() const noexcept { return ended_; }
  const std::map<place, traffic>& all() const noexcept { return traffic_; }
  std::size_t open() const noexcept {
    std::size_t n = 0;
    for (const auto& [where, what] : traffic_) n += what.open;
    return n;
  }

 private:
  std::map<series, std::uint64_t> ended_;
  std::map<place, traffic> traffic_;
};

}  // namespace shim::local
