#pragma once
#include <cstddef>
#include <string_view>
#include <vector>

namespace bunraku::puppet {

/// The next line of `text`, which loses it.
inline std::string_view take_line(std::string_view& text) {
  const auto end = text.find('\n');
  const auto line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return line;
}

/// The next word of `line`, which loses it; words are separated by blanks. Empty when there is none.
inline std::string_view take_word(std::string_view& line) {
  const auto is_blank = [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f'; };
  while (!line.empty() && is_blank(line.front())) line.remove_prefix(1);
  std::size_t end = 0;
  while (end != line.size() && !is_blank(line[end])) ++end;
  const auto word = line.substr(0, end);
  line.remove_prefix(end);
  return word;
}

/// The words of a line up to a comment sign.
inline std::vector<std::string_view> words_of(std::string_view line, std::string_view comment_signs) {
  line = line.substr(0, line.find_first_of(comment_signs));
  std::vector<std::string_view> words;
  for (auto word = take_word(line); !word.empty(); word = take_word(line)) words.push_back(word);
  return words;
}

}  // namespace bunraku::puppet
