#include "http/characters.hpp"
#include "http/head.hpp"

namespace shim::http {
namespace {

bool folded_prefix(std::string_view name, std::string_view lower) noexcept {
  return name.size() >= lower.size() && folded_equal(name.substr(0, lower.size()), lower);
}

// What only a TLS peer's certificate may say, under every name a front end is known to say it by, and what a master's
// log would take for the client's address.
bool is_identity(std::string_view name) noexcept {
  switch (folded(name.front())) {
    case 'c': return folded_equal(name, "client-cert") || folded_equal(name, "client-cert-chain");  // RFC 9440
    case 'f': return folded_equal(name, "forwarded");
    case 's': return folded_prefix(name, "ssl-");
    case 'x':
      return folded_prefix(name, "x-client-") || folded_prefix(name, "x-ssl-") || folded_prefix(name, "x-forwarded-") ||
             folded_equal(name, "x-forwarded") || folded_equal(name, "x-real-ip");
    default: return false;
  }
}

// Fields whose meaning depends on the exact name: with "_" for "-" it is another name to us, and maybe not to others.
field_role exact(std::string_view name, field_role role) noexcept {
  return name.find('_') == std::string_view::npos ? role : field_role::hop_by_hop;
}

field_role other_role(std::string_view name) noexcept {
  return is_identity(name) ? field_role::identity : field_role::ordinary;
}

}  // namespace

field_role role_of(std::string_view name) noexcept {
  if (name.empty()) return field_role::ordinary;
  switch (folded(name.front())) {
    case 'c':
      if (folded_equal(name, "connection")) return field_role::connection;
      if (folded_equal(name, "content-length")) return exact(name, field_role::content_length);
      return other_role(name);
    case 'e': return folded_equal(name, "expect") ? field_role::expect : field_role::ordinary;
    case 'h':
      if (folded_equal(name, "host")) return field_role::host;
      return folded_equal(name, "http2-settings") ? field_role::hop_by_hop : field_role::ordinary;
    case 'k': return folded_equal(name, "keep-alive") ? field_role::hop_by_hop : field_role::ordinary;
    case 'p':
      // "Proxy" alone becomes the environment's HTTP_PROXY in CGI-like servers.
      return folded_equal(name, "proxy") || folded_prefix(name, "proxy-") ? field_role::hop_by_hop
                                                                          : field_role::ordinary;
    case 'r': return folded_equal(name, "retry-after") ? field_role::retry_after : field_role::ordinary;
    case 't':
      if (folded_equal(name, "transfer-encoding")) return exact(name, field_role::transfer_encoding);
      return folded_equal(name, "te") || folded_equal(name, "trailer") ? field_role::hop_by_hop : field_role::ordinary;
    case 'u': return folded_equal(name, "upgrade") ? field_role::hop_by_hop : field_role::ordinary;
    case 'f':
    case 's':
    case 'x': return other_role(name);
    default: return field_role::ordinary;
  }
}

std::optional<std::string_view> field_list::find(std::string_view name) const noexcept {
  for (const field& f : *this) {
    if (same_name(f.name, name)) return f.value;
  }
  return std::nullopt;
}

}  // namespace shim::http
