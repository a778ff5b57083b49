#include "examine/examine.hpp"

#include "cli/control_client.hpp"
#include "cli/json_view.hpp"

#include <cerrno>
#include <chrono>
#include <unistd.h>

namespace shim::examine {
namespace {

doctor::daemon_fact ask_the_daemon(const std::string& socket) {
  const auto got = cli::ask_daemon(socket, "GET", "/v1/status");
  using state = doctor::daemon_fact::state;
  doctor::daemon_fact daemon;
  if (!got) {
    daemon.error = got.error();
    if (::access(socket.c_str(), W_OK) == 0) daemon.is = state::silent;
    else if (errno == EACCES) daemon.is = state::denied;
    // A killed daemon leaves its socket behind.
    if (daemon.error.starts_with("no daemon") && daemon.is == state::silent) daemon.is = state::absent;
    return daemon;
  }
  const cli::json_view said(got->body);
  daemon.is = state::running;
  daemon.config_file = said.text("config");
  daemon.certname = said.text("certname");
  daemon.version = said.text("bunraku");
  daemon.reload_failed = said.flag("reload_failed");
  said.for_each("masters", [&](const cli::json_view& m) {
    if (!m.has("service") && m.text("state") == "draining")
      daemon.drained.push_back({m.text("master"), m.has("until") ? m.text("until") : std::string()});
  });
  return daemon;
}

}  // namespace

doctor::facts gather(const daemon::places& where, const std::string& socket) {
  doctor::facts all;
  all.now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  auto made = daemon::load_setup(where);
  all.configuration = made.found;
  all.configured = made.configuration;
  all.site = made.site;
  daemon::leg_identities who;
  if (made.configuration && made.site) {
    who = daemon::load_identities(*made.configuration, *made.site);
    all.credentials = who.found;
  }
  if (who.upstream) all.certificate_ends = who.upstream->certificate_not_after();
  look_at_host(all);
  look_around(all, made.options ? made.options->dns.store_file : std::string());
  if (!socket.empty()) all.daemon = ask_the_daemon(socket);
  if (made.options && made.sound) {
    daemon::add_source_plugins(made);
    all.configuration = made.found;
    made.options->dns.store_is_read_only = true;  // the file is the daemon's
    made.options->dns.store_file.clear();         // and what DNS says now is what matters here
    ask_name_servers(all, *made.options);
    ask_masters(all, *made.options, who.upstream);
  }
  return all;
}

}  // namespace shim::examine
