#include "cli/init_record.hpp"
#include "cli/print_problems.hpp"
#include "cli/verbs.hpp"
#include "config/values.hpp"
#include "enroll/puppet_files.hpp"
#include "init/plan.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <iostream>
#include <netdb.h>
#include <netinet/in.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;  // NOLINT(readability-redundant-declaration): POSIX wants it declared

namespace shim::cli {
namespace {

using bunraku::severity;

constexpr const char* record_directory = "/etc/bunraku/before-init";

/// Its exit status, or -1 if it could not be started. It says what it says where we do, or nothing.
int run_program(std::vector<std::string> words, bool silent) {
  std::cout.flush();
  std::vector<char*> arguments;
  for (auto& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  if (silent)
    for (const int fd : {1, 2}) ::posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_WRONLY, 0);
  pid_t child = -1;
  const int error = ::posix_spawnp(&child, arguments[0], &actions, nullptr, arguments.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  int status = 0;
  if (error != 0) return -1;
  while (::waitpid(child, &status, 0) < 0)
    if (errno != EINTR) return -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

bool has_systemd() { return ::access("/run/systemd/system", F_OK) == 0; }

/// As programs of this host resolve it. Blocks.
std::vector<std::string> addresses_of(const std::string& name) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  std::vector<std::string> out;
  if (name.empty() || ::getaddrinfo(name.c_str(), nullptr, &hints, &found) != 0) return out;
  for (const auto* one = found; one != nullptr; one = one->ai_next) {
    std::array<char, NI_MAXHOST> text{};
    if (::getnameinfo(one->ai_addr, one->ai_addrlen, text.data(), text.size(), nullptr, 0, NI_NUMERICHOST) == 0)
      out.emplace_back(text.data());
  }
  ::freeaddrinfo(found);
  return out;
}

init::file read_one(const std::string& path, bunraku::problems& found) {
  auto text = enroll::read_file(path, "the file");
  if (text.wrong) found.push_back(*text.wrong);
  return {path, std::move(text.text)};
}

std::uint16_t own_port(const config::configuration& from) {
  for (const auto& l : from.listen)
    if (l.way == config::listen_at::way_in::terminate && l.port != 0) return l.port;
  return 8140;
}

/// Where a certname may lead, to be answered by `terminate` at that port. Of an inherited socket that is not known
/// here; the package's have these.
std::vector<std::string> own_addresses(const config::configuration& from, std::uint16_t port) {
  std::vector<std::string> out;
  const auto add = [&out](std::initializer_list<std::string> more) { out.insert(out.end(), more); };
  for (const auto& l : from.listen) {
    if (l.way != config::listen_at::way_in::terminate || (l.inherit.empty() && l.port != port)) continue;
    if (!l.inherit.empty() || l.address == "::") add({"127.0.0.1", "127.0.1.1", "::1"});
    else if (l.address == "0.0.0.0") add({"127.0.0.1", "127.0.1.1"});
    else add({l.address});
  }
  return out;
}

/// Those that hold an address for some [[listen]], and the daemon's. One that takes an inherited socket may mean
/// either.
std::vector<std::string> wanted_units(const config::configuration& from) {
  const auto any = [&](bool ipv6) {
    return std::ranges::any_of(from.listen, [ipv6](const config::listen_at& l) {
      if (!l.inherit.empty()) return true;
      return !l.address.empty() && (l.address.find(':') != std::string::npos) == ipv6;
    });
  };
  std::vector<std::string> out;
  if (any(false)) out.emplace_back("bunraku.socket");
  if (any(true)) out.emplace_back("bunraku-ipv6.socket");
  out.emplace_back("bunraku.service");
  return out;
}

bool read_fallback(const invocation& with, init::host_facts& into, bunraku::problems& found) {
  for (const auto& text : with.fallback) {
    const auto parsed = config::parse_host_and_port(text);
    if (!parsed || parsed->port == 0 || parsed->host.find(':') != std::string::npos) {
      found.emplace_back(severity::error, "--fallback", '`' + text.substr(0, 100) + "` is no master.",
                         "Give HOST or HOST:PORT; Puppet cannot read IPv6 addresses there.");
      return false;
    }
    into.fallback.push_back({parsed->host, parsed->port.value_or(8140)});
  }
  return true;
}

/// Its port is another setting, and what else is no name Puppet would not find either.
void check_ca_server(const std::string& name, bunraku::problems& found) {
  const auto parsed = config::parse_host_and_port(name);
  if (name.empty() || (parsed && !parsed->port && parsed->host.find(':') == std::string::npos)) return;
  found.emplace_back(severity::error, "--ca-server", '`' + name.substr(0, 100) + "` is no host's name.",
                     "Give the CA's name alone, as puppetca.example.com; its port is ca_port in puppet.conf.");
}

/// Everything that the plan depends on. Errors: it cannot be made.
init::host_facts look(const invocation& with, bunraku::problems& found) {
  init::host_facts seen;
  const auto made = daemon::load_setup(with);
  // What is wrong with masters and names is what is to be mended here.
  for (const auto& p : made.found)
    if (!made.site || !made.configuration) found.push_back(p);
  if (!made.site || !made.configuration) return seen;
  const auto& configuration = *made.configuration;
  seen.site = *made.site;
  auto conf = seen.site.config_file;
  if (conf.empty()) conf = seen.site.confdir + "/puppet.conf";
  seen.puppet_conf = read_one(conf, found);
  seen.hosts = read_one("/etc/hosts", found);
  seen.bunraku_toml = read_one(with.config_file, found);
  seen.certname_addresses = addresses_of(seen.site.certname);
  seen.port = own_port(configuration);
  seen.addresses = own_addresses(configuration, seen.port);
  seen.toml_decides_srv = configuration.srv != config::srv_use::automatic || !configuration.srv_domain.empty();
  seen.unattended = with.unattended;
  seen.ca_server = with.ca_server;
  seen.has_systemd = has_systemd();
  if (seen.has_systemd)
    for (const auto& unit : wanted_units(configuration))
      if (run_program({"systemctl", "is-enabled", "--quiet", unit}, true) != 0) seen.off_units.push_back(unit);
  read_fallback(with, seen, found);
  check_ca_server(with.ca_server, found);
  return seen;
}

void show(const init::plan& what) {
  for (const auto& one : what.edits) {
    std::cout << one.path << (one.before ? ":\n" : " (new):\n");
    for (const auto& line : one.why) std::cout << "    " << line << '\n';
  }
  if (!what.enable.empty()) {
    std::cout << "systemd:\n";
    for (const auto& unit : what.enable) std::cout << "    start " << unit << ", now and at boot\n";
  }
  if (what.edits.empty() && what.enable.empty())
    std::cout << "Nothing to do: this host's agent goes through bunraku.\n";
  for (const auto& note : what.notes) std::cout << "note: " << note << '\n';
}

int start_units(const init::plan& what, bool has_systemd) {
  if (!has_systemd) return good;
  if (!what.enable.empty()) {
    std::vector<std::string> words{"systemctl", "enable", "--now"};
    words.insert(words.end(), what.enable.begin(), what.enable.end());
    if (run_program(words, false) != 0) {
      std::cerr
          << "bunraku: systemctl did not enable them; everything else is done. Mend it, or bunraku init --undo.\n";
      return not_done;
    }
  }
  // One that an earlier connection has started knows the files as they were. Nobody is lost to it.
  if (run_program({"systemctl", "restart", "bunraku.service"}, false) == 0) return good;
  std::cerr << "bunraku: the daemon does not start: journalctl -u bunraku. An agent with a fallback goes past it.\n";
  return not_done;
}

int undo(const init_record& record) {
  if (!record.exists()) {
    std::cout << "Nothing to take back: " << record_directory << " is not there.\n";
    return good;
  }
  const auto enabled = record.enabled();
  const auto found = record.undo();
  print(std::cerr, found);
  if (bunraku::has_error(found)) {
    std::cerr << "bunraku: not taken back, because of the errors above.\n";
    return not_done;
  }
  std::cout << "All files are as they were: the agent does not go through bunraku any more.\n";
  if (enabled.empty() || !has_systemd()) return good;
  std::vector<std::string> words{"systemctl", "disable", "--now"};
  words.insert(words.end(), enabled.begin(), enabled.end());
  return run_program(words, false) == 0 ? good : not_done;
}

int apply(const invocation& with, const init_record& record, const init::plan& what, bool has_systemd) {
  if (!what.edits.empty() && record.exists()) {
    std::cerr << "bunraku: an earlier init is recorded in " << record_directory
              << ", and now something else is to be done. Take it back first: bunraku init --undo\n";
    return not_done;
  }
  if (!record.exists() && (!what.edits.empty() || !what.enable.empty())) {
    const auto found = record.apply(what);
    print(std::cerr, found);
    if (bunraku::has_error(found)) return not_done;
  }
  const int started = start_units(what, has_systemd);
  std::cout << "\nDone; bunraku init --undo takes it back. As it is now:\n\n" << std::flush;
  const int looked = doctor(with);
  return started == good && looked == bad_news ? good : std::max(started, looked);
}

}  // namespace

int init(const invocation& with) {
  const init_record record(record_directory);
  if (with.undo) return undo(record);
  bunraku::problems found;
  const auto seen = look(with, found);
  print(std::cerr, found);
  if (bunraku::has_error(found)) return not_done;
  const auto what = init::make_plan(seen);
  for (const auto& why : what.refused) std::cerr << "bunraku: " << why << '\n';
  if (!what.refused.empty()) return not_done;
  show(what);
  if (with.apply) return apply(with, record, what, seen.has_systemd);
  if (what.edits.empty() && what.enable.empty()) return good;
  std::cout << "\nNothing is done yet. With --apply it is, and --undo takes it back.\n";
  return with.unattended ? bad_news : good;
}

}  // namespace shim::cli
