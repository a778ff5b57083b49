#include "http/characters.hpp"
#include "http/head.hpp"

#include <algorithm>

namespace shim::http {
namespace {

constexpr char tls_handshake = 0x16;  // the type of its records (RFC 8446, 5.1)

}  // namespace

std::expected<std::size_t, framing_error> head_scanner::scan(std::string_view all) noexcept {
  const char* const begin = all.data();
  const char* const end = begin + std::min(all.size(), limits_.head_bytes);
  const char* p = begin + std::min(position_, static_cast<std::size_t>(end - begin));
  for (;;) {
    p = find_control(p, end);
    if (p == end) break;
    if (*p == '\t') {
      ++p;
      continue;
    }
    if (*p == '\n') return std::unexpected(framing_error::bare_line_feed);
    if (*p != '\r')
      return std::unexpected(p == begin && *p == tls_handshake ? framing_error::speaks_tls
                                                               : framing_error::control_character);
    if (p == begin) return std::unexpected(framing_error::leading_line_break);
    if (p + 1 == end) break;
    if (p[1] != '\n') return std::unexpected(framing_error::bare_carriage_return);
    if (p == begin + line_start_) return static_cast<std::size_t>(p + 2 - begin);
    p += 2;
    line_start_ = static_cast<std::size_t>(p - begin);
  }
  position_ = static_cast<std::size_t>(p - begin);
  if (all.size() >= limits_.head_bytes) {
    return std::unexpected(line_start_ == 0 ? framing_error::start_line_too_long : framing_error::head_too_large);
  }
  return 0;
}

}  // namespace shim::http
