#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

namespace sim {

using time_point = std::chrono::steady_clock::time_point;
using duration = std::chrono::steady_clock::duration;
using namespace std::chrono_literals;

/// When a simulation begins on the steady clock, which is some time after the host did.
inline constexpr time_point beginning{std::chrono::hours(100)};
inline constexpr time_point never = time_point::max();
inline double seconds_of(time_point t) { return std::chrono::duration<double>(t - beginning).count(); }

/// Virtual time: what is to happen, in the order of its time and, at the same time, in the order it was asked for. So
/// the same seed gives the same history.
class timeline {
 public:
  /// Of the daemon's timers there are bounds; what is outside of it may sleep as it likes.
  enum class whose : std::uint8_t { daemon, outside };

  /// A thing that can be woken up. `wake` is called once per `set`, unless `clear` came before.
  class alarm {
   public:
    explicit alarm(timeline& on, whose of = whose::daemon) noexcept : on_(on), of_(of) {}
    alarm(const alarm&) = delete;
    alarm& operator=(const alarm&) = delete;
    virtual ~alarm() { clear(); }
    void set(time_point when);
    void clear() noexcept;
    bool is_set() const noexcept { return turn_ != 0; }
    timeline& on() noexcept { return on_; }
    whose of() const noexcept { return of_; }

   protected:
    virtual void wake() = 0;

   private:
    friend class timeline;
    timeline& on_;
    whose of_;
    std::uint64_t turn_ = 0;  // of the entry that counts; 0: none
    std::size_t place_ = 0;
  };

  time_point now() const noexcept { return now_; }
  /// Calls `what` then. For the world itself: it cannot be taken back and does not count as an alarm.
  void at(time_point when, std::function<void()> what);

  /// A coroutine of the daemon begins to wait.
  void suspended();
  std::uint64_t suspensions() const noexcept { return suspensions_; }
  /// Calls `what` before anything else happens, once as many waits have begun.
  void interrupt(std::uint64_t suspension, std::function<void()> what) {
    interrupted_at_ = suspension;
    interruption_ = std::move(what);
  }

  /// Lets the next thing happen; false when there is none.
  bool step();
  std::size_t alarms() const noexcept { return alarms_; }
  /// The last step was an alarm of the daemon.
  bool woke_daemon() const noexcept { return woke_daemon_; }
  std::uint64_t steps() const noexcept { return steps_; }

 private:
  struct entry {
    time_point when;
    std::uint64_t turn;
    alarm* who;         // null: an action, or an alarm that was cleared
    std::size_t place;  // of its slot or action
  };
  // Entries know their alarm only through a slot, which the alarm empties when it is cleared: it may be gone by then.
  struct slot {
    alarm* who = nullptr;
    std::uint64_t turn = 0;
  };
  static bool later(const entry& a, const entry& b) noexcept {
    return a.when != b.when ? a.when > b.when : a.turn > b.turn;
  }
  void push(const entry& e);
  void put(time_point when, std::uint64_t turn, std::function<void()> what);

  time_point now_ = beginning;
  std::uint64_t turn_ = 0, steps_ = 0;
  std::vector<entry> heap_;
  std::vector<slot> slots_;
  std::vector<std::size_t> free_slots_;
  std::vector<std::function<void()>> actions_;
  std::vector<std::size_t> free_actions_;
  std::size_t alarms_ = 0;
  bool woke_daemon_ = false;
  std::uint64_t suspensions_ = 0, interrupted_at_ = 0;
  std::function<void()> interruption_;
};

}  // namespace sim
