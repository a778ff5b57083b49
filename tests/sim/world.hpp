#pragma once
#include "host.hpp"
#include "name_server.hpp"
#include "timeline.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sim {

/// A packet of ours that the agent's host sends.
enum class packet : std::uint8_t { dns, connect, request, status };

/// A rule that a run broke on purpose, to see whether the invariants notice.
enum class mutation : std::uint8_t {
  none,
  report_twice,       ///< a report that got no answer is sent to another master
  skip_master,        ///< the second master of a plan is never tried
  same_master_twice,  ///< a failed request goes to the same master once more
  mixed_bodies,       ///< a body that broke off goes on with whatever another master sends
  no_deadline,        ///< nobody looks at the clock
  probe_when_idle,    ///< masters are asked how they are when no run is on
  blame_all,          ///< each failure is told of every master
  leak,               ///< a connection is forgotten, not closed
  equal_weights,      ///< a fleet takes no notice of weights
  all_at_once,        ///< a fleet's runs begin together
};

std::optional<mutation> mutation_named(std::string_view name) noexcept;

/// What there is besides the agent's host, and what is known of everything that happens.
class world {
 public:
  timeline time;
  std::vector<host> hosts;
  name_server dns;
  /// The clock on the wall: real time, and jumps of it.
  duration wall_offset{0};
  mutation broken = mutation::none;

  time_point now() const noexcept { return time.now(); }
  host* find(const bunraku::master& who) noexcept;
  std::uint64_t salt() noexcept { return ++salt_ * 0x9e3779b97f4a7c15 ^ seed_; }
  void set_seed(std::uint64_t seed) noexcept { seed_ = seed; }

  bool tracing = false;
  /// A line of the trace; `text` is only called when there is one.
  template <class Text>
  void trace(Text&& text) {
    if (tracing) write(text());
  }
  /// A rule was broken. The first one counts.
  void fail(std::string what);
  const std::optional<std::string>& failure() const noexcept { return failure_; }

  /// Something leaves the agent's host. `silent` says at each moment whether nothing may.
  void sends(packet what);
  std::function<bool(packet)> may_send;
  std::size_t descriptors = 0;
  std::uint64_t packets[4] = {};

 private:
  void write(const std::string& line) const;
  std::optional<std::string> failure_;
  std::uint64_t salt_ = 0, seed_ = 0;
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
