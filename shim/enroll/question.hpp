#pragma once
#include <bunraku/connection.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/system/error_code.hpp>

#include <chrono>
#include <string>
#include <string_view>

namespace shim::enroll {

inline constexpr std::size_t largest_answer = 32u << 20;  ///< what a credential file may have, too: CRLs are large

/// What a master answered. `error` is one sentence when there is no whole answer that can be trusted to be one.
struct answer {
  int status = 0;
  std::string body;
  std::string error;
  boost::system::error_code cause;   ///< of `error`, if the connection broke
  std::string date, puppet_version;  ///< of the fields Date and X-Puppet-Version; empty: not told
};

/// One request on a connection that is of no use afterwards, all within `limit`. `host` is the Host field. The body is
/// sent as text/plain if there is one. The connection must live until completion.
boost::asio::awaitable<answer> ask(bunraku::connection& stream, std::string_view method, std::string target,
                                   std::string host, std::string body, std::chrono::milliseconds limit,
                                   std::string accept = "text/plain");

}  // namespace shim::enroll
