// Probe: temporaries as arguments of awaited calls. g++ 12.2 copies aggregates bitwise and destroys them twice.
#include <coroutine>
#include <string>
#include <utility>

namespace {
int alive = 0;
struct counted {
  counted() { ++alive; }
  counted(const counted&) { ++alive; }
  counted(counted&&) noexcept { ++alive; }
  ~counted() { --alive; }
};
struct aggregate {
  std::string text;
  counted member;
};

struct ready {
  bool await_ready() const noexcept { return true; }
  void await_suspend(std::coroutine_handle<>) const noexcept {}
  std::size_t size;
  std::size_t await_resume() const noexcept { return size; }
};
ready take(aggregate a) { return {a.text.size()}; }

struct run {
  struct promise_type {
    std::size_t value = 0;
    run get_return_object() { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_always final_suspend() noexcept { return {}; }
    void return_value(std::size_t v) { value = v; }
    void unhandled_exception() { __builtin_abort(); }
  };
  std::coroutine_handle<promise_type> handle;
};

run arguments() {
  std::size_t n = co_await take(aggregate{.text = std::string(100, 'x'), .member = {}});
  n += co_await take({std::string(50, 'y'), {}});
  co_return n;
}
}  // namespace

int main() {
  auto r = arguments();
  const auto n = r.handle.promise().value;
  r.handle.destroy();
  return n == 150 && alive == 0 ? 0 : 1;
}
