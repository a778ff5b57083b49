// Probe: `co_await` in conditions. g++ 12.2 crashes, hangs or takes the wrong branch here, with no warning.
#include <coroutine>
#include <expected>
#include <memory>
#include <utility>

namespace {
template <class T>
struct task {
  struct promise_type {
    T value{};
    std::coroutine_handle<> waiting;
    task get_return_object() { return task{std::coroutine_handle<promise_type>::from_promise(*this)}; }
    std::suspend_always initial_suspend() noexcept { return {}; }
    auto final_suspend() noexcept {
      struct resume_waiting {
        bool await_ready() noexcept { return false; }
        std::coroutine_handle<> await_suspend(std::coroutine_handle<promise_type> self) noexcept {
          auto next = self.promise().waiting;
          return next ? next : std::noop_coroutine();
        }
        void await_resume() noexcept {}
      };
      return resume_waiting{};
    }
    void return_value(T v) { value = std::move(v); }
    void unhandled_exception() { __builtin_abort(); }
  };
  std::coroutine_handle<promise_type> handle;
  explicit task(std::coroutine_handle<promise_type> h) : handle(h) {}
  task(task&& other) noexcept : handle(std::exchange(other.handle, {})) {}
  ~task() {
    if (handle) handle.destroy();
  }
  bool await_ready() const noexcept { return false; }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> w) noexcept {
    handle.promise().waiting = w;
    return handle;
  }
  T await_resume() { return std::move(handle.promise().value); }
};

struct counted {
  static inline int alive = 0;
  int n = 0;
  counted() { ++alive; }
  explicit counted(int v) : n(v) { ++alive; }
  counted(counted&& o) noexcept : n(o.n) { ++alive; }
  counted& operator=(counted&& o) noexcept {
    n = o.n;
    return *this;
  }
  ~counted() { --alive; }
};

task<bool> yes() { co_return true; }
task<int> three() { co_return 3; }
task<std::unique_ptr<int>> boxed() { co_return std::make_unique<int>(7); }
task<std::expected<counted, int>> fine() { co_return counted{5}; }

task<int> conditions() {
  int score = 0;
  if (co_await yes()) score += 1;
  if (!co_await yes()) score += 1000;
  if (co_await three() == 3) score += 10;
  switch (co_await three()) {
    case 3: score += 100; break;
    default: break;
  }
  if (auto p = co_await boxed(); p && *p == 7) score += 200;
  if ((co_await fine())->n == 5) score += 400;
  while (score < 712 && co_await yes()) ++score;
  co_return score;
}
}  // namespace

int main() {
  int result = 0;
  {
    auto t = conditions();
    t.handle.resume();
    result = t.handle.promise().value;
  }
  return result == 712 && counted::alive == 0 ? 0 : 1;
}
