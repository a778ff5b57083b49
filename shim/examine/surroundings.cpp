#include "examine/examine.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <pwd.h>
#include <set>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

namespace shim::examine {
namespace {

namespace json = boost::json;

std::string user_of(uid_t uid) {
  const auto* entry = ::getpwuid(uid);
  return entry != nullptr ? std::string(entry->pw_name) : std::to_string(uid);
}

void add_file(doctor::facts& into, const std::string& path, const std::string& role, bool is_key = false) {
  struct stat about{};
  if (path.empty() || ::stat(path.c_str(), &about) != 0) return;
  into.files.push_back({path, role, about.st_mode & 07777U, user_of(about.st_uid), is_key, S_ISDIR(about.st_mode)});
}

/// And the directory that it is in: whoever may write there puts another file in its place.
void add_file_and_directory(doctor::facts& into, std::set<std::string>& seen, const std::string& path, const char* role,
                            bool is_key = false) {
  if (path.empty()) return;
  add_file(into, path, role, is_key);
  const auto directory = std::filesystem::path(path).parent_path().string();
  if (!directory.empty() && seen.insert(directory).second)
    add_file(into, directory, std::string("directory of the ") + role);
}

std::string unquoted(std::string value) {
  while (!value.empty() && (value.back() == ' ' || value.back() == '\r')) value.pop_back();
  if (value.size() >= 2 && (value.front() == '"' || value.front() == '\'') && value.back() == value.front())
    value = value.substr(1, value.size() - 2);
  return value;
}

/// NAME=value, with or without `export`, of the variables that Puppet looks at.
void read_environment(doctor::facts& into, const std::string& path) {
  constexpr std::array wanted{"http_proxy", "HTTP_PROXY", "no_proxy", "NO_PROXY"};
  std::ifstream in(path);
  int number = 0;
  for (std::string line; std::getline(in, line);) {
    ++number;
    std::string_view rest = line;
    rest.remove_prefix(std::min(rest.find_first_not_of(" \t"), rest.size()));
    if (rest.starts_with("export ")) rest.remove_prefix(7);
    const auto equals = rest.find('=');
    if (equals == rest.npos) continue;
    const auto name = rest.substr(0, equals);
    if (std::ranges::find(wanted, name) == wanted.end()) continue;
    into.environment.push_back(
        {std::string(name), unquoted(std::string(rest.substr(equals + 1))), path + ":" + std::to_string(number)});
  }
}

/// Of a directory, or of the nearest above it that exists; each file system once.
void add_space(doctor::facts& into, std::set<dev_t>& seen, const std::string& directory, const char* what) {
  std::filesystem::path at(directory);
  struct stat about{};
  while (!at.empty() && ::stat(at.c_str(), &about) != 0) {
    if (at == at.parent_path()) return;
    at = at.parent_path();
  }
  struct statvfs room{};
  if (at.empty() || !seen.insert(about.st_dev).second || ::statvfs(at.c_str(), &room) != 0) return;
  if ((room.f_flag & ST_RDONLY) != 0 || room.f_blocks == 0) return;
  // Some file systems make inodes as they need them, and name none.
  const std::uint64_t files = room.f_files == 0 ? UINT64_MAX : room.f_favail;
  into.space.push_back({at.string(), what, std::uint64_t{room.f_bavail} * room.f_frsize, files});
}

std::string setting_or(const bunraku::site& site, const char* name, std::string otherwise) {
  const auto found = site.given.find(name);
  if (found == site.given.end() || found->second.value.empty()) return otherwise;
  return found->second.value;
}

/// `puppet agent --disable "why"` leaves {"disabled_message": "why"}.
void look_whether_disabled(doctor::facts& into) {
  const auto& site = *into.site;
  const auto state = setting_or(site, "statedir", site.vardir + "/state");
  const auto path = setting_or(site, "agent_disabled_lockfile", state + "/agent_disabled.lock");
  std::ifstream in(path, std::ios::binary);
  if (!in) return;
  into.disabled_file = path;
  std::array<char, 4096> text{};
  in.read(text.data(), text.size());
  boost::system::error_code error;
  const auto said = json::parse(std::string_view(text.data(), static_cast<std::size_t>(in.gcount())), error);
  if (error || !said.is_object()) return;
  const auto* why = said.get_object().if_contains("disabled_message");
  if (why != nullptr && why->is_string()) into.disabled_why = std::string(why->get_string());
}

}  // namespace

void look_around(doctor::facts& into, const std::string& store_file) {
  into.own_user = user_of(::geteuid());
  into.program_version = BUNRAKU_VERSION;
  std::set<std::string> directories;
  if (into.configured) add_file_and_directory(into, directories, into.configured->file, "bunraku.toml");
  const auto root = into.configured ? into.configured->puppet.root_prefix : std::string();
  for (const char* file : {"/etc/environment", "/etc/default/puppet", "/etc/sysconfig/puppet"})
    read_environment(into, root + file);
  std::set<dev_t> disks;
  if (into.site) {
    const auto& site = *into.site;
    add_file_and_directory(into, directories, site.config_file, "puppet.conf");
    add_file_and_directory(into, directories, site.credentials.private_key, "private key", true);
    add_file_and_directory(into, directories, site.credentials.ca, "CA bundle");
    add_file_and_directory(into, directories, site.credentials.crl, "CRL bundle");
    add_file_and_directory(into, directories, site.credentials.certificate, "certificate");
    add_space(into, disks, site.vardir, "what the agent keeps");
    look_whether_disabled(into);
  }
  const auto directory_of = [](const std::string& file) { return std::filesystem::path(file).parent_path().string(); };
  if (!store_file.empty()) add_space(into, disks, directory_of(store_file), "the file of DNS's last answers");
  if (into.configured && !into.configured->admin.textfile.empty())
    add_space(into, disks, directory_of(into.configured->admin.textfile), "the textfile of metrics");
}

}  // namespace shim::examine
