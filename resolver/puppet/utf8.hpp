#pragma once
#include <cstddef>
#include <string>
#include <string_view>

namespace bunraku::puppet {

struct code_point {
  char32_t value;
  std::size_t bytes;  ///< 0: the text is empty or does not begin with well-formed UTF-8
};
code_point first_code_point(std::string_view text) noexcept;

/// Is all of it well-formed UTF-8 (no overlong forms, no surrogates, nothing above U+10FFFF)?
bool is_utf8(std::string_view text) noexcept;

/// Ruby's [[:word:]]: letters, marks, digits of any script and the underscore.
bool is_word(char32_t c) noexcept;

}  // namespace bunraku::puppet
