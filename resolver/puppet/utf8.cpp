#include "puppet/utf8.hpp"

#include "puppet/ascii.hpp"

#include <bunraku/shown_text.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace bunraku::puppet {
namespace {

struct range {
  char32_t first, last;
};

// Above ASCII: what Ruby's [[:word:]] does not match, as far as it can get into a configuration file by accident
// (spaces, punctuation, signs, emoji). Letters, marks and digits of all scripts are words.
constexpr std::array not_words = {
    range{0x80, 0xa9},     range{0xab, 0xb4},     range{0xb6, 0xb9},       range{0xbb, 0xbf},
    range{0xd7, 0xd7},     range{0xf7, 0xf7},     range{0x2c2, 0x2c5},     range{0x2000, 0x203e},
    range{0x2041, 0x2053}, range{0x2055, 0x206f}, range{0x20a0, 0x20cf},   range{0x2190, 0x245f},
    range{0x2500, 0x2bff}, range{0x2e00, 0x2e2e}, range{0x2e30, 0x2e5d},   range{0x3000, 0x3004},
    range{0x3008, 0x3020}, range{0xd800, 0xf8ff}, range{0xfe10, 0xfe19},   range{0xfe45, 0xfe4c},
    range{0xfe50, 0xfe6b}, range{0xfeff, 0xff0f}, range{0xff1a, 0xff20},   range{0xff3b, 0xff3e},
    range{0xff5b, 0xff65}, range{0xffe0, 0xffff}, range{0x1f000, 0x1faff}, range{0xe0000, 0x10ffff},
};

bool in(std::uint8_t byte, std::uint8_t first, std::uint8_t last) noexcept { return byte >= first && byte <= last; }

}  // namespace

// The table of well-formed sequences: Unicode 15, table 3-7.
code_point first_code_point(std::string_view text) noexcept {
  const auto at = [&](std::size_t i) { return i < text.size() ? static_cast<std::uint8_t>(text[i]) : std::uint8_t{0}; };
  const std::uint8_t lead = at(0);
  if (text.empty()) return {0, 0};
  if (lead < 0x80) return {lead, 1};
  const std::uint8_t second_min = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
  const std::uint8_t second_max = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
  const std::size_t length = in(lead, 0xc2, 0xdf) ? 2 : in(lead, 0xe0, 0xef) ? 3 : in(lead, 0xf0, 0xf4) ? 4 : 0;
  if (length == 0 || !in(at(1), second_min, second_max)) return {0, 0};
  char32_t value = lead & (0xffu >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    if (!in(at(i), 0x80, 0xbf)) return {0, 0};
    value = (value << 6) | (at(i) & 0x3fu);
  }
  return {value, length};
}

bool is_utf8(std::string_view text) noexcept {
  while (!text.empty()) {
    const auto next = first_code_point(text);
    if (next.bytes == 0) return false;
    text.remove_prefix(next.bytes);
  }
  return true;
}

bool is_word(char32_t c) noexcept {
  if (c < 0x80) return ascii::is_letter_or_digit(static_cast<char>(c)) || c == '_';
  return std::ranges::none_of(not_words, [c](range r) { return c >= r.first && c <= r.last; });
}

}  // namespace bunraku::puppet

namespace bunraku {

std::string shown_text(std::string_view text, std::size_t most) {
  std::string out;
  while (!text.empty()) {
    const auto next = puppet::first_code_point(text);
    const bool is_control = next.value < 0x20 || (next.value >= 0x7f && next.value < 0xa0);
    const auto piece = next.bytes == 0 ? "?" : is_control ? " " : text.substr(0, next.bytes);
    if (piece.size() > most - out.size()) break;
    out += piece;
    text.remove_prefix(std::max<std::size_t>(next.bytes, 1));
  }
  return out;
}

}  // namespace bunraku
