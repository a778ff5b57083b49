#pragma once
#include "http/head.hpp"

#include <ostream>
#include <string>
#include <string_view>

/// Shorthand for heads in tests.
namespace shim::http {

/// "GET / HTTP/1.1|Host: a|" -> the same with CR LF for each "|", and the empty line behind it.
inline std::string head_of(std::string_view lines) {
  std::string out;
  for (const char c : lines) {
    if (c == '|') {
      out.append("\r\n");
    } else {
      out.push_back(c);
    }
  }
  return out.append("\r\n");
}

inline void PrintTo(framing_error e, std::ostream* out) { *out << '"' << text_of(e) << '"'; }

}  // namespace shim::http
