#include "examine/examine.hpp"

#include "cli/control_client.hpp"
#include "cli/json_view.hpp"

#include <chrono>

namespace shim::examine {
namespace {

doctor::daemon_fact ask_the_daemon(const std::string& socket) {
  const auto got = cli::ask_daemon(socket, "GET", "/v1/status");
  if (!got) return {.running = false, .error = got.error(), .config_file = {}, .certname = {}};
  const cli::json_view said(got->body);
  return {.running = true,
          .error = {},
          .config_file = said.text("config"),
          .certname = said.text("certname"),
          .reload_failed = said.flag("reload_failed")};
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
  if (!socket.empty()) all.daemon = ask_the_daemon(socket);
  if (made.options && made.sound) {
    daemon::add_source_plugins(made);
    all.configuration = made.found;
    made.options->dns.store_is_read_only = true;  // the file is the daemon's
    made.options->dns.store_file.clear();         // and what DNS says now is what matters here
    ask_masters(all, *made.options, who.upstream);
  }
  return all;
}

}  // namespace shim::examine
