#pragma once
#include <exception>

namespace bunraku {

/// Completion of a coroutine whose end nobody waits for. None is meant to throw; one that finds no memory would, with
/// Asio's own `detached`, end without a word, and whoever waits for its result would wait for ever. The exception goes
/// to whoever runs the loop.
struct unattended {
  void operator()(const std::exception_ptr& thrown) const {
    if (thrown) std::rethrow_exception(thrown);
  }
};

}  // namespace bunraku
