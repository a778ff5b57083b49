// Just enough HTTP/1.1 to talk to proxies under test: fields of a raw head.
#pragma once

#include <charconv>
#include <cstdint>
#include <string_view>
#include <strings.h>

namespace bench {

inline bool same_word(std::string_view a, std::string_view b) {
  return a.size() == b.size() && strncasecmp(a.data(), b.data(), a.size()) == 0;
}

// Of the field with this name, empty when there is none. `head` is lines ended by CRLF, the first one included.
inline std::string_view field(std::string_view head, std::string_view name) {
  std::size_t at = head.find("\r\n");
  while (at != std::string_view::npos) {
    at += 2;
    const auto end = head.find("\r\n", at);
    if (end == std::string_view::npos) break;
    const auto line = head.substr(at, end - at);
    if (line.size() > name.size() && line[name.size()] == ':' && same_word(line.substr(0, name.size()), name)) {
      auto value = line.substr(name.size() + 1);
      while (!value.empty() && value.front() == ' ') value.remove_prefix(1);
      return value;
    }
    at = end;
  }
  return {};
}

inline std::int64_t to_number(std::string_view text, std::int64_t otherwise) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size() ? value : otherwise;
}

}  // namespace bench
