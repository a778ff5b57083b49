#include "cli/print_problems.hpp"
#include "cli/verbs.hpp"
#include "daemon/daemon.hpp"
#include "daemon/event_log.hpp"
#include "daemon/log_sinks.hpp"

#include <bunraku/private_key.hpp>

#include <openssl/crypto.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <bit>
#include <csignal>
#include <iostream>
#include <sys/resource.h>

namespace shim::cli {
namespace {

/// A handshake under way takes 128 bytes and an identity 5 KiB: enough for 25 of these and as many of those as there
/// can be descriptors, but at most half of what a user may mostly lock. What is never used costs too, the more the
/// larger.
std::size_t key_memory_bytes() {
  constexpr rlim_t handshake = 128, identities = rlim_t{1} << 17, most = rlim_t{1} << 22;
  rlimit descriptors{};
  if (::getrlimit(RLIMIT_NOFILE, &descriptors) != 0 || descriptors.rlim_cur > most / handshake) return most;
  return std::min(most, std::bit_ceil(identities + descriptors.rlim_cur * handshake));
}

/// There is no log yet. Where systemd gives these lines to the journal, it takes their priorities from their first
/// bytes (sd-daemon(3)): what keeps the daemon from its start must be there for `journalctl -p err`.
void tell(const bunraku::problems& found) {
  const bool to_journal = daemon::stderr_is_journal();
  const char* const error = to_journal ? "<3>" : "";
  for (const auto& p : found) {
    std::cerr << (p.level() == bunraku::severity::error ? error : to_journal ? "<4>" : "");
    print(std::cerr, {p});
  }
  if (has_error(found)) std::cerr << error << "bunraku: not started, because of the errors above.\n";
}

/// 0.1 MiB with the code that would put them into a table at the start. They are loaded when one is told.
void spare_texts_of_openssl() {
  OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CRYPTO_STRINGS, nullptr);
  OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_SSL_STRINGS, nullptr);
}

}  // namespace

int run(const invocation& with) {
  daemon::hold_reloads();
  std::signal(SIGPIPE, SIG_IGN);  // who read the log through a pipe has gone
  std::signal(SIGXFSZ, SIG_IGN);  // beyond RLIMIT_FSIZE a write fails, be it of the log or of a body kept for replay
  spare_texts_of_openssl();
  // As well as this kernel lets: a daemon without is no worse than others.
  bunraku::guard_key_memory(key_memory_bytes());
  auto setup = daemon::load_setup(with);
  daemon::leg_identities who;
  if (setup.configuration && setup.site) {
    who = daemon::load_identities(*setup.configuration, *setup.site);
    setup.found.insert(setup.found.end(), who.found.begin(), who.found.end());
  }
  tell(setup.found);
  if (has_error(setup.found)) return not_done;
  daemon::daemon one(with, setup, who, std::make_shared<daemon::event_log>(setup.configuration->log));
  const auto found = one.start(setup, who);
  tell(found);
  if (has_error(found)) return not_done;
  // The daemon has its own: a key must not stay here once it is renewed.
  setup = {};
  who = {};
  return one.run();
}

}  // namespace shim::cli
