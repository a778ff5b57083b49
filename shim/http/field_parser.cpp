#include "http/field_parser.hpp"

#include "http/characters.hpp"

namespace shim::http::detail {
namespace {

using outcome = std::expected<void, framing_error>;
using enum framing_error;

// Connection = #connection-option. Empty elements are allowed (RFC 9110, 5.6.1.2), the number is bounded because each
// option is compared with each field.
outcome read_connection(std::string_view value, field_facts& facts) noexcept {
  while (!value.empty()) {
    const std::size_t comma = value.find(',');
    const std::string_view option = trimmed(value.substr(0, comma));
    value = comma == std::string_view::npos ? std::string_view{} : value.substr(comma + 1);
    if (option.empty()) continue;
    if (!all_of(option, token_char)) return std::unexpected(bad_connection);
    if (++facts.connection_options > max_connection_options) return std::unexpected(bad_connection);
    if (same_name(option, "close")) {
      facts.close = true;
    } else if (!same_name(option, "keep-alive")) {
      ++facts.named_fields;
    }
  }
  return {};
}

outcome note(const field& f, bool single_host, field_facts& facts) noexcept {
  switch (f.role) {
    case field_role::host:
      if (facts.has_host && single_host) return std::unexpected(host_repeated);
      facts.has_host = true;
      facts.host = f.value;
      return {};
    case field_role::content_length:
      if (facts.has_content_length) return std::unexpected(content_length_repeated);
      facts.has_content_length = true;
      facts.content_length = f.value;
      return {};
    case field_role::transfer_encoding:
      if (facts.has_transfer_encoding) return std::unexpected(transfer_encoding_repeated);
      facts.has_transfer_encoding = true;
      facts.transfer_encoding = f.value;
      return {};
    case field_role::expect:
      if (facts.has_expect) return std::unexpected(bad_expectation);
      facts.has_expect = true;
      facts.expect = f.value;
      return {};
    case field_role::connection: return read_connection(f.value, facts);
    default: return {};
  }
}

framing_error why_no_name(const char* name, const char* stop) noexcept {
  if (stop == name) return *stop == ':' ? bad_field_name : is_control(*stop) ? control_character : bad_field_name;
  if (is_blank(*stop)) return space_before_colon;
  if (*stop == '\r') return missing_colon;
  if (*stop == '\n') return bare_line_feed;
  return is_control(*stop) ? control_character : bad_field_name;
}

// One line, from its first byte to behind its CR LF.
std::expected<field, framing_error> read_field(cursor& at) noexcept {
  const char* const name = at.p;
  if (is_blank(*name)) return std::unexpected(folded_field);
  const char* p = name;
  while (p != at.end && is(*p, token_char)) ++p;
  if (p == at.end) return std::unexpected(not_one_head);
  if (p == name || *p != ':') return std::unexpected(why_no_name(name, p));
  const std::string_view name_text(name, static_cast<std::size_t>(p - name));

  const char* const value = ++p;
  for (;;) {
    p = find_control(p, at.end);
    if (p == at.end || *p != '\t') break;
    ++p;
  }
  if (p == at.end) return std::unexpected(not_one_head);
  if (*p != '\r') return std::unexpected(*p == '\n' ? bare_line_feed : control_character);
  if (p + 1 == at.end) return std::unexpected(not_one_head);
  if (p[1] != '\n') return std::unexpected(bare_carriage_return);
  at.p = p + 2;
  return field{name_text, trimmed({value, static_cast<std::size_t>(p - value)}), role_of(name_text)};
}

}  // namespace

outcome parse_fields(cursor at, const limits& bounds, bool single_host, field_list& fields,
                     field_facts& facts) noexcept {
  while (at.p != at.end) {
    if (*at.p == '\r') {
      if (at.left() >= 2 && at.p[1] != '\n') return std::unexpected(bare_carriage_return);
      return at.left() == 2 ? outcome{} : std::unexpected(not_one_head);
    }
    const auto f = read_field(at);
    if (!f) return std::unexpected(f.error());
    if (fields.size() >= bounds.fields || !fields.push_back(*f)) return std::unexpected(too_many_fields);
    if (f->role == field_role::ordinary) continue;
    const auto noted = note(*f, single_host, facts);
    if (!noted) return noted;
  }
  return std::unexpected(not_one_head);
}

std::expected<int, framing_error> parse_version(std::string_view text, framing_error malformed) noexcept {
  if (text.size() != 8 || !text.starts_with("HTTP/") || !is_digit(text[5]) || text[6] != '.' || !is_digit(text[7])) {
    return std::unexpected(malformed);
  }
  if (text[5] != '1' || text[7] > '1') return std::unexpected(unsupported_version);
  return text[7] - '0';
}

std::expected<body_framing, framing_error> declared_framing(const field_facts& facts, int minor) noexcept {
  if (facts.has_transfer_encoding) {
    if (facts.has_content_length) return std::unexpected(both_lengths);
    if (minor == 0) return std::unexpected(transfer_encoding_on_http10);
    if (!same_name(facts.transfer_encoding, "chunked")) return std::unexpected(bad_transfer_encoding);
    return body_framing{body_kind::chunked, 0};
  }
  if (!facts.has_content_length) return body_framing{};
  const std::string_view digits = facts.content_length;
  // 18 digits cannot overflow a signed 64-bit number, ours or the next reader's. A zero in front might mean octal.
  if (digits.empty() || digits.size() > 18 || (digits.size() > 1 && digits.front() == '0')) {
    return std::unexpected(bad_content_length);
  }
  std::uint64_t length = 0;
  for (const char c : digits) {
    if (!is_digit(c)) return std::unexpected(bad_content_length);
    length = length * 10 + static_cast<std::uint64_t>(c - '0');
  }
  return body_framing{body_kind::length, length};
}

}  // namespace shim::http::detail
