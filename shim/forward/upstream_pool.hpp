#pragma once
#include <bunraku/connection.hpp>
#include <bunraku/master.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <list>
#include <optional>
#include <utility>

namespace shim::forward {

/// Idle connections to masters, kept for the next request: a handshake with a JVM costs 0.1 s.
/// Kept for at most `idle_limit` (below the 30 s after which a master's Jetty closes), the most recently used first.
/// Threads: the loop's only. No timer while it is empty.
class upstream_pool {
 public:
  using clock = std::chrono::steady_clock;
  upstream_pool(const boost::asio::any_io_executor& executor, std::chrono::milliseconds idle_limit, std::size_t most);

  /// An idle connection to `to` that its master has not ended. It may hang all the same, or be about to end.
  std::optional<bunraku::connection> take(const bunraku::master& to, clock::time_point now);
  /// `era` is what era() was before the connection was asked for, or when it was taken: one that was made with another
  /// identity is closed instead.
  void put(const bunraku::master& to, bunraku::connection idle, std::uint64_t era);
  std::uint64_t era() const noexcept { return era_; }
  /// Ends those to a master that hangs.
  void drop(const bunraku::master& to) noexcept;
  /// After the identity changed: connections made with the old one are not used again, nor those in use now, later.
  void clear() noexcept;
  void set_limits(std::chrono::milliseconds idle_limit, std::size_t most) noexcept {
    idle_limit_ = idle_limit;
    most_ = most;
  }
  std::size_t size() const noexcept { return idle_.size(); }
  /// Called when its last connection had its time: nobody has asked anything for that long.
  void when_idle(std::function<void()> then) { when_idle_ = std::move(then); }

 private:
  struct entry {
    bunraku::master to;
    bunraku::connection stream;
    clock::time_point since;
  };
  void arm();
  void sweep();

  std::chrono::milliseconds idle_limit_;
  std::size_t most_;
  std::list<entry> idle_;  // oldest first
  std::function<void()> when_idle_;
  boost::asio::steady_timer timer_;
  std::uint64_t era_ = 0;  // counts what clear() ended
  bool armed_ = false;
};

}  // namespace shim::forward
