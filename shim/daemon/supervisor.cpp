#include "daemon/supervisor.hpp"

#include <systemd/sd-daemon.h>

#include <cstdint>

namespace shim::daemon {

void tell_supervisor(const std::string& news) { sd_notify(0, news.c_str()); }

void watchdog::start() {
  std::uint64_t limit = 0;
  if (sd_watchdog_enabled(0, &limit) <= 0) return;
  between_ = std::chrono::microseconds(limit / 2);
  wait();
}

void watchdog::wait() {
  timer_.expires_after(between_);
  timer_.async_wait([this](boost::system::error_code error) {
    if (error) return;
    tell_supervisor("WATCHDOG=1");
    wait();
  });
}

}  // namespace shim::daemon
