#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace shim::http {

/// The target up to its "?", byte for byte.
std::string_view path_of(std::string_view target) noexcept;

/// Value of the first query parameter of this name, as it stands in the target: neither name nor value is decoded. A
/// parameter without "=" has an empty value.
std::optional<std::string_view> query_value(std::string_view target, std::string_view name) noexcept;

/// Appends the path for a log line: without the query (it may hold facts and identifiers), what is not printable ASCII
/// and what would end a quoted or space-separated field as \xNN, cut with "..." behind `max_bytes`.
void append_loggable_path(std::string& out, std::string_view target, std::size_t max_bytes = 512);

}  // namespace shim::http
