#include "http/head_writer.hpp"

#include "http/characters.hpp"

#include <array>
#include <charconv>

namespace shim::http {
namespace {

constexpr std::size_t max_reason = 128;

void append_field(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append(": ").append(value).append("\r\n");
}

void append_field(std::string& out, std::string_view name, std::uint64_t number) {
  std::array<char, 20> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  append_field(out, name, {digits.data(), static_cast<std::size_t>(end - digits.data())});
}

void append_length(std::string& out, std::uint64_t length) { append_field(out, "Content-Length", length); }

void append_framing(std::string& out, const body_framing& body) {
  if (body.kind == body_kind::length) append_length(out, body.length);
  if (body.kind == body_kind::chunked) out.append("Transfer-Encoding: chunked\r\n");
}

bool lists(std::string_view options, std::string_view name) noexcept {
  while (!options.empty()) {
    const std::size_t comma = options.find(',');
    if (same_name(trimmed(options.substr(0, comma)), name)) return true;
    if (comma == std::string_view::npos) return false;
    options.remove_prefix(comma + 1);
  }
  return false;
}

bool named_by_connection(const field_list& fields, std::string_view name) noexcept {
  for (const field& f : fields) {
    if (f.role == field_role::connection && lists(f.value, name)) return true;
  }
  return false;
}

// `listed` is a name as the site wrote it.
bool same_folded(std::string_view name, std::string_view listed) noexcept {
  if (name.size() != listed.size()) return false;
  for (std::size_t i = 0; i < name.size(); ++i) {
    if (folded(name[i]) != folded(listed[i])) return false;
  }
  return true;
}

bool is_listed(std::string_view name, std::span<const std::string> strip) noexcept {
  for (const std::string& listed : strip) {
    if (same_folded(name, listed)) return true;
  }
  return false;
}

void append_reason(std::string& out, std::string_view reason) {
  for (const char c : reason.substr(0, max_reason)) {
    out.push_back(is_control(c) || static_cast<unsigned char>(c) >= 0x80 ? '?' : c);
  }
}

}  // namespace

dropped_fields write_request_head(std::string& out, const request_head& request, std::string_view host,
                                  std::span<const std::string> strip, std::optional<body_framing> body) {
  dropped_fields dropped;
  out.append(request.method).append(" ").append(request.target).append(" HTTP/1.1\r\n");
  append_field(out, "Host", host);
  for (const field& f : request.fields) {
    switch (f.role) {
      case field_role::ordinary:
      case field_role::retry_after:
        if (request.names_hop_fields && named_by_connection(request.fields, f.name)) {
          ++dropped.hop_by_hop;
        } else if (is_listed(f.name, strip)) {
          ++dropped.identity;
        } else {
          append_field(out, f.name, f.value);
        }
        break;
      case field_role::hop_by_hop:
      case field_role::expect: ++dropped.hop_by_hop; break;
      case field_role::identity: ++dropped.identity; break;
      case field_role::host:
      case field_role::content_length:
      case field_role::transfer_encoding:
      case field_role::connection: break;
    }
  }
  body_framing framing = body.value_or(request.body);
  // A POST or PUT without any length is legal, and waited for by some servers.
  const bool expects_body = request.method == "POST" || request.method == "PUT";
  if (framing.kind == body_kind::none && expects_body) framing = {body_kind::length, 0};
  append_framing(out, framing);
  out.append("\r\n");
  return dropped;
}

dropped_fields write_response_head(std::string& out, const response_head& response, bool close,
                                   std::optional<body_framing> body, std::optional<std::chrono::seconds> retry_after) {
  dropped_fields dropped;
  std::array<char, 3> status{};
  std::to_chars(status.data(), status.data() + status.size(), response.status);
  out.append("HTTP/1.1 ").append(status.data(), status.size()).append(" ");
  append_reason(out, response.reason);
  out.append("\r\n");
  for (const field& f : response.fields) {
    switch (f.role) {
      case field_role::ordinary:
      case field_role::identity:
      case field_role::host:
      case field_role::expect:
        if (response.names_hop_fields && named_by_connection(response.fields, f.name)) {
          ++dropped.hop_by_hop;
        } else {
          append_field(out, f.name, f.value);
        }
        break;
      case field_role::hop_by_hop: ++dropped.hop_by_hop; break;
      case field_role::retry_after: ++dropped.retry_after; break;
      case field_role::content_length:
      case field_role::transfer_encoding:
      case field_role::connection: break;
    }
  }
  const body_framing framing = body.value_or(response.body);
  append_framing(out, framing);
  if (framing.kind == body_kind::none && response.announced_length) append_length(out, *response.announced_length);
  if (retry_after) append_field(out, "Retry-After", static_cast<std::uint64_t>(retry_after->count()));
  if (close) out.append("Connection: close\r\n");
  out.append("\r\n");
  return dropped;
}

}  // namespace shim::http
