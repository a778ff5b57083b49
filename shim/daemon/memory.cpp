#include "daemon/memory.hpp"

#include <malloc.h>

namespace shim::daemon {

void give_back_memory() noexcept { ::malloc_trim(0); }

void handshake_leftovers::connection_began() {
  last_ = std::chrono::steady_clock::now();
  if (!waits_) wait();
}

void handshake_leftovers::wait() {
  waits_ = true;
  timer_.expires_at(last_ + quiet);
  timer_.async_wait([this](boost::system::error_code error) {
    waits_ = false;
    if (error) return;
    if (std::chrono::steady_clock::now() < last_ + quiet) return wait();
    give_back_memory();
  });
}

}  // namespace shim::daemon
