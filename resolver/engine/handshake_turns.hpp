#pragma once
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>

namespace bunraku::engine {

/// Who makes the full TLS handshake with a master while no session with it is known: one at a time. The others wait for
/// the session that it brings, and resume it, which costs neither side a signature (RSA 4096: 4 ms each, and a JVM has
/// few cores). When a run loses its master, all of its requests need a connection to the next one at once.
/// Model:   the first to come leads. Its handshake failed: the next one leads. It stands: the session follows it by one
///          round trip; when as much time as the handshake took brings none, this master gives none, and nobody waits
///          for one again until one comes. Nobody waits for longer than their limit, whatever happens.
/// Bounds:  64 masters; with further ones nobody waits.
/// Threads: the loop's only. Timers only while somebody waits.
class handshake_turns {
 public:
  using clock = std::chrono::steady_clock;

  /// The right to make a full handshake while others wait. Given up as failed unless `succeeded` was called.
  class turn {
   public:
    turn() = default;
    turn(turn&& other) noexcept;
    turn& operator=(turn&& other) noexcept;
    ~turn();
    void succeeded() noexcept;
    bool leads() const noexcept { return of_ != nullptr; }

   private:
    friend class handshake_turns;
    turn(std::shared_ptr<handshake_turns> of, std::string master, std::uint64_t number);
    std::shared_ptr<handshake_turns> of_;  // null: nobody waits for this one
    std::string master_;
    std::uint64_t number_ = 0;
    clock::time_point began_;
  };

  /// Call when no session with `master` could be offered. Returns at once with a turn that others wait for, or, after
  /// at most `limit`, with one that nobody does: then a session may be there. `wake` is only used to wait, and whoever
  /// cancels it ends the wait.
  static boost::asio::awaitable<turn> wait(std::shared_ptr<handshake_turns> self, std::string master,
                                           boost::asio::steady_timer& wake, std::chrono::milliseconds limit);
  void session_came(const std::string& master) noexcept;

 private:
  static constexpr std::size_t most_masters = 64;
  struct waiter {
    enum class why : std::uint8_t { cancelled, look_again, session_came };
    boost::asio::steady_timer* wake;
    why woken = why::cancelled;
  };
  struct place {
    std::uint64_t leader = 0;                      ///< the number of the turn that is on; 0: none
    std::optional<clock::time_point> session_due;  ///< its handshake stands; no session comes later than this
    bool gives_none = false;
    std::list<waiter> waiting;
  };
  void ended(const std::string& master, std::uint64_t number, std::optional<clock::duration> took) noexcept;
  void forget(const std::string& master) noexcept;
  static void wake(place& all, waiter::why what) noexcept;

  std::uint64_t last_number_ = 0;
  std::map<std::string, place, std::less<>> places_;
};

}  // namespace bunraku::engine
