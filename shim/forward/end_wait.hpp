#pragma once
#include <boost/asio/steady_timer.hpp>

namespace shim::forward {

/// Ends whoever waits for it. For what must not throw: Asio's cancel() may by its declaration, but no timer of it ever
/// reports an error.
// NOLINTNEXTLINE(bugprone-exception-escape)
inline void end_wait(boost::asio::steady_timer& timer) noexcept { timer.cancel(); }

}  // namespace shim::forward
