#pragma once
#include <cstdint>
#include <string_view>

namespace shim::http {

/// Why bytes were refused as HTTP/1.1. One value for each reason, so that tests, counters and answers can tell them
/// apart. A connection on which one of these came up cannot be trusted to be in step: answer (if it is the client's)
/// and close, or drop it (if it is a master's).
enum class framing_error : std::uint8_t {
  // the head as a whole
  leading_line_break,    ///< an empty line where a request or status line should start
  bare_line_feed,        ///< LF without CR
  bare_carriage_return,  ///< CR without LF
  control_character,     ///< below 0x20 except HTAB, or DEL
  speaks_tls,            ///< it begins as a TLS handshake does
  start_line_too_long,
  head_too_large,
  too_many_fields,
  not_one_head,  ///< the caller gave the parser less or more than one head
  // request line
  bad_request_line,
  unsupported_version,
  unknown_method,
  target_too_long,
  bad_target_form,       ///< absolute, authority, "*", or "//" at the start
  bad_target_character,  ///< what RFC 3986 wants percent-encoded, "#", 8-bit
  // status line
  bad_status_line,
  bad_status,
  protocol_switch,  ///< 101
  // fields
  folded_field,
  space_before_colon,
  missing_colon,
  bad_field_name,
  host_missing,
  host_repeated,
  bad_host,
  bad_connection,
  bad_expectation,
  // body framing
  bad_content_length,
  content_length_repeated,
  bad_transfer_encoding,
  transfer_encoding_repeated,
  transfer_encoding_on_http10,
  both_lengths,
  body_not_allowed,
  answer_body_not_allowed,  ///< 1xx that announces a body; 205 or 305 that does not say that it has none
  // chunked body
  bad_chunk_size,
  chunk_too_large,
  bad_chunk_end,  ///< chunk data is not followed by CRLF
  chunk_extension_too_long,
  bad_trailer,
  trailers_too_large,
};
inline constexpr std::size_t framing_error_count = static_cast<std::size_t>(framing_error::trailers_too_large) + 1;

/// Status for the client that sent it: 400, 413, 414, 417, 431, 501 or 505. A master's answer that is refused is a 502
/// whatever the reason.
int status_of(framing_error) noexcept;

/// One sentence that says what is wrong, without any of the refused bytes in it.
std::string_view text_of(framing_error) noexcept;

}  // namespace shim::http
