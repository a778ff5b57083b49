#pragma once
#include "admin/request.hpp"
#include "admin/status_document.hpp"
#include "forward/deadlines.hpp"

#include <bunraku/log.hpp>
#include <bunraku/plugins.hpp>
#include <bunraku/problem.hpp>
#include <bunraku/resolver.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace shim::admin {

/// What a reload came to.
struct reload_result {
  bool done = false;
  bunraku::problems found;
};

/// What the control socket needs of the daemon, which outlives it.
struct controlled {
  bunraku::resolver& resolver;
  forward::deadlines& limits;
  const history& so_far;
  std::function<daemon_facts()> facts{};
  std::function<reload_result()> reload{};
  std::function<void(std::string_view line)> refused{};  ///< for the log, a caller that may not come in
  std::function<void(bunraku::log_level level, std::string_view line)> say{};
  std::function<std::shared_ptr<bunraku::plugins>()> plugins{};
};

/// Where `[admin] socket` leads: itself, or for "auto" control.sock in the first directory of $RUNTIME_DIRECTORY, else
/// in /run/bunraku. Empty: nowhere.
std::string socket_path(const std::string& configured);

/// The body of a good answer.
struct reply {
  std::string type;  ///< empty: JSON
  std::string body;
};

/// Does what was asked and says what came of it. Asks DNS only where `explain` or an unknown master's name makes it
/// necessary.
boost::asio::awaitable<std::expected<reply, refusal>> carry_out(controlled& daemon, request what, std::string caller);

/// The daemon's plugins and what each says of itself, for `status`.
boost::asio::awaitable<boost::json::array> describe_plugins(controlled& daemon);
/// Hands an order to a plugin.
boost::asio::awaitable<std::expected<boost::json::object, refusal>> order_plugin(controlled& daemon, request what,
                                                                                 std::string caller);

/// The control socket: HTTP/1.1 with JSON answers on a Unix socket, for root and the daemon's own user alone.
/// Each connection carries one request.
/// Bounds:  `most_clients` at a time, heads of 8 KiB, bodies of `largest_body`, 10 s for a request to arrive and 10 s
///          for each piece of its answer to be taken. Nothing of it costs a wake-up while nobody is connected.
/// Threads: the loop's only.
class control {
 public:
  static constexpr std::size_t most_clients = 8;
  struct shared;  ///< what its conversations share

  control(boost::asio::any_io_executor executor, controlled daemon);
  ~control();
  control(const control&) = delete;
  control& operator=(const control&) = delete;

  /// From now on at this path, anew if its file has gone; empty: nowhere. A file that a killed daemon left there is
  /// replaced, one that somebody listens on is not. Where it cannot listen it goes on where it did: all problems are
  /// warnings. `where` is the configuration's line, for problems.
  bunraku::problems open(const std::string& path, const std::string& where);
  /// Nobody comes in any more; those that are in end when their answer is through.
  void close() noexcept;
  /// Empty: not listening.
  std::string path() const;

 private:
  struct listening;
  static boost::asio::awaitable<void> run(std::shared_ptr<listening> at);
  boost::asio::any_io_executor executor_;
  std::shared_ptr<shared> shared_;
  std::shared_ptr<listening> at_;
};

}  // namespace shim::admin
