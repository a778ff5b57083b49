#include "http/framing_error.hpp"

namespace shim::http {

int status_of(framing_error e) noexcept {
  switch (e) {
    case framing_error::chunk_too_large: return 413;
    case framing_error::start_line_too_long:
    case framing_error::target_too_long: return 414;
    case framing_error::bad_expectation: return 417;
    case framing_error::head_too_large:
    case framing_error::too_many_fields:
    case framing_error::trailers_too_large: return 431;
    case framing_error::unknown_method: return 501;
    case framing_error::unsupported_version: return 505;
    default: return 400;
  }
}

std::string_view text_of(framing_error e) noexcept {
  using enum framing_error;
  switch (e) {
    case leading_line_break: return "an empty line stands before the first line of the message";
    case bare_line_feed: return "a line of the head ends with LF alone instead of CR LF";
    case bare_carriage_return: return "the head has a CR that no LF follows";
    case control_character: return "the head has a control character in it";
    case speaks_tls: return "it is TLS, where plain HTTP is expected";
    case start_line_too_long: return "the first line of the message is longer than the limit";
    case head_too_large: return "the head is larger than the limit";
    case too_many_fields: return "the head has more header fields than the limit";
    case not_one_head: return "the head is not complete";
    case bad_request_line: return "the request line is not METHOD, one space, target, one space, HTTP version";
    case unsupported_version: return "only HTTP/1.1 and HTTP/1.0 are spoken here";
    case unknown_method: return "only GET, HEAD, POST, PUT and DELETE are taken";
    case target_too_long: return "the request target is longer than the limit";
    case bad_target_form: return "the request target must be a path that starts with a single slash";
    case bad_target_character: return "the request target has a character that must be percent-encoded";
    case bad_status_line: return "the status line is not HTTP version, one space, status, one space, reason";
    case bad_status: return "the status is not a number from 100 to 599";
    case protocol_switch: return "the answer switches to another protocol, which nobody asked for";
    case folded_field: return "a header field is folded over two lines";
    case space_before_colon: return "there is white space between a header field's name and its colon";
    case missing_colon: return "a header line has no colon";
    case bad_field_name: return "a header field's name is empty or has a character that names may not have";
    case host_missing: return "the Host header is missing";
    case host_repeated: return "there is more than one Host header";
    case bad_host: return "the Host header is not a host name or address with an optional port";
    case bad_connection: return "the Connection header is not a list of at most 16 names";
    case bad_expectation: return "the only expectation that is met here is 100-continue";
    case bad_content_length: return "Content-Length is not one plain decimal number";
    case content_length_repeated: return "there is more than one Content-Length";
    case bad_transfer_encoding: return "the only Transfer-Encoding that is taken is a single chunked";
    case transfer_encoding_repeated: return "there is more than one Transfer-Encoding";
    case transfer_encoding_on_http10: return "Transfer-Encoding does not exist in HTTP/1.0";
    case both_lengths: return "there are both Content-Length and Transfer-Encoding";
    case body_not_allowed: return "a GET, HEAD or DELETE request must not have a body";
    case answer_body_not_allowed: return "an answer of this status must not have a body";
    case bad_chunk_size: return "a chunk's size line is not a hexadecimal number and CR LF";
    case chunk_too_large: return "a chunk is larger than 2147483647 bytes";
    case bad_chunk_end: return "a chunk's data is not followed by CR LF";
    case chunk_extension_too_long: return "a chunk extension is longer than the limit";
    case bad_trailer: return "a trailer line after the last chunk is malformed";
    case trailers_too_large: return "the trailer after the last chunk is larger than the limit";
  }
  return "the message is malformed";
}

}  // namespace shim::http
