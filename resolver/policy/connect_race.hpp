#pragma once
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <optional>

namespace bunraku::policy {

/// When the next contestant of a connection race may start. A contestant is one address of one master.
/// The first starts at once, each further one when the one before failed, or `delay` after its start without a result,
/// and never more than `width` at a time. Source: RFC 8305 section 5, across addresses and masters.
class connect_race {
 public:
  using time_point = std::chrono::steady_clock::time_point;
  connect_race(std::chrono::milliseconds delay, std::size_t width) noexcept
      : delay_(delay), width_(std::max<std::size_t>(width, 1)) {}

  /// The earliest time for another start; nothing while `width` are under way.
  std::optional<time_point> next_start() const noexcept {
    if (running_ >= width_) return std::nullopt;
    return next_;
  }
  void started(time_point now) noexcept {
    ++running_;
    next_ = now + delay_;
  }
  void failed(time_point now) noexcept {
    --running_;
    next_ = now;
  }
  std::size_t running() const noexcept { return running_; }

 private:
  std::chrono::milliseconds delay_;
  std::size_t width_;
  std::size_t running_ = 0;
  time_point next_ = time_point::min();
};

}  // namespace bunraku::policy
