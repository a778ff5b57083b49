#pragma once
#include "timeline.hpp"

#include <coroutine>
#include <cstddef>
#include <cstdlib>
#include <exception>
#include <optional>
#include <utility>

namespace sim {

/// How many coroutines are alive: none may be left when a simulation is over.
struct frames {
  static inline std::size_t alive = 0;
  static void* operator new(std::size_t size) {
    ++alive;
    return ::operator new(size);
  }
  static void operator delete(void* at, std::size_t size) {
    --alive;
    ::operator delete(at, size);
  }
};

/// A coroutine that begins when it is awaited and goes on with whoever awaited it: what boost::asio::awaitable is to
/// the daemon. Exceptions are none of a simulation's: one ends the program.
template <class T>
class task {
 public:
  struct promise_type : frames {
    using frames::operator new, frames::operator delete;
    std::optional<T> value;
    std::coroutine_handle<> then = std::noop_coroutine();
    task get_return_object() { return task(std::coroutine_handle<promise_type>::from_promise(*this)); }
    std::suspend_always initial_suspend() noexcept { return {}; }
    struct last {
      bool await_ready() noexcept { return false; }
      std::coroutine_handle<> await_suspend(std::coroutine_handle<promise_type> own) noexcept {
        return own.promise().then;
      }
      void await_resume() noexcept {}
    };
    last final_suspend() noexcept { return {}; }
    void return_value(T v) { value.emplace(std::move(v)); }
    void unhandled_exception() { std::terminate(); }
  };

  task(task&& other) noexcept : own_(std::exchange(other.own_, {})) {}
  task& operator=(task&&) = delete;
  ~task() {
    if (own_) own_.destroy();
  }
  bool await_ready() const noexcept { return false; }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> caller) noexcept {
    own_.promise().then = caller;
    return own_;
  }
  T await_resume() { return std::move(*own_.promise().value); }

 private:
  explicit task(std::coroutine_handle<promise_type> own) noexcept : own_(own) {}
  std::coroutine_handle<promise_type> own_;
};

/// What a task returns when it has nothing to say.
struct nothing {};

/// A coroutine that runs by itself from when it is called, as co_spawn's.
struct detached {
  struct promise_type : frames {
    using frames::operator new, frames::operator delete;
    promise_type() : next(first) {
      if (next != nullptr) next->previous = this;
      first = this;
    }
    promise_type(const promise_type&) = delete;
    promise_type& operator=(const promise_type&) = delete;
    ~promise_type() {
      (previous != nullptr ? previous->next : first) = next;
      if (next != nullptr) next->previous = previous;
    }
    static inline promise_type* first = nullptr;
    promise_type *next, *previous = nullptr;
    detached get_return_object() { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { std::terminate(); }
  };
};

/// Ends those that still wait, where a simulation was stopped half way.
inline void destroy_detached() {
  using promise = detached::promise_type;
  while (promise::first != nullptr) std::coroutine_handle<promise>::from_promise(*promise::first).destroy();
}

/// Waits for a time, and can be woken before it: a steady_timer.
class sleeper final : public timeline::alarm {
 public:
  using alarm::alarm;
  ~sleeper() override = default;

  /// True when the time came, false when `wake_up` did.
  auto until(time_point when) {
    struct wait {
      sleeper& self;
      time_point when;
      bool await_ready() const noexcept { return false; }
      void await_suspend(std::coroutine_handle<> who) {
        self.who_ = who;
        self.in_time_ = true;
        self.set(when);
        if (self.of() == timeline::whose::daemon) self.on().suspended();
      }
      bool await_resume() const noexcept { return self.in_time_; }
    };
    return wait{*this, when};
  }
  /// The coroutine goes on as the next thing that happens now.
  void wake_up() {
    if (!is_set()) return;
    in_time_ = false;
    set(on().now());
  }

 private:
  void wake() override { std::exchange(who_, {}).resume(); }
  std::coroutine_handle<> who_;
  bool in_time_ = true;
};

}  // namespace sim
