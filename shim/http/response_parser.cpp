#include "http/characters.hpp"
#include "http/field_parser.hpp"

namespace shim::http {
namespace {

using enum framing_error;
using outcome = std::expected<void, framing_error>;

outcome read_status_line(detail::cursor& at, response_head& head) noexcept {
  if (at.left() != 0 && (*at.p == '\r' || *at.p == '\n')) return std::unexpected(leading_line_break);
  const std::string_view all(at.p, at.left());
  const std::size_t line_end = all.find('\n');
  if (line_end == std::string_view::npos) return std::unexpected(not_one_head);
  if (line_end == 0 || all[line_end - 1] != '\r') return std::unexpected(bare_line_feed);
  const std::string_view line = all.substr(0, line_end - 1);

  // "HTTP/1.1 200 reason": the space after the status is there even when the reason is empty (RFC 9112, 4).
  if (line.size() < 13 || line[8] != ' ' || line[12] != ' ') return std::unexpected(bad_status_line);
  const auto minor = detail::parse_version(line.substr(0, 8), bad_status_line);
  if (!minor) return std::unexpected(minor.error());
  head.minor = *minor;
  for (const char c : line.substr(9, 3)) {
    if (!is_digit(c)) return std::unexpected(bad_status);
    head.status = head.status * 10 + (c - '0');
  }
  if (head.status < 100 || head.status > 599) return std::unexpected(bad_status);
  head.reason = line.substr(13);
  for (const char c : head.reason) {
    if (is_control(c) && c != '\t') return std::unexpected(c == '\r' ? bare_carriage_return : control_character);
  }
  at.p += line_end + 1;
  return {};
}

// RFC 9112, 6.3.
outcome settle_response(const detail::field_facts& facts, std::string_view request_method,
                        response_head& head) noexcept {
  if (head.status == 101) return std::unexpected(protocol_switch);
  const auto declared = detail::declared_framing(facts, head.minor);
  if (!declared) return std::unexpected(declared.error());
  head.keep_alive = head.minor == 1 && !facts.close;
  head.names_hop_fields = facts.named_fields != 0;

  const bool length_is_information = request_method == "HEAD" || head.status == 304;
  const bool announces_body = declared->kind == body_kind::chunked || declared->length != 0;
  // The answer proper, behind it, would be found in two places.
  if (head.status < 200 && announces_body) return std::unexpected(answer_body_not_allowed);
  if (length_is_information || head.status < 200 || head.status == 204) {
    if (length_is_information && declared->kind == body_kind::length) head.announced_length = declared->length;
    // A 204 that announces a body may send one: what comes next on this connection is anybody's guess.
    if (!length_is_information && announces_body) head.keep_alive = false;
    return {};
  }
  // RFC 9112 frames them as any other; Ruby's Net::HTTP, which an agent has, reads no body and takes it for the next
  // answer.
  const bool some_read_no_body = head.status == 205 || head.status == 305;
  if (some_read_no_body && (announces_body || declared->kind != body_kind::length))
    return std::unexpected(answer_body_not_allowed);
  head.body = *declared;
  if (head.body.kind == body_kind::none) {
    head.body.kind = body_kind::until_close;
    head.keep_alive = false;
  }
  return {};
}

outcome read_response(std::string_view bytes, const limits& bounds, std::string_view request_method,
                      response_head& head) noexcept {
  if (bytes.size() > bounds.head_bytes) return std::unexpected(head_too_large);
  detail::cursor at{bytes.data(), bytes.data() + bytes.size()};
  auto done = read_status_line(at, head);
  if (!done) return done;
  detail::field_facts facts;
  done = detail::parse_fields(at, bounds, false, head.fields, facts);
  if (!done) return done;
  return settle_response(facts, request_method, head);
}

}  // namespace

std::expected<response_head, framing_error> parse_response(std::string_view bytes, const limits& bounds,
                                                           std::string_view request_method) noexcept {
  std::expected<response_head, framing_error> head(std::in_place, response_head{});  // large: not zeroed
  const auto done = read_response(bytes, bounds, request_method, *head);
  if (!done) head = std::unexpected(done.error());
  return head;
}

}  // namespace shim::http
