#pragma once
#include <cstdint>

namespace bench {

/// How often this process has allocated so far.
std::uint64_t allocations() noexcept;
/// Bytes that are allocated and not given back now.
std::uint64_t bytes_in_use() noexcept;

}  // namespace bench
