#pragma once
#include <bunraku/service.hpp>

#include <cstdint>
#include <span>
#include <string_view>

namespace bunraku {

/// One row of what a Puppet agent asks of its masters: method and path, the service that answers it, and who may be
/// asked again when something fails. Data: see endpoint.cpp for the rows and their sources.
/// Each column is one thing that can happen to an attempt, and its value says who may be asked next. "Another master"
/// is always one of the same service that this exchange did not try yet. What none of the columns tells (any 2xx, 3xx
/// or other 4xx) is the answer and goes to the agent.
struct endpoint {
  enum class repeat : std::uint8_t {
    anywhere,     ///< another master
    unsent_only,  ///< another master, but only with proof that this one did not process the request, such as a TLS
                  ///< alert that refused our handshake after the request was written; without proof the same as `never`
    same_master,  ///< only the same master again: it keeps state that no other one has (a CA's signing requests)
    never,        ///< nobody: the failure goes to the agent
  };

  std::string_view name;  ///< "catalog", "file_content", ...: for logs and metrics
  bunraku::service service;
  repeat unsent;      ///< connect or TLS failed, or an idle connection was found closed: nothing was sent
  repeat unanswered;  ///< sent whole or in part, connection lost or silent before any answer
  repeat
      interrupted;  ///< the answer had begun and broke off; asking again also needs the delivered part to be the same
  repeat server_error;  ///< 502, 503 without Retry-After, 504
  repeat saturated;  ///< 503 or 429 with Retry-After: the master refused it unprocessed and names a time to stay away
  repeat error_500;  ///< 500: for a catalog this is a manifest error, the same everywhere
  bool not_found_may_be_lag;  ///< 404 may mean only that this master's code is older than that of the master which
                              ///< compiled the catalog: believe it from that one
  bool admin;                 ///< CA administration, which an agent never sends
};

/// Every row, "other" last.
std::span<const endpoint> endpoints() noexcept;

/// The row for a request. Unknown requests get the row named "other": service catalog, repeated only while unsent.
/// `target` is the request target as it came, with or without a query: compared byte by byte, never decoded, never
/// normalised. HEAD finds what GET finds. No allocation.
const endpoint& find_endpoint(std::string_view method, std::string_view target) noexcept;

}  // namespace bunraku
