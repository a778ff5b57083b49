#include "cli/verbs.hpp"
#include "config/configuration.hpp"
#include "config/keys.hpp"
#include "sandbox/capabilities.hpp"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <openssl/crypto.h>

#include <array>
#include <cstddef>
#include <cstdlib>
#include <exception>
#include <expected>
#include <fcntl.h>
#include <iostream>
#include <new>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unistd.h>
#include <utility>
#include <vector>

namespace {

constexpr const char* about =
    "bunraku: finds the masters of each Puppet service and connects to them as the agent of this host.";
constexpr const char* ending =
    "Without bunraku.toml everything is taken from puppet.conf and from SRV records. More: man bunraku-VERB.\n"
    "Exit status: 0 done, perhaps with warnings; 1 done, and the news is bad; 2 configuration, puppet.conf or "
    "credentials are wrong.";

/// Half-done work in every coroutine would be worse than a new start, which the supervisor makes at once
/// (contrib/adr/0018).
[[noreturn]] void end_for_want_of_memory() {
  constexpr std::string_view why = "bunraku: there is no memory left; ending, to be started anew.\n";
  [[maybe_unused]] const auto told = ::write(STDERR_FILENO, why.data(), why.size());
  ::_exit(shim::cli::not_done);
}

std::terminate_handler usual_end = nullptr;

/// Asio asks for aligned memory, which no new handler knows of, and throws; some of that meets a noexcept on its way.
[[noreturn]] void end_for_an_exception() {
  try {
    if (const auto thrown = std::current_exception()) std::rethrow_exception(thrown);
  } catch (const std::bad_alloc&) {
    end_for_want_of_memory();
  } catch (...) {
    usual_end();  // which tells what it was
  }
  std::abort();
}

void* allocate(std::size_t size, const char* /*file*/, int /*line*/) {
  if (size == 0) return nullptr;
  void* const made = std::malloc(size);
  if (made == nullptr) end_for_want_of_memory();
  return made;
}

void release(void* what, const char* /*file*/, int /*line*/) { std::free(what); }

void* allocate_again(void* what, std::size_t size, const char* file, int line) {
  if (size == 0) {
    release(what, file, line);
    return nullptr;
  }
  void* const made = std::realloc(what, size);
  if (made == nullptr) end_for_want_of_memory();
  return made;
}

/// Before any other initialiser of this program, which allocate too. OpenSSL as well: an algorithm for which it once
/// had no memory it does not offer again, and a daemon without TLS runs and serves nobody.
[[gnu::constructor(101)]] void watch_for_want_of_memory() {
  std::set_new_handler(end_for_want_of_memory);
  usual_end = std::set_terminate(end_for_an_exception);
  CRYPTO_set_mem_functions(allocate, allocate_again, release);
}

/// Where we were started with one of them closed (2>&-), no socket and no file that is being written may take its
/// number, and with that what is printed. Writing fails as it would have.
void fill_standard_descriptors() {
  for (int fd = ::open("/dev/null", O_RDONLY); fd >= 0; fd = ::open("/dev/null", O_RDONLY))
    if (fd > STDERR_FILENO) {
      ::close(fd);
      return;
    }
}

void add_common(CLI::App& to, shim::cli::invocation& into) {
  to.add_option("-c,--config", into.config_file, "bunraku.toml to read; must exist if given")
      ->default_str(shim::config::default_file)
      ->each([&into](const std::string&) { into.config_given = true; });
  to.add_option("--puppet-conf", into.puppet_conf, "puppet.conf to read instead of the one that `puppet agent` would");
}

using verb = int (*)(const shim::cli::invocation&);

verb verb_of(const CLI::App& app) {
  constexpr std::array<std::pair<const char*, verb>, 14> all{{{"run", shim::cli::run},
                                                              {"check", shim::cli::check},
                                                              {"resolve", shim::cli::resolve},
                                                              {"doctor", shim::cli::doctor},
                                                              {"init", shim::cli::init},
                                                              {"drill", shim::cli::drill},
                                                              {"enroll", shim::cli::enroll},
                                                              {"verify-chain", shim::cli::verify_chain},
                                                              {"status", shim::cli::status},
                                                              {"explain", shim::cli::explain},
                                                              {"drain", shim::cli::drain},
                                                              {"undrain", shim::cli::undrain},
                                                              {"reload", shim::cli::reload},
                                                              {"plugin", shim::cli::plugin}}};
  for (const auto& [name, does] : all)
    if (app.got_subcommand(name)) return does;
  throw std::logic_error("a verb that does nothing");
}

void add_init(CLI::App& app, shim::cli::invocation& with) {
  auto* init = app.add_subcommand("init", "say what would lead this host's agent through bunraku; with --apply, do it");
  auto* apply = init->add_flag("--apply", with.apply, "do it, keeping all files as they were, and check");
  auto* undo = init->add_flag("--undo", with.undo, "put back every file that --apply has changed, byte for byte");
  undo->excludes(apply);
  init->add_flag("--unattended", with.unattended,
                 "for tools: refuse what could leave the agent worse off; without --apply, exit status 1 if there is "
                 "something to do")
      ->excludes(undo);
  init->add_option("--fallback", with.fallback,
                   "a master that the agent goes to when bunraku does not answer; may be given again")
      ->type_name("HOST[:PORT]");
  init->add_option("--ca-server", with.ca_server, "the CA's real name, if puppet.conf does not name it")
      ->type_name("HOST");
  init->footer(
      "Changes puppet.conf, and /etc/hosts where the node's name leads elsewhere; enables the service. Refuses when a "
      "file was changed meanwhile. Exit status 0: done, or shown; 1: --unattended has something to do; 2: not done.");
}

void add_enroll(CLI::App& app, shim::cli::invocation& with) {
  auto* enroll = app.add_subcommand("enroll", "get this node its key and certificate, without the agent");
  enroll
      ->add_option("--ca-fingerprint", with.ca_fingerprint,
                   "believe only the CA bundle with this SHA-256, of its text or of its root certificate")
      ->type_name("SHA256:HEX");
  enroll->add_flag("--trust-first-ca", with.trust_first_ca, "believe the first CA bundle that comes, whoever sends it");
  auto* once = enroll->add_flag("--once", with.once, "do not wait until the certificate is signed");
  // With the agent's spelling, too.
  enroll->add_option("--wait-for-cert,--waitforcert", with.wait_for_cert, "ask again after about so long; 0: never")
      ->excludes(once)
      ->type_name("TIME");
  enroll
      ->add_option("--max-wait-for-cert,--maxwaitforcert", with.longest_wait_for_cert,
                   "give up after so long, or \"unlimited\"")
      ->type_name("TIME");
  enroll
      ->add_option("--wait-for-lock,--waitforlock", with.wait_for_lock,
                   "look again after about so long whether another Puppet still holds ssl.lock; 0: never")
      ->type_name("TIME");
  enroll
      ->add_option("--max-wait-for-lock,--maxwaitforlock", with.longest_wait_for_lock,
                   "give up waiting for it after so long, or \"unlimited\"")
      ->type_name("TIME");
  enroll->footer(
      "The four times are puppet.conf's if not given here: waitforcert, maxwaitforcert, waitforlock, maxwaitforlock; "
      "seconds, or \"90s\", \"5m\", \"2h\".\nDoes what is missing, whatever was done before, and never makes a key "
      "where there is one. Exit status 0: the "
      "node has its certificate; 1: not yet, or the CA refuses; 2: something on this host is in the way.");
}

void add_verify_chain(CLI::App& app, shim::cli::invocation& with) {
  auto* verify =
      app.add_subcommand("verify-chain", "tell whether a master with this chain would be accepted, and why not");
  const auto file = [&](const char* option, std::string& into, const char* what) {
    return verify->add_option(option, into, what)->type_name("FILE");
  };
  file("--chain", with.chain, "what the master shows: its certificate, then any CAs between, PEM")->required();
  file("--ca", with.ca, "CA bundle to trust, instead of this node's; then nothing of this host is read");
  file("--crl", with.crl, "CRL bundle, instead of this node's");
  verify->add_option("--name", with.name, "the name that is dialled; any, if left out")->type_name("HOST");
  verify->add_option("--time", with.time, "judge as of then: 2027-01-31 or 2027-01-31T12:30:00Z")->type_name("UTC");
  verify->add_option("--revocation", with.revocation, "which CRLs must be there: chain, leaf or none")
      ->check(CLI::IsMember({"chain", "leaf", "none"}));
  verify->add_option("--service", with.service, "with this service's pins; catalog if left out")->type_name("SERVICE");
  verify->add_flag("--json", with.json, "print one JSON object");
  verify->footer(
      "The code that verifies masters in their handshakes, and [identity] of bunraku.toml, without a network. With "
      "--ca, "
      "bunraku.toml is read only if --config names it. Exit status 0: good; 1: refused; 2: a file or option is wrong.");
}

void add_socket(CLI::App& to, shim::cli::invocation& into) {
  to.add_option("--socket", into.socket, "the daemon's control socket, instead of the one bunraku.toml names")
      ->type_name("PATH");
}

void add_doctor(CLI::App& app, shim::cli::invocation& with) {
  auto* doctor = app.add_subcommand("doctor",
                                    "look at this host, DNS and every master, and tell what is wrong and how "
                                    "to mend it");
  doctor->add_flag("--list", with.list, "name the checks, and look at nothing");
  doctor->add_flag("--json", with.json, "print one JSON object");
  add_socket(*doctor, with);
  doctor->footer(
      "Reads files, asks DNS and the daemon, and asks every master how it is, as this node; changes nothing anywhere. "
      "Exit status 0: nothing, or notes alone; 1: warnings; 2: errors.");
}

void add_drill(CLI::App& app, shim::cli::invocation& with) {
  auto* drill = app.add_subcommand("drill",
                                   "play failures of masters and DNS inside bunraku on this host, and tell "
                                   "what a run would meet");
  drill->add_option("scenario", with.scenarios, "\"catalog-refused\", a service or a kind of failure; all if left out");
  drill->add_flag("--list", with.list, "name the scenarios");
  auto* plan = drill->add_option("--plan", with.plan, "play this TOML file's [[step]]s instead")->type_name("FILE");
  auto* agent = drill->add_flag("--agent", with.agent, "ask by real runs of `puppet agent --test --noop`");
  auto* file =
      drill->add_option("--file", with.file, "what files-reset downloads: modules/MODULE/PATH")->type_name("PATH");
  drill->add_flag("--dry-run", with.dry_run, "say what would be done, and do nothing");
  auto* json = drill->add_flag("--json", with.json, "print one JSON object");
  auto* html = drill->add_option("--html", with.html, "write one self-contained page")->type_name("FILE");
  auto* junit = drill->add_option("--junit", with.junit, "write JUnit's XML for pipelines")->type_name("FILE");
  for (auto* one : {agent, file}) one->excludes(plan);
  auto* hold =
      drill->add_option("--for", with.lasts, "hold one scenario in the running daemon for so long, at most 24h")
          ->type_name("TIME");
  auto* end = drill->add_flag("--end", with.end, "end what --for holds");
  // One fault is held or ended then; nobody asks for anything, and there is nothing to report.
  for (auto* one : {plan, agent, file, json, html, junit}) hold->excludes(one), end->excludes(one);
  end->excludes(hold);
  add_socket(*drill, with);
  drill->footer(
      "Masters are asked by GETs that change nothing, about seven a second, or by runs that change nothing. Without "
      "--for nothing but the drill's own requests meets a fault. Exit status 0: all as expected; 1: not; 2: some could "
      "not be played.");
}

/// The verbs that speak with the running daemon.
void add_control(CLI::App& app, shim::cli::invocation& with) {
  auto* status = app.add_subcommand("status", "show each service's masters and how they are, from the running daemon");
  status->add_flag("--json", with.json, "print one JSON object");
  status->add_flag("--watch", with.watch, "show it again every two seconds, until interrupted")->excludes("--json");
  status->footer(
      "Sends nothing to anybody but the daemon. Exit status 0: each service has a master that is not down, as far as "
      "is known; 1: one has none, or this node's own fault keeps it from them; 2: there is no daemon.");
  auto* explain = app.add_subcommand(
      "explain", "show which masters a request for a service would be sent to, in which order, and why");
  explain->add_option("service", with.service, "ca, catalog, files, report or a configured one")->required();
  explain->add_flag("--json", with.json, "print one JSON object");
  explain->footer("The daemon asks DNS if what it knows is too old. Exit status as for status.");
  auto* drain = app.add_subcommand("drain", "have no new runs go to a master, until undrain");
  drain->add_option("master", with.master, "HOST or HOST:PORT")->required();
  drain->add_option("--for", with.lasts, "only for so long: \"90s\", \"30m\", \"1h\"; at most 30d")->type_name("TIME");
  drain->footer(
      "The run that is with it stays, and where nobody else is left it is used all the same. The daemon forgets it "
      "when it ends. Exit status 0: done; 2: it could not be done.");
  auto* undrain = app.add_subcommand("undrain", "end a drain now");
  undrain->add_option("master", with.master, "HOST or HOST:PORT")->required();
  undrain->footer("It comes back slowly, as after an outage. Exit status 0: done; 2: it could not be done.");
  auto* reload = app.add_subcommand("reload", "have the daemon read everything anew, and tell what came of it");
  reload->footer("As SIGHUP. Exit status 0: done; 2: it was wrong, and the daemon goes on as before.");
  auto* plugin = app.add_subcommand("plugin", "show how a plugin is, or tell it something");
  plugin->add_option("name", with.plugin, "as in [plugin.NAME]")->required();
  plugin->add_option("json", with.order, "a JSON object that the plugin understands");
  plugin->footer(
      "What a plugin understands is in its README. Exit status 0: done; 1: the plugin is late or refused; 2: it could "
      "not be done.");
  for (auto* verb : {status, explain, drain, undrain, reload, plugin}) add_socket(*verb, with);
}

/// Of what stands in a verb's place.
void tell_unknown(const CLI::App& app, std::string_view word) {
  if (word.starts_with('-')) {
    std::cerr << "bunraku: there is no option `" << word.substr(0, 100) << "`. `bunraku --help` names them all.\n";
    return;
  }
  std::vector<std::string> names;
  for (const auto* verb : app.get_subcommands([](const CLI::App*) { return true; })) names.push_back(verb->get_name());
  const std::vector<std::string_view> candidates(names.begin(), names.end());
  std::cerr << "bunraku: there is no verb `" << word.substr(0, 100) << "`.";
  if (const auto meant = shim::config::nearest(word, candidates); !meant.empty())
    std::cerr << " Did you mean `" << meant << "`?";
  std::cerr << " `bunraku --help` names them all.\n";
}

/// Which verb, or the exit status if there is nothing to do. What CLI11 needs for that, 0.1 MiB, is gone when the verb
/// runs: one of them runs for months.
std::expected<verb, int> take_apart(int argc, char** argv, shim::cli::invocation& with) {
  CLI::App app(about, "bunraku");
  app.footer(ending);
  app.set_version_flag("--version", "bunraku " BUNRAKU_VERSION);
  app.require_subcommand(1);
  app.fallthrough();
  add_common(app, with);

  auto* run = app.add_subcommand("run", "serve local agents until SIGTERM, in the foreground");
  run->footer(
      "SIGTERM lets exchanges under way end, then exits; SIGHUP reads configuration and credentials anew and keeps "
      "the old ones if the new ones are wrong. Logs go to stderr, or to the journal under systemd.");

  auto* check =
      app.add_subcommand("check", "tell every problem of configuration and credentials, and what is in effect");
  check->add_flag("--json", with.json, "print one JSON object");
  check->footer(
      "Reads bunraku.toml, puppet.conf, certificates, keys and CRLs; sends nothing. Exit status 0: nothing but "
      "warnings; 2: errors.");

  auto* resolve =
      app.add_subcommand("resolve", "show what SRV records and settings say of a service's masters, and why");
  resolve->add_option("service", with.service, "ca, catalog, files, report or a configured one; all if left out");
  resolve->add_flag("--json", with.json, "print one JSON object");
  resolve->add_option("--picks", with.picks, "also count which master comes first in so many draws")
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{10'000'000}))
      ->type_name("N");
  std::uint64_t seed = 0;
  auto* seeded =
      resolve->add_option("--seed", seed, "order and draws from this seed instead of this node's name")->type_name("S");
  resolve->footer(
      "Asks DNS now, without connecting to any master. Exit status 0: every service has a master; 1: one has "
      "none; 2: configuration or puppet.conf are wrong.");

  add_init(app, with);
  add_enroll(app, with);
  add_doctor(app, with);
  add_verify_chain(app, with);
  add_drill(app, with);
  add_control(app, with);

  try {
    app.parse(argc, argv);
  } catch (const CLI::RequiredError& error) {
    const auto words = app.remaining();
    if (app.get_subcommands().empty() && !words.empty()) tell_unknown(app, words.front());
    else app.exit(error);
    return std::unexpected(shim::cli::not_done);
  } catch (const CLI::ParseError& error) {
    const int status = app.exit(error);
    return std::unexpected(status == 0 ? shim::cli::good : shim::cli::not_done);
  }
  if (seeded->count() != 0) with.seed = seed;
  return verb_of(app);
}

}  // namespace

int main(int argc, char** argv) try {
  fill_standard_descriptors();
  shim::sandbox::hide_memory();  // most verbs read the node's key
  shim::cli::invocation with;
  with.config_file = shim::config::default_file;
  const auto verb = take_apart(argc, argv, with);
  const int status = verb ? (*verb)(with) : verb.error();
  std::cout.flush();
  if (!std::cout) {
    std::cerr << "bunraku: cannot write to standard output.\n";
    return shim::cli::not_done;
  }
  return status;
} catch (const std::bad_alloc&) {
  end_for_want_of_memory();
} catch (const std::exception& error) {
  std::cerr << "bunraku: " << error.what() << '\n';
  return 2;
}
