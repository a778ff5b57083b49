#pragma once
#include <bunraku/service.hpp>

#include <cstdint>
#include <string_view>

namespace bunraku {

/// One row of what a Puppet agent asks of its masters: method and path, the service that answers it, and who may be
/// asked again when something fails. Data: see endpoint.cpp for the rows and their sources.
struct endpoint {
  /// May this request go to another master of its service?
  enum class repeat : std::uint8_t {
    anywhere,     ///< idempotent: any other master, also after it was sent
    unsent_only,  ///< another master only while it is certain that no byte of it was processed
    same_master,  ///< only the same master again (a CA's signing request)
    never,        ///< not at all
  };

  std::string_view name;  ///< "catalog", "file_content", ...: for logs and metrics
  bunraku::service service;
  repeat unsent;       ///< connect or TLS failed, nothing was sent
  repeat unanswered;   ///< sent whole or in part, connection lost before any answer
  repeat server_error; ///< 502, 503, 504
  repeat error_500;    ///< 500: for a catalog this is a manifest error, the same everywhere
  bool admin;          ///< CA administration, which an agent never sends
};

/// The row for a request. Unknown paths get the row named "other": service catalog, repeated only while unsent.
/// `target` is the request target as it came: never decoded, never normalised. noexcept, no allocation.
const endpoint& find_endpoint(std::string_view method, std::string_view target) noexcept;

}  // namespace bunraku
