#pragma once
#include "tunnel/client_hello.hpp"
#include "tunnel/connect_request.hpp"

#include <algorithm>
#include <string>
#include <string_view>

/// What must hold for any bytes at all. Each function returns the first thing that does not, or an empty text. The fuzz
/// targets and the unit tests (over the corpora) share them.
namespace tunnel_properties {

using namespace shim::tunnel;

using read = std::expected<bool, hello_error>;

/// The verdict, and what name was found, when the bytes come in pieces of `piece` bytes.
inline std::pair<read, std::string> read_in_pieces(std::string_view data, std::size_t piece) {
  hello_reader reader;
  read found = false;
  for (std::size_t have = 0; have < data.size();) {
    have = std::min(data.size(), have + piece);
    // A copy of its own size: what lies behind it is nobody's.
    const std::string seen(data.substr(0, have));
    found = reader.read(seen);
    if (!found || *found) break;
  }
  return {found, reader.server_name()};
}

inline bool is_host(std::string_view host) {
  return !host.empty() && host.size() <= 255 &&
         host.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-._:") == std::string_view::npos;
}

inline std::string check_client_hello(std::string_view data) {
  const auto whole = read_in_pieces(data, data.size() + 1);
  for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, data.size() / 2 + 1}) {
    if (piece == 1 && data.size() > 4096) continue;  // copies of all its beginnings: quadratic
    if (read_in_pieces(data, piece) != whole) return "the verdict depends on how the bytes were cut";
  }
  const auto& [verdict, name] = whole;
  if (!verdict) return text_of(verdict.error()).empty() ? "an error has no text" : std::string();
  if (!*verdict && data.size() > hello_reader::usual_limit + 5) return "more than the limit is waited for";
  if (!name.empty() && !is_host(name)) return "a name has characters that names do not have";
  return {};
}

/// What is taken is taken again in its plainest form; what the scanner refuses is never taken.
inline std::string check_connect_request(std::string_view data) {
  const shim::http::limits bounds;
  const auto taken = parse_connect(data, bounds);
  if (!taken)
    return taken.error().status < 400 || taken.error().text.empty() ? "a refusal says nothing" : std::string();
  const auto end = shim::http::head_scanner(bounds).scan(data);
  if (!end || *end != data.size()) return "the parser takes what the scanner does not";
  if (!is_host(taken->host) || taken->port == 0) return "a target that cannot be";
  const bool v6 = taken->host.contains(':');
  const std::string target = (v6 ? "[" + taken->host + "]" : taken->host) + ":" + std::to_string(taken->port);
  const auto again = parse_connect("CONNECT " + target + " HTTP/1.1\r\nHost: " + target + "\r\n\r\n", bounds);
  if (!again || again->host != taken->host || again->port != taken->port) return "its plainest form means another";
  return {};
}

}  // namespace tunnel_properties
