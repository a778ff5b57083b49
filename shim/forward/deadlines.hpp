#pragma once
#include <bunraku/connection.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <cassert>
#include <chrono>

namespace shim::forward {

class deadline;

/// All time limits of all connections on one coarse timer. Setting a limit is two stores; the timer is armed for the
/// earliest one only, and not at all while there is none: an idle daemon has no wake-ups. Limits hold to within 25 ms.
/// Threads: the loop's only. Must outlive its deadlines.
class deadlines {
 public:
  using clock = std::chrono::steady_clock;
  explicit deadlines(const boost::asio::any_io_executor& executor) : timer_(executor) {}
  ~deadlines() { assert(first_ == nullptr); }
  deadlines(const deadlines&) = delete;
  deadlines& operator=(const deadlines&) = delete;

 private:
  friend class deadline;
  static constexpr std::chrono::milliseconds grain{25};
  void arm(clock::time_point when);
  void sweep();

  boost::asio::steady_timer timer_;
  clock::time_point armed_ = clock::time_point::max();
  deadline* first_ = nullptr;
};

/// The time limit of one connection: when it passes, the connection's waits are cancelled and `expired()` is true.
/// The connection must stay where it is.
class deadline {
 public:
  deadline(deadlines& all, bunraku::connection& watched) noexcept;
  ~deadline();
  deadline(const deadline&) = delete;
  deadline& operator=(const deadline&) = delete;

  void set(deadlines::clock::time_point when) {
    expired_ = false;
    when_ = when;
    // Never later than it is armed for: limits that are set all the time would put off those set before.
    if (when_ + deadlines::grain < all_.armed_) all_.arm(when_);
  }
  void clear() noexcept { when_ = deadlines::clock::time_point::max(); }
  bool expired() const noexcept { return expired_; }

 private:
  friend class deadlines;
  deadlines& all_;
  bunraku::connection& watched_;
  deadlines::clock::time_point when_ = deadlines::clock::time_point::max();
  bool expired_ = false;
  deadline *next_ = nullptr, *previous_ = nullptr;
};

}  // namespace shim::forward
