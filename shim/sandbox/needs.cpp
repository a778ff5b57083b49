#include "sandbox/needs.hpp"

#include "config/assemble.hpp"

#include <bunraku/token_uri.hpp>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <sys/stat.h>

namespace shim::sandbox {
namespace {

constexpr std::uint16_t first_free_port = 1024;

std::string directory_of(const std::string& file) {
  const auto slash = file.rfind('/');
  return slash == 0 || slash == std::string::npos ? "/" : file.substr(0, slash);
}

std::string without_end_slashes(std::string path) {
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  return path;
}

std::string resolved(const std::string& file) {
  const std::unique_ptr<char, decltype(&std::free)> real(::realpath(file.c_str(), nullptr), &std::free);
  return real ? std::string(real.get()) : std::string();
}

bool is_below(const std::string& path, const std::string& directory) {
  return directory == "/" || path == directory ||
         (path.size() > directory.size() && path.starts_with(directory) && path[directory.size()] == '/');
}

class collector {
 public:
  void file(const std::string& path) {
    if (!path.starts_with('/')) return;  // not used, or no file at all
    read_.push_back(directory_of(path));
    if (const auto real = resolved(path); !real.empty()) read_.push_back(directory_of(real));
  }
  void directory(const std::string& path) {
    if (path.starts_with('/')) read_.push_back(without_end_slashes(path));
  }
  /// A directory of credentials may be replaced as a whole, or be a link that is turned to another one.
  void credential(const std::string& path) {
    file(path);
    for (const auto& one : {path, resolved(path)})
      if (const auto above = one.starts_with('/') ? directory_of(directory_of(one)) : "/"; above != "/")
        read_.push_back(above);
  }
  void made_in(const std::string& path) {
    if (path.starts_with('/')) write_.push_back(without_end_slashes(path));
  }
  void made(const std::string& path) {
    if (path.starts_with('/')) made_in(directory_of(path));
  }

  static std::vector<std::string> tidy(std::vector<std::string> paths) {
    std::ranges::sort(paths);
    paths.erase(std::ranges::unique(paths).begin(), paths.end());
    return paths;
  }
  std::vector<std::string> read() { return tidy(std::move(read_)); }
  std::vector<std::string> written() { return tidy(std::move(write_)); }

 private:
  std::vector<std::string> read_, write_;
};

void add_leg(collector& into, const bunraku::credential_files& leg) {
  for (const auto* file : {&leg.certificate, &leg.private_key, &leg.passphrase_file, &leg.ca, &leg.crl})
    into.credential(*file);
  if (!bunraku::is_token_uri(leg.private_key)) return;
  const auto uri = bunraku::parse_token_uri(leg.private_key).value;
  into.file(uri.pin_file);
  into.file(uri.module_path);
}

bool is_granted(const std::vector<std::string>& directories, const std::string& wanted) {
  return std::ranges::any_of(directories, [&](const std::string& one) { return is_below(wanted, one); });
}

}  // namespace

needs needs_of(const config::configuration& from, const bunraku::site& site, const found_places& at) {
  collector places;
  // The configuration and Puppet's; the user database, resolv.conf, OpenSSL's settings; libraries, time zones; what
  // resolv.conf mostly is a link to; this process itself (procfs makes /proc/self anew under memory pressure, and
  // rights are bound to inodes; what is secret of others there the kernel keeps from us); of /dev what gives zeros or
  // chance. Where there is no /lib64 (arm64), all that is above it, the root directory, would be allowed in its place.
  for (const char* always : {"/etc", "/usr", "/lib", "/lib64", "/run", "/proc", "/dev/null", "/dev/urandom"})
    places.directory(resolved(always));
  places.file(at.config_file);
  if (!from.puppet.config_file.empty()) places.file(std::filesystem::absolute(from.puppet.config_file));
  places.file(site.config_file);
  places.directory(site.confdir);
  if (!site.ssldir.empty()) places.file(without_end_slashes(site.ssldir));
  places.directory(site.ssldir);
  places.file(from.dns.hosts_file);
  places.file(bunraku::dns_options().resolv_conf);  // of WSL it is a link to /mnt/wsl/resolv.conf
  needs out;
  for (const auto* leg : {&from.upstream, &from.local}) {
    const auto files = config::files_of(*leg, site);
    add_leg(places, files);
    if (bunraku::is_token_uri(files.private_key)) out.token = true;
  }
  for (const auto& one : from.sandbox.files) out.foreign.push_back(without_end_slashes(one));
  out.plugins = !from.plugins.empty();
  if (out.plugins) places.directory(at.plugin_directory);
  places.made(at.store_file);
  places.made(at.admin_socket);
  places.made(from.admin.textfile);
  if (from.limits.replay_file_bytes != 0) places.made_in(at.replay_directory);
  for (const auto& l : from.listen) {
    places.made(l.path);
    if (l.port != 0 && l.port < first_free_port) out.low_ports = true;
  }
  if (from.admin.port != 0 && from.admin.port < first_free_port) out.low_ports = true;
  out.read = places.read();
  out.write = places.written();
  return out;
}

std::vector<std::string> missing(const needs& granted, const needs& wanted) {
  std::vector<std::string> out;
  auto readable = granted.read;
  readable.insert(readable.end(), granted.write.begin(), granted.write.end());
  for (const auto& one : wanted.read)
    if (!is_granted(readable, one)) out.push_back("reading below " + one);
  for (const auto& one : wanted.write)
    if (!is_granted(granted.write, one)) out.push_back("writing in " + one);
  for (const auto& one : wanted.foreign)
    if (!is_granted(granted.foreign, one)) out.push_back("for plugins or a token's module " + one);
  if (wanted.low_ports && !granted.low_ports) out.emplace_back("listening on a port below 1024");
  if (wanted.token && !granted.token) out.emplace_back("a key in a PKCS#11 token");
  if (wanted.plugins && !granted.plugins) out.emplace_back("plugins");
  return out;
}

std::string nearest_existing(std::string path) {
  struct stat about{};
  while (path.size() > 1 && ::stat(path.c_str(), &about) != 0) path = directory_of(path);
  return path;
}

}  // namespace shim::sandbox
