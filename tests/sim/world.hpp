#pragma once
#include "host.hpp"
#include "mutation.hpp"
#include "name_server.hpp"
#include "timeline.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sim {

/// A packet of ours that the agent's host sends.
enum class packet : std::uint8_t { dns, connect, request, status };

/// What there is besides the agent's host, and what is known of everything that happens.
class world {
 public:
  timeline time;
  std::vector<host> hosts;
  name_server dns;
  /// The clock on the wall jumps.
  void set_wall(duration ahead) noexcept { wall_ahead_ += ahead; }
  std::chrono::sys_time<duration> wall() const noexcept {
    return std::chrono::sys_time<duration>(std::chrono::days(20'000)) + (now() - beginning) + wall_ahead_;
  }
  mutation broken = mutation::none;
  std::string_view expected;  ///< words of the rule that has to notice it; others may be broken as well

  time_point now() const noexcept { return time.now(); }
  host* find(const bunraku::master& who) noexcept;
  std::uint64_t salt() noexcept;
  void set_seed(std::uint64_t seed) noexcept { seed_ = seed; }

  bool tracing = false;
  /// A line of the trace; `text` is only called when there is one.
  template <class Text>
  void trace(Text&& text) {
    if (tracing) write(text());
  }
  /// A rule was broken. The first one counts, or with a mutation the first one that it is to break.
  void fail(std::string what);
  const std::optional<std::string>& failure() const noexcept { return failure_; }

  /// Something leaves the agent's host. `silent` says at each moment whether nothing may.
  void sends(packet what);
  std::function<bool(packet)> may_send;
  std::size_t descriptors = 0;
  std::vector<std::unique_ptr<timeline::alarm>> litter;  ///< of mutations
  std::uint64_t packets[4] = {};

 private:
  void write(const std::string& line) const;
  std::optional<std::string> failure_;
  std::uint64_t salt_ = 0, seed_ = 0;
  duration wall_ahead_{0};
};

/// A descriptor of the agent's host: one more while it lives.
class descriptor {
 public:
  descriptor() = default;
  explicit descriptor(world& w) : world_(&w) { ++w.descriptors; }
  descriptor(descriptor&& other) noexcept : world_(std::exchange(other.world_, nullptr)) {}
  descriptor& operator=(descriptor&& other) noexcept {
    close();
    world_ = std::exchange(other.world_, nullptr);
    return *this;
  }
  ~descriptor() { close(); }
  void close() noexcept {
    if (world_ != nullptr) --world_->descriptors;
    world_ = nullptr;
  }
  bool is_open() const noexcept { return world_ != nullptr; }
  void leak() noexcept { world_ = nullptr; }

 private:
  world* world_ = nullptr;
};

/// A connection to a master.
struct link {
  descriptor open;
  const host* at = nullptr;
  time_point since;  ///< made
  time_point used;   ///< its last answer ended
  bool kept = false;
  std::uint64_t made_by = 0;

  /// Nothing came on it while it was idle: it can be used.
  bool idle_and_alive(time_point now) const noexcept {
    const auto end = std::min(at->dies_after(since), used + 30s);
    return end == never || now < end + at->round_trip / 2;
  }
};

}  // namespace sim
