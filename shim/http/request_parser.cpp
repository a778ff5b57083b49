#include "http/characters.hpp"
#include "http/field_parser.hpp"

#include <algorithm>
#include <array>

namespace shim::http {
namespace {

using enum framing_error;
using outcome = std::expected<void, framing_error>;

constexpr std::array<std::string_view, 5> methods{"GET", "HEAD", "POST", "PUT", "DELETE"};

bool is_hex(char c) noexcept { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

// A "%" is followed by the two digits of a byte that is not NUL. Some readers refuse others, some take them as they
// stand, and only in the path: nobody decodes a query before its parameters are apart.
outcome check_encoding(std::string_view path) noexcept {
  for (auto at = path.find('%'); at != std::string_view::npos; at = path.find('%', at + 1)) {
    if (path.size() - at < 3 || !is_hex(path[at + 1]) || !is_hex(path[at + 2]))
      return std::unexpected(bad_target_character);
    if (path[at + 1] == '0' && path[at + 2] == '0') return std::unexpected(control_character);
  }
  return {};
}

// The first byte that is wrong decides which of the reasons a person gets to read.
outcome check_target(std::string_view target, const limits& bounds) noexcept {
  if (target.size() > bounds.target_bytes) return std::unexpected(target_too_long);
  for (const char c : target) {
    if (is(c, target_char)) continue;
    return std::unexpected(is_control(c) ? control_character : bad_target_character);
  }
  // "//x/y" is a path by RFC 9112, but readers that resolve it as a reference find a host in it.
  if (target.front() != '/' || target.starts_with("//")) return std::unexpected(bad_target_form);
  return check_encoding(target.substr(0, target.find('?')));
}

outcome read_request_line(detail::cursor& at, const limits& bounds, request_head& head) noexcept {
  if (at.left() != 0 && (*at.p == '\r' || *at.p == '\n')) return std::unexpected(leading_line_break);
  const std::string_view all(at.p, at.left());
  const std::size_t line_end = all.find('\n');
  if (line_end == std::string_view::npos) return std::unexpected(not_one_head);
  if (line_end == 0 || all[line_end - 1] != '\r') return std::unexpected(bare_line_feed);
  const std::string_view line = all.substr(0, line_end - 1);

  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) return std::unexpected(bad_request_line);
  head.method = line.substr(0, first);
  head.target = line.substr(first + 1, last - first - 1);
  if (head.method.empty() || !all_of(head.method, token_char)) return std::unexpected(bad_request_line);
  if (head.target.empty() || head.target.find(' ') != std::string_view::npos) return std::unexpected(bad_request_line);
  const auto minor = detail::parse_version(line.substr(last + 1), bad_request_line);
  if (!minor) return std::unexpected(minor.error());
  head.minor = *minor;
  if (std::ranges::find(methods, head.method) == methods.end()) return std::unexpected(unknown_method);
  head.is_head = head.method == "HEAD";
  at.p += line_end + 1;
  return check_target(head.target, bounds);
}

bool is_port(std::string_view text) noexcept {
  if (text.empty() || text.size() > 5) return false;
  unsigned port = 0;
  for (const char c : text) {
    if (!is_digit(c)) return false;
    port = port * 10 + static_cast<unsigned>(c - '0');
  }
  return port >= 1 && port <= 65535;
}

// uri-host [ ":" port ] (RFC 9110, 7.2): a name, an IPv4 address, or an IPv6 address in brackets.
bool is_host(std::string_view host) noexcept {
  std::string_view port;
  if (host.starts_with('[')) {
    const std::size_t close = host.find(']');
    if (close == std::string_view::npos || close < 3) return false;
    if (!all_of(host.substr(1, close - 1), literal_char)) return false;
    port = host.substr(close + 1);
  } else {
    const std::size_t colon = std::min(host.find(':'), host.size());
    if (colon == 0 || colon > 255 || !all_of(host.substr(0, colon), host_char)) return false;
    port = host.substr(colon);
  }
  return port.empty() || (port.front() == ':' && is_port(port.substr(1)));
}

outcome settle_request(const detail::field_facts& facts, request_head& head) noexcept {
  if (facts.has_host) {
    if (!is_host(facts.host)) return std::unexpected(bad_host);
    head.host = facts.host;
  } else if (head.minor == 1) {
    return std::unexpected(host_missing);
  }
  const auto body = detail::declared_framing(facts, head.minor);
  if (!body) return std::unexpected(body.error());
  head.body = *body;

  const bool may_have_body = head.method == "POST" || head.method == "PUT";
  if (!may_have_body) {
    // Readers differ on whether such a body is read or is the next request.
    if (body->kind == body_kind::chunked || body->length != 0) return std::unexpected(body_not_allowed);
    head.body = {};
  }
  if (facts.has_expect && head.minor == 1) {  // an HTTP/1.0 client cannot wait for 100 (RFC 9110, 10.1.1)
    if (!same_name(facts.expect, "100-continue")) return std::unexpected(bad_expectation);
    head.expect_continue = head.body.kind == body_kind::chunked || head.body.length != 0;
  }
  head.keep_alive = head.minor == 1 && !facts.close;
  head.names_hop_fields = facts.named_fields != 0;
  return {};
}

outcome read_request(std::string_view bytes, const limits& bounds, request_head& head) noexcept {
  if (bytes.size() > bounds.head_bytes) return std::unexpected(head_too_large);
  detail::cursor at{bytes.data(), bytes.data() + bytes.size()};
  auto done = read_request_line(at, bounds, head);
  if (!done) return done;
  detail::field_facts facts;
  done = detail::parse_fields(at, bounds, true, head.fields, facts);
  if (!done) return done;
  return settle_request(facts, head);
}

}  // namespace

std::expected<request_head, framing_error> parse_request(std::string_view bytes, const limits& bounds) noexcept {
  std::expected<request_head, framing_error> head(std::in_place, request_head{});  // large: not zeroed
  const auto done = read_request(bytes, bounds, *head);
  if (!done) head = std::unexpected(done.error());
  return head;
}

}  // namespace shim::http
