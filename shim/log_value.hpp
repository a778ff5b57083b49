#pragma once
#include <algorithm>
#include <string>
#include <string_view>

namespace shim {

/// A value in a line of the log: `text` in double quotes, with single ones in place of those within it, so that whoever
/// reads the line sees where the value ends.
inline std::string log_value(std::string_view text) {
  std::string out;
  out.reserve(text.size() + 2);
  out += '"';
  out += text;
  std::replace(out.begin() + 1, out.end(), '"', '\'');
  out += '"';
  return out;
}

}  // namespace shim
