#pragma once
#include "config/routes.hpp"
#include "daemon/listeners.hpp"
#include "daemon/setup.hpp"
#include "forward/exchange.hpp"
#include "local/listener.hpp"
#include "local/session.hpp"
#include "log_spdlog.hpp"

#include <bunraku/resolver.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>

#include <memory>
#include <string_view>

namespace shim::daemon {

/// `bunraku run`: owns everything that lives as long as the process and joins it. One thread.
/// A reload reads everything anew, and takes it only if nothing of it is wrong: what runs is never given up for a bad
/// file.
class daemon {
 public:
  /// `setup` and `who` are without errors.
  daemon(places where, const setup& setup, const leg_identities& who, std::shared_ptr<log_spdlog> log);

  /// Opens the listeners. Problems with an error: it cannot run.
  bunraku::problems start(const setup& setup, const leg_identities& who);
  /// Until SIGTERM or SIGINT, and then until all is drained. The process's exit code.
  int run();

 private:
  void say(bunraku::log_level level, std::string_view line) const;
  void tell(const bunraku::problems& found) const;
  void take(const setup& setup, const leg_identities& who);
  void await_signal();
  void reload();
  void drain();
  void end_when_drained();

  places places_;
  std::shared_ptr<log_spdlog> log_;
  boost::asio::io_context loop_{1};
  boost::asio::signal_set signals_;
  boost::asio::steady_timer drain_timer_;
  config::configuration configuration_;
  bunraku::resolver resolver_;
  forward::deadlines limits_;
  forward::upstream_pool pool_;
  forward::forwarding forwarding_;
  local::session_shared sessions_;
  local::listener_shared shared_;
  listeners listeners_;
  std::chrono::steady_clock::time_point drain_until_;
};

}  // namespace shim::daemon
