#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace shim::config {

/// A TOML document as plain values, each knowing its line, so that only document.cpp knows the TOML library.
struct node {
  enum class kind : std::uint8_t { boolean, integer, real, text, time, array, table };
  kind type = kind::table;
  std::string name;   ///< of a table's member: its key
  unsigned line = 0;  ///< from 1; of the key for a table's member, of the value for an array's
  bool truth = false;
  std::int64_t number = 0;
  double real = 0;
  std::string text;
  std::optional<std::chrono::sys_seconds> moment;  ///< of a time with date, time of day and offset
  std::vector<node> items;                         ///< of an array
  std::vector<node> members;                       ///< of a table, as they stand in the file

  const node* find(std::string_view key) const noexcept;
};
/// "a string", "an integer", ...
std::string_view name_of(node::kind k) noexcept;

struct syntax_error {
  unsigned line = 0;
  std::string what;
};

inline constexpr std::size_t largest_document = 1 << 20;  ///< bytes

/// Reads TOML 1.0. Errors: the first thing that is not TOML (a document has no meaning beyond it), or too large.
std::expected<node, syntax_error> parse_document(std::string_view text);

}  // namespace shim::config
