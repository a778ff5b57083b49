#pragma once
#include "http/head.hpp"

/// What heads have in common after their first line. For the parsers alone: shim/http's, and shim/tunnel's of CONNECT.
namespace shim::http::detail {

inline constexpr std::size_t max_connection_options = 16;

/// Where the parser is in a head.
struct cursor {
  const char* p;
  const char* end;

  std::size_t left() const noexcept { return static_cast<std::size_t>(end - p); }
  /// Takes `text` if it comes next.
  bool take(std::string_view text) noexcept {
    if (left() < text.size() || std::string_view(p, text.size()) != text) return false;
    p += text.size();
    return true;
  }
};

/// What the fields say about framing and connection.
struct field_facts {
  std::string_view host, content_length, transfer_encoding, expect;
  bool has_host = false, has_content_length = false, has_transfer_encoding = false, has_expect = false;
  bool close = false;
  unsigned connection_options = 0;  ///< all that are not empty
  unsigned named_fields = 0;        ///< those besides close and keep-alive
};

/// Reads all fields and the empty line, which must be the end. `single_host` makes a second Host an error.
std::expected<void, framing_error> parse_fields(cursor, const limits&, bool single_host, field_list&,
                                                field_facts&) noexcept;

/// HTTP-version (RFC 9112, 2.3): minor version 0 or 1, `malformed` if it has not the form at all.
std::expected<int, framing_error> parse_version(std::string_view text, framing_error malformed) noexcept;

/// What the two length fields say, before method and status are looked at. Kind none: neither is there.
std::expected<body_framing, framing_error> declared_framing(const field_facts&, int minor) noexcept;

}  // namespace shim::http::detail
