#pragma once
#include "io/stream.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/system/error_code.hpp>

#include <string>

namespace bunraku::io {

struct handshake_result {
  boost::system::error_code error;
  std::string reason;  ///< for people; empty without an error
};

/// Drives `on`'s handshake, either role, to its end. `on` must outlive it. No time limit: stream::cancel() ends it with
/// operation_aborted, and whoever called that knows why. Errors: the system's, the certificate codes, tls_failed.
boost::asio::awaitable<handshake_result> shake_hands(stream& on);

}  // namespace bunraku::io
