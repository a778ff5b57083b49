#pragma once
#include "admin/control.hpp"
#include "admin/history.hpp"
#include "admin/loopback.hpp"
#include "config/routes.hpp"
#include "daemon/event_log.hpp"
#include "daemon/listeners.hpp"
#include "daemon/memory.hpp"
#include "daemon/rotation.hpp"
#include "daemon/setup.hpp"
#include "daemon/supervisor.hpp"
#include "forward/exchange.hpp"
#include "local/audit_pace.hpp"
#include "local/listener.hpp"
#include "local/session.hpp"
#include "sandbox/sandbox.hpp"

#include <bunraku/plugins.hpp>
#include <bunraku/resolver.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>

#include <memory>
#include <string_view>

namespace shim::daemon {

/// A loop that can let go of all coroutines that wait in it while what they refer to still lives. Nothing runs on it
/// after that.
class forgetful_loop : public boost::asio::io_context {
 public:
  using io_context::io_context;
  void forget() { shutdown(); }
};

/// A SIGHUP from now on waits until the daemon runs, instead of ending the process.
void hold_reloads() noexcept;

/// `bunraku run`: owns everything that lives as long as the process and joins it. One thread.
/// A reload reads everything anew, and takes it only if nothing of it is wrong: what runs is never given up for a bad
/// file.
class daemon {
 public:
  /// `setup` and `who` are without errors.
  daemon(const places& where, const setup& setup, const leg_identities& who, std::shared_ptr<event_log> log);

  ~daemon();
  daemon(const daemon&) = delete;
  daemon& operator=(const daemon&) = delete;
  /// Opens the listeners. Problems with an error: it cannot run.
  bunraku::problems start(const setup& setup, const leg_identities& who);
  /// Until SIGTERM or SIGINT, and then until all is drained. The process's exit code.
  int run();

 private:
  void say(bunraku::log_level level, std::string_view line) const;
  void tell(const bunraku::problems& found) const;
  void refused(std::string_view line);
  void take(const setup& setup, const leg_identities& who);
  void take(const leg_identities& who);
  leg_identities load_identities_again();
  rotation::hooks rotating();
  std::vector<admin::credentials_facts> credentials() const;
  bool loop_works();
  void await_signal();
  admin::reload_result reload(bool again = false);
  void reload_that_waited();
  void tell_what_stays(const config::configuration& wanted, bunraku::problems& found) const;
  bunraku::problems open_control();
  admin::controlled controlled();
  void write_textfile();
  void renew_textfile_later();
  bunraku::plugins_reading load_plugins(const setup& setup) const;
  static void try_tokens(const leg_identities& who, bunraku::problems& found);
  /// What a daemon with that setup has to reach; this site stands in where the setup has none.
  sandbox::needs needs_of(const setup& with) const;
  admin::daemon_facts facts() const;
  void drain();
  void end_when_drained();

  places places_;
  std::shared_ptr<event_log> log_;
  forgetful_loop loop_{1};
  boost::asio::signal_set signals_;
  boost::asio::steady_timer drain_timer_, textfile_timer_;
  watchdog watchdog_;
  handshake_leftovers leftovers_;
  config::configuration configuration_;
  bunraku::site site_;
  std::shared_ptr<bunraku::plugins> plugins_;
  bunraku::resolver_options options_;
  bunraku::resolver resolver_;
  forward::deadlines limits_;
  forward::upstream_pool pool_;
  forward::forwarding forwarding_;
  local::session_shared sessions_;
  local::listener_shared shared_;
  listeners listeners_;
  admin::history history_;
  admin::control control_;
  admin::loopback loopback_;
  bool reload_failed_ = false;
  bool reload_waits_ = false;     // for credentials: nothing else was wrong
  std::string textfile_trouble_;  // as it was told
  bool textfile_due_ = false;     // textfile_timer_ is armed
  rotation rotation_;
  local::audit_pace refusals_;
  std::string certname_;
  sandbox::confinement sandbox_;
  bool sandbox_wanted_ = false;  // at the start
  std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
  std::chrono::steady_clock::time_point drain_until_;
};

}  // namespace shim::daemon
