#pragma once
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <string>

namespace shim::daemon {

/// Tells systemd, or whoever else set NOTIFY_SOCKET: "READY=1", "STATUS=...", see sd_notify(3). Without one, nothing.
/// One that hangs takes nothing any more: it is waited for so long, and then not told.
void tell_supervisor(const std::string& news, std::chrono::milliseconds patience = std::chrono::seconds(2));

/// Says that the loop still turns, twice in each WATCHDOG_USEC that the supervisor set. A daemon that hangs is
/// restarted by it. Without a supervisor that watches there is no timer.
class watchdog {
 public:
  explicit watchdog(boost::asio::io_context& loop) : timer_(loop) {}
  void start();

 private:
  void wait();
  boost::asio::steady_timer timer_;
  std::chrono::microseconds between_{0};
};

}  // namespace shim::daemon
