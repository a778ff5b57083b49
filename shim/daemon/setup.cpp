#include "daemon/setup.hpp"

#include "config/assemble.hpp"
#include "config/document.hpp"
#include "daemon/log_sinks.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <pwd.h>
#include <string>
#include <sys/stat.h>
#include <unistd.h>
#include <variant>

namespace shim::daemon {
namespace {

using bunraku::severity;

struct descriptor {
  int fd;
  explicit descriptor(int opened) noexcept : fd(opened) {}
  ~descriptor() {
    if (fd >= 0) ::close(fd);
  }
  descriptor(const descriptor&) = delete;
  descriptor& operator=(const descriptor&) = delete;
};

std::string fix_for(int error, const std::string& file) {
  if (error == EACCES || error == EPERM) return "Run as root, or let this user read " + file + ".";
  if (error == ENOENT) return "Give --config the name of a file that exists, or leave it out.";
  return "Make sure that it is a readable file.";
}

// The text, or nothing after adding why.
std::optional<std::string> read_config(const std::string& file, bunraku::problems& found) {
  const auto refuse = [&](int error) {
    found.emplace_back(severity::error, file, std::string("Cannot read it: ") + std::strerror(error) + ".",
                       fix_for(error, file));
    return std::nullopt;
  };
  const descriptor opened(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat about{};
  if (opened.fd < 0 || ::fstat(opened.fd, &about) != 0) return refuse(errno);
  if (S_ISDIR(about.st_mode)) return refuse(EISDIR);
  if (S_ISFIFO(about.st_mode)) {  // whoever writes into it may come late, or never
    found.emplace_back(severity::error, file, "It is a pipe.", "Write it into a file, and name that.");
    return std::nullopt;
  }
  if (S_ISREG(about.st_mode) && (about.st_mode & S_IWOTH) != 0)
    found.emplace_back(severity::error, file,
                       "Every user of this host may change it, and with it who gets the node's key.",
                       "chmod o-w " + file);
  std::string text;
  std::array<char, 4096> piece{};
  for (;;) {
    const auto got = ::read(opened.fd, piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return refuse(errno);
    if (got == 0) return text;
    text.append(piece.data(), static_cast<std::size_t>(got));
    if (text.size() > config::largest_document) return text;  // the parser says so
  }
}

void append(bunraku::problems& to, const bunraku::problems& more) { to.insert(to.end(), more.begin(), more.end()); }

// `[dns] store`: "auto" is below what systemd gives the service to keep things in.
std::string store_path(const std::string& configured) {
  if (configured != "auto") return configured;
  const char* const given = std::getenv("STATE_DIRECTORY");
  std::string directory = given == nullptr ? "" : given;
  directory = directory.substr(0, directory.find(':'));
  return directory.starts_with('/') ? directory + "/dns-answers" : "";
}

void tell_missing_masters(setup& made) {
  std::string silent;
  std::size_t count = 0;
  for (const auto& s : made.options->services) {
    if (!s.sources.empty() || count == bunraku::first_further_service) continue;
    silent += (count++ == 0 ? "" : ", ") + s.name;
  }
  if (count == 0) return;
  const auto& site = *made.site;
  const auto where = site.config_file.empty() ? std::string("puppet.conf") : site.config_file;
  std::string fix = "Set srv_domain in puppet.conf (or [dns] srv_domain) and publish SRV records, or name masters in ";
  fix += count == made.options->services.size() ? "[service.NAME]." : "[service.NAME] for them.";
  made.found.emplace_back(count >= 4 ? severity::error : severity::warning, where,
                          "Nothing says who serves " + silent +
                              ": no SRV domain, and no setting names a master other than "
                              "this node.",
                          std::move(fix));
}

/// Nobody would see that its lines go nowhere.
void tell_missing_journal(const config::configuration& from, bunraku::problems& found) {
  if (from.log.to != config::log_target::journal || ::access(journal_place, F_OK) == 0) return;
  found.emplace_back(
      severity::warning, from.file,
      std::string("[log] to is \"journal\", and no journal listens at ") + journal_place + ": the log is lost.",
      "Start systemd-journald, or give \"auto\" or \"stderr\".");
}

/// It is taken for one that names nobody, and a container's runtime makes one where the host had no file.
void tell_useless_hosts_file(const config::configuration& from, bunraku::problems& found) {
  struct stat about{};
  const auto& file = from.dns.hosts_file;
  if (file.empty() || ::stat(file.c_str(), &about) != 0 || !S_ISDIR(about.st_mode)) return;
  found.emplace_back(severity::warning, file, "It is a directory, so no master's address comes from a hosts file.",
                     "Name a file as [dns] hosts_file, or give \"\" to use none.");
}

bool same(const bunraku::credential_files& a, const bunraku::credential_files& b) {
  return a.certificate == b.certificate && a.private_key == b.private_key && a.passphrase_file == b.passphrase_file &&
         a.ca == b.ca && a.crl == b.crl && a.check == b.check;
}

bool is_missing(const std::string& file) { return ::access(file.c_str(), F_OK) != 0 && errno == ENOENT; }

/// A file that bunraku.toml names and that is not there: enrolling this node would not make it, nor would an agent.
bunraku::problems with_the_key_to_mend(bunraku::problems found, const config::leg_files& leg, std::string_view table) {
  const std::pair<const std::string&, const char*> named[]{{leg.certificate, "certificate"},
                                                           {leg.key, "key"},
                                                           {leg.passphrase_file, "passphrase_file"},
                                                           {leg.ca, "ca"},
                                                           {leg.crl, "crl"}};
  for (auto& p : found)
    for (const auto& [file, key] : named)
      if (file.starts_with('/') && p.where() == file && is_missing(file))  // not a key in a token
        p = {p.level(), p.where(), p.what(),
             "put it there, or correct `" + std::string(key) + "` in " + std::string(table)};
  return found;
}

bool works_without_identity(const config::configuration& from) {
  using way_in = config::listen_at::way_in;
  return std::ranges::any_of(
      from.listen, [](const config::listen_at& l) { return l.way == way_in::connect || l.way == way_in::passthrough; });
}

std::optional<std::uint32_t> uid_of(const std::string& name, bool& database_failed) {
  std::vector<char> room(16384);
  passwd entry{};
  passwd* found = nullptr;
  database_failed = ::getpwnam_r(name.c_str(), &entry, room.data(), room.size(), &found) != 0;
  return found == nullptr ? std::nullopt : std::optional<std::uint32_t>(found->pw_uid);
}

}  // namespace

bunraku::plugin_options plugins_of(const config::configuration& from) {
  bunraku::plugin_options out;
  out.directory = from.plugin_directory == "auto" ? BUNRAKU_PLUGIN_DIRECTORY : from.plugin_directory;
  for (const auto& rule : from.plugins)
    out.load.push_back({.name = rule.name,
                        .file = rule.load,
                        .settings = rule.settings,
                        .deadline = rule.deadline,
                        .where = rule.where});
  return out;
}

void add_source_plugins(setup& to) {
  if (!to.configuration || !to.options) return;
  auto wanted = plugins_of(*to.configuration);
  std::erase_if(wanted.load, [&](const bunraku::plugin_choice& p) {
    return std::ranges::find(to.configuration->services, p.name, &config::service_rule::source) ==
           to.configuration->services.end();
  });
  for (auto& s : to.options->services) s.policy.clear();
  if (wanted.load.empty()) return;
  auto loaded = bunraku::load_plugins(wanted);
  append(to.found, loaded.found);
  to.options->extensions = std::move(loaded.value);
}

bunraku::problems misplaced_plugins(const config::configuration& from, const std::vector<bunraku::plugin_facts>& all) {
  bunraku::problems found;
  const auto look = [&](const config::service_rule& s, const std::string& name, const std::string& kind) {
    const auto at = std::ranges::find(all, name, &bunraku::plugin_facts::name);
    if (name.empty() || at == all.end() || at->now == bunraku::plugin_facts::state::refused) return;
    if (std::ranges::find(at->kinds, kind) != at->kinds.end()) return;
    std::string kinds;
    for (const auto& k : at->kinds) kinds += (kinds.empty() ? "" : ", ") + k;
    found.emplace_back(
        severity::warning, s.where,
        "Service `" + s.name + "` goes on without: plugin `" + name + "` is no " + kind + ", only " + kinds + ".",
        "Name another plugin, or take the line out.");
  };
  for (const auto& s : from.services) {
    look(s, s.source, "source");
    look(s, s.policy, "policy");
    look(s, s.probe, "probe");
  }
  return found;
}

config::configuration_reading read_configuration(const places& with) {
  const bool there = ::access(with.config_file.c_str(), F_OK) == 0 || errno != ENOENT;
  if (!with.config_given && !there) return config::parse_configuration({}, {});
  config::configuration_reading reading;
  bunraku::problems found;
  if (const auto text = read_config(with.config_file, found))
    reading = config::parse_configuration(*text, with.config_file);
  reading.found.insert(reading.found.begin(), found.begin(), found.end());
  return reading;
}

setup load_setup(const places& with) {
  setup made;
  auto reading = read_configuration(with);
  append(made.found, reading.found);
  made.configuration = std::move(reading.sketch);
  bunraku::site_options where;
  if (made.configuration) {
    if (!with.puppet_conf.empty()) made.configuration->puppet.config_file = with.puppet_conf;
    where = made.configuration->puppet;
    for (const auto& l : made.configuration->listen)
      if (l.way == config::listen_at::way_in::socket) allowed_uids(l, made.found);
    tell_missing_journal(*made.configuration, made.found);
    tell_useless_hosts_file(*made.configuration, made.found);
  } else if (!with.puppet_conf.empty()) {
    where.config_file = with.puppet_conf;
  } else {
    return made;  // which puppet.conf is meant was in the file that could not be read
  }
  auto site = bunraku::read_site(where);
  append(made.found, site.found);
  made.site = std::move(site.value);
  if (!made.configuration || !made.site) return made;
  made.options = config::assemble(*made.configuration, *made.site);
  made.options->dns.store_file = store_path(made.configuration->dns.store_file);
  made.sound = !bunraku::has_error(made.found);
  tell_missing_masters(made);
  return made;
}

leg_identities load_identities(const config::configuration& from, const bunraku::site& site) {
  auto stamp = stamp_of_identities(from, site);  // before they are read: a change meanwhile must not be missed
  const auto upstream = config::files_of(from.upstream, site), local = config::files_of(from.local, site);
  if (works_without_identity(from) && (is_missing(upstream.certificate) || is_missing(local.certificate))) {
    const auto& file = is_missing(upstream.certificate) ? upstream.certificate : local.certificate;
    leg_identities none;
    none.stamp = std::move(stamp);
    none.found.emplace_back(severity::warning, file,
                            "This node has no certificate yet: connect and passthrough work, terminate and socket wait "
                            "for it.",
                            "Run `puppet agent --test` through one of them.");
    return none;
  }
  auto first = bunraku::identity::load(upstream);
  leg_identities made{first.value, first.value, with_the_key_to_mend(first.found, from.upstream, "[upstream]"),
                      first.revoked, std::move(stamp)};
  if (same(upstream, local)) return made;
  auto second = bunraku::identity::load(local);
  made.local = second.value;
  append(made.found, with_the_key_to_mend(second.found, from.local, "[local]"));
  made.revoked = made.revoked || second.revoked;
  return made;
}

std::string stamp_of_identities(const config::configuration& from, const bunraku::site& site) {
  std::string stamp;
  for (const auto& leg : {config::files_of(from.upstream, site), config::files_of(from.local, site)})
    for (const auto* file : {&leg.certificate, &leg.private_key, &leg.passphrase_file, &leg.ca, &leg.crl}) {
      struct stat about{};
      if (file->empty() || ::stat(file->c_str(), &about) != 0) about = {};
      for (const long part : {static_cast<long>(about.st_ino), static_cast<long>(about.st_size),
                              static_cast<long>(about.st_mtim.tv_sec), static_cast<long>(about.st_mtim.tv_nsec),
                              static_cast<long>(about.st_ctim.tv_sec), static_cast<long>(about.st_ctim.tv_nsec)})
        stamp += std::to_string(part) + ' ';
    }
  return stamp;
}

std::vector<std::string> files_of_identities(const config::configuration& from, const bunraku::site& site) {
  std::vector<std::string> all;
  for (const auto& leg : {config::files_of(from.upstream, site), config::files_of(from.local, site)})
    for (const auto* file : {&leg.certificate, &leg.private_key, &leg.passphrase_file, &leg.ca, &leg.crl})
      if (file->starts_with('/') && std::ranges::find(all, *file) == all.end()) all.push_back(*file);
  return all;
}

std::vector<std::uint32_t> allowed_uids(const config::listen_at& socket, bunraku::problems& found) {
  std::vector<std::uint32_t> out{0, ::geteuid()};
  for (const auto& user : socket.users) {
    if (const auto* number = std::get_if<std::uint32_t>(&user)) {
      out.push_back(*number);
      continue;
    }
    bool database_failed = false;
    const auto& name = std::get<std::string>(user);
    if (const auto uid = uid_of(name, database_failed)) out.push_back(*uid);
    else
      found.emplace_back(severity::error, socket.where,
                         database_failed ? "The user database could not say who `" + name + "` is."
                                         : "There is no user `" + name + "` on this host.",
                         "Give an existing user's name, or a number.");
  }
  std::ranges::sort(out);
  out.erase(std::ranges::unique(out).begin(), out.end());
  return out;
}

}  // namespace shim::daemon
