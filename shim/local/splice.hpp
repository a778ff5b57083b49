#pragma once
#include "local/tunnel_counts.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace shim::local {

/// Passes bytes between two connected sockets, both ways at once, until both directions have ended. An end of one
/// direction is passed on and leaves the other open; a broken connection breaks the other one too, so that both sides
/// see it. A side that does not read holds the other one up: at most one `scratch` of bytes is kept for it, and nothing
/// while all is quiet.
class splice : public std::enable_shared_from_this<splice> {
 public:
  using tcp = boost::asio::ip::tcp;
  struct result {
    std::uint64_t up = 0, down = 0;       ///< bytes delivered to the master and to the client
    tunnel_end how = tunnel_end::closed;  ///< closed, cut or idle
    std::string why;                      ///< for the log; empty: as both sides wanted
  };

  /// Both sockets are non-blocking. `for_client` is delivered first. `scratch` is used between waits only: one for all
  /// splices of a thread, empty until there is one. What is delivered is added to `totals` as it goes. Both outlive the
  /// splice.
  splice(tcp::socket client, tcp::socket master, std::string for_client, std::vector<char>& scratch,
         tunnel_counts::traffic& totals);
  /// The daemon ends in its midst: neither side may take what it has for all there is.
  ~splice();
  splice(const splice&) = delete;
  splice& operator=(const splice&) = delete;

  /// Runs once. `idle` is how long it may be silent in both directions.
  static boost::asio::awaitable<result> run(std::shared_ptr<splice> self, std::chrono::milliseconds idle);

 private:
  using clock = std::chrono::steady_clock;
  using error_code = boost::system::error_code;
  struct direction {
    tcp::socket& from;
    tcp::socket& to;
    const char* from_name;
    const char* to_name;
    std::uint64_t& total;
    std::string pending{};
    std::size_t used = 0;
    std::uint64_t bytes = 0;
    bool ended = false;
  };
  enum class step { moved, wait_read, wait_write, over };

  static boost::asio::awaitable<void> pump(std::shared_ptr<splice> self, direction& way);
  step move_some(direction& way);
  step deliver_pending(direction& way);
  void break_off(const char* side, error_code error);
  void close(bool reset);

  tcp::socket client_, master_;
  boost::asio::steady_timer timer_;
  std::vector<char>& scratch_;
  direction up_, down_;
  clock::time_point touched_;
  tunnel_end how_ = tunnel_end::closed;
  std::string why_;
  bool over_ = false;
};

}  // namespace shim::local
