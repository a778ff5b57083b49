#pragma once
#include <string_view>
#include <vector>

namespace bunraku::io {

/// The next line of `text`, which loses it.
inline std::string_view take_line(std::string_view& text) {
  const auto end = text.find('\n');
  const auto line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return line;
}

/// The words of a line up to a comment sign; words are separated by blanks.
inline std::vector<std::string_view> words_of(std::string_view line, std::string_view comment_signs) {
  constexpr std::string_view blanks = " \t\r\v\f";
  line = line.substr(0, line.find_first_of(comment_signs));
  std::vector<std::string_view> words;
  for (;;) {
    const auto start = line.find_first_not_of(blanks);
    if (start == std::string_view::npos) return words;
    line.remove_prefix(start);
    const auto end = line.find_first_of(blanks);
    words.push_back(line.substr(0, end));
    line.remove_prefix(words.back().size());
  }
}

}  // namespace bunraku::io
