#pragma once
#include <exception>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

namespace shim::forward {

/// Completions of coroutines whose end nobody waits for. None of them is meant to throw; with Asio's own `detached` one
/// that does would end without a word.

/// For what serves one client: its connection ends with it, the log has why, and everybody else goes on.
class told {
 public:
  told(std::function<void(std::string_view line)> warn, std::string_view what) : warn_(std::move(warn)), what_(what) {}
  void operator()(const std::exception_ptr& thrown) const {
    if (!thrown) return;
    try {
      std::rethrow_exception(thrown);
    } catch (const std::exception& error) {
      warn_("a connection ended by a fault of ours, in " + std::string(what_) + ": " + error.what());
    }
  }

 private:
  std::function<void(std::string_view line)> warn_;
  std::string_view what_;
};

/// For what everybody depends on, as listeners: the error goes to whoever runs the loop, and so ends the process with a
/// line that says it, for its supervisor to start it anew. A daemon that runs but does not listen helps nobody.
struct ends_the_process {
  void operator()(const std::exception_ptr& thrown) const {
    if (thrown) std::rethrow_exception(thrown);
  }
};

}  // namespace shim::forward
