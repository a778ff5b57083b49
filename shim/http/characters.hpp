#pragma once
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>

/// Character classes of the HTTP grammar, as tables. Not locale-dependent, no allocation.
namespace shim::http {

enum char_class : std::uint8_t {
  token_char = 1,  ///< RFC 9110, 5.6.2: field names, methods, Connection options
  target_char =
      2,  ///< what a path and query may consist of: RFC 3986 without "#"; "[" and "]" since agents send them raw
  host_char = 4,    ///< letters, digits, "-", ".", "_"
  literal_char = 8  ///< inside an IPv6 literal's brackets
};

namespace detail {
consteval std::array<std::uint8_t, 256> make_classes() {
  std::array<std::uint8_t, 256> table{};
  const auto add = [&table](std::string_view characters, std::uint8_t cls) {
    for (const char c : characters) table[static_cast<unsigned char>(c)] |= cls;
  };
  constexpr std::string_view alphanumeric = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
  add(alphanumeric, token_char | target_char | host_char);
  add("!#$%&'*+-.^_`|~", token_char);
  add("-._~%!$&'()*+,;=:@/?[]", target_char);
  add("-._", host_char);
  add("0123456789abcdefABCDEF:.", literal_char);
  return table;
}

/// Lower case, and "_" as "-": field names that some reader takes for the same come out the same.
consteval std::array<char, 256> make_fold() {
  std::array<char, 256> table{};
  for (unsigned i = 0; i < 256; ++i) {
    table[i] = static_cast<char>(i >= 'A' && i <= 'Z' ? i + ('a' - 'A') : i == '_' ? '-' : i);
  }
  return table;
}

inline constexpr auto classes = make_classes();
inline constexpr auto fold = make_fold();
}  // namespace detail

constexpr bool is(char c, char_class cls) noexcept {
  return (detail::classes[static_cast<unsigned char>(c)] & cls) != 0;
}

constexpr bool all_of(std::string_view text, char_class cls) noexcept {
  for (const char c : text) {
    if (!is(c, cls)) return false;
  }
  return true;
}

/// Below 0x20 (HTAB included) or DEL.
constexpr bool is_control(char c) noexcept {
  const auto u = static_cast<unsigned char>(c);
  return u < 0x20 || u == 0x7f;
}

constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
constexpr bool is_blank(char c) noexcept { return c == ' ' || c == '\t'; }

constexpr char folded(char c) noexcept { return detail::fold[static_cast<unsigned char>(c)]; }

/// `name` equals `lower` but for case, and but for "_" in place of "-". `lower` is lower case and has no "_".
constexpr bool folded_equal(std::string_view name, std::string_view lower) noexcept {
  if (name.size() != lower.size()) return false;
  for (std::size_t i = 0; i < name.size(); ++i) {
    if (folded(name[i]) != lower[i]) return false;
  }
  return true;
}

constexpr char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

/// `a` equals `b` but for the case of ASCII letters.
constexpr bool same_name(std::string_view a, std::string_view b) noexcept {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (lower(a[i]) != lower(b[i])) return false;
  }
  return true;
}

/// Without SP and HTAB at both ends (OWS).
constexpr std::string_view trimmed(std::string_view text) noexcept {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

/// First control character in [p, end), else `end`. Eight bytes at a time.
inline const char* find_control(const char* p, const char* end) noexcept {
  if constexpr (std::endian::native == std::endian::little) {
    constexpr std::uint64_t each = 0x0101010101010101;
    while (end - p >= 8) {
      std::uint64_t word = 0;
      std::memcpy(&word, p, 8);
      const std::uint64_t del = word ^ (each * 0x7f);
      // High bit of each byte below 0x20, or equal 0x7f. A borrow may spoil bytes above the first hit, never below it.
      const std::uint64_t hit = (((word - each * 0x20) & ~word) | ((del - each) & ~del)) & (each * 0x80);
      if (hit != 0) return p + (std::countr_zero(hit) >> 3);
      p += 8;
    }
  }
  while (p != end && !is_control(*p)) ++p;
  return p;
}

}  // namespace shim::http
