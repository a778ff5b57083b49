#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace shim::config {

/// What a key takes.
enum class shape : std::uint8_t {
  boolean,
  integer,
  duration,  ///< a string: "250ms", "3s", "2m", "1h"
  text,
  path,    ///< absolute
  key,     ///< a path, or the URI of a private key in a PKCS#11 token
  choice,  ///< one of the words in `choices`, separated by |
  texts,   ///< an array of strings; a single string stands for an array of one
  users,   ///< an array of user names and numbers
  pair,    ///< a table { name = "...", value = "..." }
};

/// One key of bunraku.toml. The table of all of them is the only place where a default or a range is written: the
/// parser reads both from here, and so do `bunraku check` and contrib/bunraku.toml.example.
struct key_row {
  std::string_view table;  ///< "limits"; "service" holds for every [service.NAME] that has no row of its own
  std::string_view name;
  shape takes;
  std::string_view fallback;  ///< as TOML text; empty: unset
  std::int64_t least, most;   ///< integers; durations in milliseconds; length of texts and arrays
  std::string_view choices;
  std::string_view about;  ///< for people; ends without a full stop
};

std::span<const key_row> all_keys() noexcept;
const key_row* find_key(std::string_view table, std::string_view name) noexcept;
/// Names of the tables that may stand at the top of the file.
std::span<const std::string_view> all_tables() noexcept;

/// The candidate that a mistyped word most likely meant: the smallest edit distance, empty if nothing is near.
std::string_view nearest(std::string_view word, std::span<const std::string_view> candidates);
/// The names of all keys of a table.
std::vector<std::string_view> names_in(std::string_view table);

}  // namespace shim::config
