#pragma once
#include <chrono>
#include <optional>
#include <string_view>

namespace shim::cli {

/// A moment in UTC as a person writes it: "2027-01-31", or with "T12:30:00Z" or " 12:30:00" behind it. Years 1950 to
/// 9999, as certificates have them. Nothing if it is none, such as February 30.
std::optional<std::chrono::sys_seconds> read_moment(std::string_view text) noexcept;

}  // namespace shim::cli
