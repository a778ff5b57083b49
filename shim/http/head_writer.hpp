#pragma once
#include "http/head.hpp"

#include <chrono>
#include <optional>
#include <span>
#include <string>

namespace shim::http {

/// How many fields were left out because a proxy must not pass them on. Framing fields, Host and Connection are written
/// anew and do not count.
struct dropped_fields {
  std::size_t hop_by_hop = 0;  ///< also those that Connection names
  std::size_t identity = 0;    ///< X-Client-DN and the like, and the site's own: worth a line in the log
  std::size_t retry_after = 0;
  std::size_t total() const noexcept { return hop_by_hop + identity + retry_after; }
};

/// Appends the head of `request` for a master: Host first, with `host` ("puppet1.example.com:8140"), then the other
/// fields in their order, at last the one framing field. Always HTTP/1.1 and persistent; Expect is dropped, it is met
/// on our own side. `strip` names further fields to drop, by the site's wish (case and "_" for "-" do not matter).
/// `body` replaces the request's own framing, for a body that was collected first.
/// Allocates only if `out` has no room.
dropped_fields write_request_head(std::string& out, const request_head& request, std::string_view host,
                                  std::span<const std::string> strip = {},
                                  std::optional<body_framing> body = std::nullopt);

/// Appends the head of `response` for a client. `close`: this is the last answer on its connection, and says so.
/// The master's Retry-After never goes through, since it may have come from one of several; `retry_after` is written in
/// its place. A HEAD or 304 answer keeps its Content-Length and loses Transfer-Encoding, 1xx and 204 lose both. `body`
/// replaces the framing, e.g. `chunked` for a master's body that ends by close.
dropped_fields write_response_head(std::string& out, const response_head& response, bool close,
                                   std::optional<body_framing> body = std::nullopt,
                                   std::optional<std::chrono::seconds> retry_after = std::nullopt);

}  // namespace shim::http
