#pragma once
#include <bunraku/connection.hpp>
#include <bunraku/master.hpp>
#include <bunraku/service.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/system/error_code.hpp>

#include <string>
#include <string_view>

namespace bunraku::io {

/// What a master said to a status question. `status` is 0 when no complete HTTP status line came; `error` says why
/// then. `running`: it said 200 and that it is running; looked for only if the whole answer was wanted.
struct status_answer {
  boost::system::error_code error;
  int status = 0;
  bool running = false;
  std::string body{};  ///< of small_get alone
};

/// How much of the answer is read: at most 8 KiB in any case.
enum class status_wanted {
  sign_of_life,  ///< the status line
  state,         ///< as much of the body as says whether it runs
};

/// The path of the status API that speaks for a service of Puppet's. puppetserver knows the compiling and file serving
/// part of itself as "master" in every version, the CA as "ca".
std::string_view status_path(service of) noexcept;

/// Asks on a fresh connection, once; the connection is of no further use. No limit of its own: whoever waits cancels
/// the stream, which must live until completion.
boost::asio::awaitable<status_answer> ask_status(connection& stream, master who, service of, status_wanted wanted);

}  // namespace bunraku::io
