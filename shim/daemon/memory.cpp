#include "daemon/memory.hpp"

#include <malloc.h>

namespace shim::daemon {

void keep_memory_at_hand() noexcept {
  constexpr int mib = 1 << 20;
  ::mallopt(M_TRIM_THRESHOLD, 2 * mib);
  // Naming one of them ends malloc's own adjusting of the other: what is larger than this is mapped for itself.
  ::mallopt(M_MMAP_THRESHOLD, mib);
}

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
