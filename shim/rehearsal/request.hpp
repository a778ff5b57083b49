#pragma once
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

namespace shim::rehearsal {

/// What came of one request of a drill.
struct answer {
  int status = 0;                ///< 0: no whole answer
  std::string why;               ///< then: why not
  std::string body;              ///< of a whole answer, if it is not above `kept_bytes`
  std::string sha256;            ///< of the whole body, hexadecimal
  std::uint64_t head_bytes = 0;  ///< its empty line included
  std::uint64_t body_bytes = 0;  ///< chunked coding taken off
};
inline constexpr std::size_t kept_bytes = std::size_t{64} << 10;

/// -1 if there is nobody.
int connect_to(const std::string& socket);

/// One GET on a connection of its own to a Unix socket where HTTP/1.1 is spoken. Blocking, within `limit`, and until
/// `interrupted`, which is asked four times a second. The body is counted and summed as it comes, however long it is.
answer get(const std::string& socket, const std::string& target, std::chrono::milliseconds limit,
           const std::function<bool()>& interrupted);

/// A path for a target: everything but letters, digits and -._~/ as %XX (RFC 3986, 2.1).
std::string encoded_path(const std::string& path);

}  // namespace shim::rehearsal
