#pragma once
#include <algorithm>
#include <string>
#include <string_view>

/// The characters of names and numbers, whatever locale the program has that embeds the library: in Turkish, <cctype>
/// leaves the "I" of a host's name as it is.
namespace bunraku::ascii {

constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
constexpr bool is_lower(char c) noexcept { return c >= 'a' && c <= 'z'; }
constexpr bool is_upper(char c) noexcept { return c >= 'A' && c <= 'Z'; }
constexpr bool is_letter_or_digit(char c) noexcept { return is_lower(c) || is_upper(c) || is_digit(c); }

constexpr char lower(char c) noexcept { return is_upper(c) ? static_cast<char>(c - 'A' + 'a') : c; }

inline std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = lower(c);
  return out;
}

/// `a` equals `b` but for the case of ASCII letters.
constexpr bool same_name(std::string_view a, std::string_view b) noexcept {
  return std::ranges::equal(a, b, [](char x, char y) { return lower(x) == lower(y); });
}

}  // namespace bunraku::ascii
