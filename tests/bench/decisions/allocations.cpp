#include "bench/decisions/allocations.hpp"

#include <atomic>
#include <cstdlib>
#include <malloc.h>
#include <new>

namespace {
std::atomic<std::uint64_t> count{0};
}

namespace bench {
std::uint64_t allocations() noexcept { return count.load(std::memory_order_relaxed); }
std::uint64_t bytes_in_use() noexcept {
  const auto about = ::mallinfo2();
  return about.uordblks + about.hblkhd;
}
}  // namespace bench

void* operator new(std::size_t size) {
  count.fetch_add(1, std::memory_order_relaxed);
  if (void* const made = std::malloc(size == 0 ? 1 : size)) return made;
  throw std::bad_alloc();
}
void operator delete(void* what) noexcept { std::free(what); }
void operator delete(void* what, std::size_t) noexcept { std::free(what); }
