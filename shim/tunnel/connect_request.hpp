#pragma once
#include "http/head.hpp"

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

namespace shim::tunnel {

/// What a client of the way in `connect` asks for.
struct connect_request {
  std::string host;  ///< lower case, without a trailing dot or brackets
  std::uint16_t port = 0;
};

/// Why it is not taken, for the answer. `text` is static and has none of the refused bytes in it.
struct refusal {
  int status = 400;
  std::string_view text;
};

/// Takes exactly one head, as http::head_scanner delimits it. Checks everything itself. `CONNECT host:port` alone: a
/// name of letters, digits, "-", "." and "_" (at most 255 bytes) or an IP address, and a port. A Host field has to say
/// the same. No body; other fields are not looked at (Proxy-Authorization among them: who may come in is not decided by
/// passwords). Source: RFC 9110, 9.3.6; RFC 9112, 3.2.3.
std::expected<connect_request, refusal> parse_connect(std::string_view head, const http::limits& bounds);

/// Appends a whole answer that refuses a CONNECT; the last one on its connection. `why` is its reason phrase, too, as
/// far as it fits (Ruby's Net::HTTP shows nothing else of it), and its body says `why` and then `more`, as masters say
/// errors.
void write_refusal(std::string& out, int status, std::string_view why, std::string_view more = {});

}  // namespace shim::tunnel
