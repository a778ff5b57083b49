#include "tunnel/connect_request.hpp"

#include "http/characters.hpp"
#include "http/error_body.hpp"
#include "http/field_parser.hpp"

#include <algorithm>

namespace shim::tunnel {
namespace {

using http::framing_error;

constexpr std::size_t longest_host = 255, longest_reason = 1000;

refusal as_refusal(framing_error e) noexcept { return {http::status_of(e), http::text_of(e)}; }

// authority-form without userinfo. Nothing if it is not `host:port`.
std::optional<connect_request> parse_authority(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  auto host = text.substr(0, colon);
  const auto digits = text.substr(colon + 1);
  unsigned port = 0;
  if (digits.empty() || digits.size() > 5 || !std::ranges::all_of(digits, http::is_digit)) return std::nullopt;
  for (const char c : digits) port = port * 10 + static_cast<unsigned>(c - '0');
  if (port == 0 || port > 65535) return std::nullopt;
  if (host.starts_with('[')) {
    if (host.size() < 4 || !host.ends_with(']')) return std::nullopt;
    host = host.substr(1, host.size() - 2);
    if (!host.contains(':') || !http::all_of(host, http::literal_char)) return std::nullopt;
  } else {
    if (host.ends_with('.')) host.remove_suffix(1);
    if (host.empty() || host.starts_with('.') || host.ends_with('.') || !http::all_of(host, http::host_char))
      return std::nullopt;
  }
  if (host.size() > longest_host) return std::nullopt;
  connect_request made{std::string(host), static_cast<std::uint16_t>(port)};
  std::ranges::transform(made.host, made.host.begin(), http::lower);
  return made;
}

bool says_the_same(std::string_view host_field, const connect_request& target) {
  if (const auto whole = parse_authority(host_field)) return whole->host == target.host && whole->port == target.port;
  // RFC 9110, 7.2 lets the port be left out.
  const auto named = parse_authority(std::string(host_field.substr(0, longest_host + 3)) + ":1");
  return named && named->host == target.host;
}

struct request_line {
  connect_request target;
  int minor = 1;
  std::size_t length = 0;  // with CR LF
};

std::expected<request_line, refusal> parse_line(std::string_view head, const http::limits& bounds) {
  const auto end = head.find("\r\n");
  if (end == std::string_view::npos) return std::unexpected(as_refusal(framing_error::not_one_head));
  const auto line = head.substr(0, end);
  const auto first = line.find(' '), last = line.rfind(' ');
  if (first == std::string_view::npos || first == last)
    return std::unexpected(as_refusal(framing_error::bad_request_line));
  const auto method = line.substr(0, first), target = line.substr(first + 1, last - first - 1);
  if (method.empty() || !http::all_of(method, http::token_char) || target.contains(' '))
    return std::unexpected(as_refusal(framing_error::bad_request_line));
  const auto minor = http::detail::parse_version(line.substr(last + 1), framing_error::bad_request_line);
  if (!minor) return std::unexpected(as_refusal(minor.error()));
  if (method != "CONNECT")
    return std::unexpected(refusal{501, "this is a proxy for https alone: it takes CONNECT NAME:PORT"});
  if (target.size() > bounds.target_bytes) return std::unexpected(as_refusal(framing_error::target_too_long));
  auto parsed = parse_authority(target);
  if (!parsed) return std::unexpected(refusal{400, "CONNECT takes a name or address, a colon and a port"});
  return request_line{std::move(*parsed), *minor, end + 2};
}

}  // namespace

std::expected<connect_request, refusal> parse_connect(std::string_view head, const http::limits& bounds) {
  if (head.size() > bounds.head_bytes) return std::unexpected(as_refusal(framing_error::head_too_large));
  auto line = parse_line(head, bounds);
  if (!line) return std::unexpected(line.error());
  http::field_list fields;
  http::detail::field_facts facts;
  const http::detail::cursor at{head.data() + line->length, head.data() + head.size()};
  if (const auto done = http::detail::parse_fields(at, bounds, true, fields, facts); !done)
    return std::unexpected(as_refusal(done.error()));
  if (!facts.has_host && line->minor == 1) return std::unexpected(as_refusal(framing_error::host_missing));
  if (facts.has_host && !says_the_same(facts.host, line->target))
    return std::unexpected(refusal{400, "the Host header does not say what CONNECT asks for"});
  const auto body = http::detail::declared_framing(facts, line->minor);
  if (!body) return std::unexpected(as_refusal(body.error()));
  if (body->kind == http::body_kind::chunked || body->length != 0)
    return std::unexpected(refusal{400, "a CONNECT request must not have a body"});
  if (facts.has_expect) return std::unexpected(as_refusal(framing_error::bad_expectation));
  return std::move(line->target);
}

void write_refusal(std::string& out, int status, std::string_view why, std::string_view more) {
  const auto body = http::error_body("bunraku: " + std::string(why) + std::string(more));
  out += "HTTP/1.1 " + std::to_string(status) + " bunraku: ";
  // Only what a reason phrase may hold (RFC 9112, 4), and not so much that a reader with a line limit gives up.
  for (const char c : why.substr(0, longest_reason)) out += c >= ' ' && c <= '~' ? c : '?';
  out += "\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(body.size());
  out += "\r\nConnection: close\r\n\r\n";
  out += body;
}

}  // namespace shim::tunnel
