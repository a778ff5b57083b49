#include "code_directory.hpp"

#include "openssl_handles.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <array>
#include <ctime>
#include <fstream>
#include <set>
#include <sys/stat.h>
#include <unistd.h>

namespace lab {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

bool stays_inside(const fs::path& relative) {
  return relative.is_relative() && std::ranges::none_of(relative, [](const fs::path& part) { return part == ".."; });
}

std::string file_digest(const fs::path& file) {
  const std::unique_ptr<EVP_MD_CTX, freed_by<EVP_MD_CTX_free>> context(EVP_MD_CTX_new());
  EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr);
  std::ifstream stream(file, std::ios::binary);
  std::array<char, 65536> buffer;
  while (stream.read(buffer.data(), buffer.size()) || stream.gcount() > 0) {
    EVP_DigestUpdate(context.get(), buffer.data(), static_cast<std::size_t>(stream.gcount()));
  }
  std::array<unsigned char, 32> raw{};
  EVP_DigestFinal_ex(context.get(), raw.data(), nullptr);
  std::string hex;
  for (const unsigned char byte : raw) {
    hex += "0123456789abcdef"[byte >> 4];
    hex += "0123456789abcdef"[byte & 15];
  }
  return hex;
}

// Puppet's "{ctime}2026-11-23 14:46:00 +0000"
std::string change_time(const struct stat& status) {
  std::array<char, 64> text{};
  std::tm parts{};
  gmtime_r(&status.st_ctime, &parts);
  std::strftime(text.data(), text.size(), "{ctime}%Y-%m-%d %H:%M:%S +0000", &parts);
  return text.data();
}

}  // namespace

bool code_directory::has_environment(const std::string& name) const {
  return stays_inside(name) && fs::is_directory(root_ / "environments" / name);
}

std::vector<fs::path> code_directory::candidates(const std::string& environment, const std::string& mount_path) const {
  const auto modules = root_ / "environments" / environment / "modules";
  const auto slash = mount_path.find('/');
  const auto mount = mount_path.substr(0, slash);
  const auto rest = slash == std::string::npos ? std::string() : mount_path.substr(slash + 1);
  if (!stays_inside(rest) || mount_path.find('\0') != std::string::npos) return {};
  std::vector<fs::path> found;
  if (mount == "modules") {
    const auto end = rest.find('/');
    const auto module = modules / rest.substr(0, end) / "files";
    found.push_back(end == std::string::npos ? module : module / rest.substr(end + 1));
  } else {
    const auto* folder = mount == "plugins"       ? "lib"
                         : mount == "pluginfacts" ? "facts.d"
                         : mount == "locales"     ? "locales"
                                                  : nullptr;
    if (!folder || !fs::is_directory(modules)) return {};
    for (const auto& module : fs::directory_iterator(modules)) {
      found.push_back(rest.empty() ? module.path() / folder : module.path() / folder / rest);
    }
    std::ranges::sort(found);
  }
  std::erase_if(found, [](const fs::path& path) { return !fs::exists(fs::symlink_status(path)); });
  return found;
}

std::optional<fs::path> code_directory::find(const std::string& environment, const std::string& mount_path) const {
  auto found = candidates(environment, mount_path);
  if (found.empty()) return std::nullopt;
  return found.front();
}

std::optional<fs::path> code_directory::find_static(const std::string& environment, const std::string& path) const {
  if (!stays_inside(path)) return std::nullopt;
  auto file = root_ / "environments" / environment / path;
  if (!fs::is_regular_file(file)) return std::nullopt;
  return file;
}

const std::string& code_directory::sha256(const fs::path& file) {
  auto& known = digests_[file];
  const auto changed = fs::last_write_time(file);
  const auto size = fs::file_size(file);
  if (known.hex.empty() || known.changed != changed || known.size != size) known = {changed, size, file_digest(file)};
  return known.hex;
}

// Fields and order as puppet/file_serving/metadata.rb writes them.
json::value code_directory::describe(const fs::path& base, const std::string& relative, const metadata_query& query) {
  const auto file = relative.empty() || relative == "." ? base : base / relative;
  struct stat status{};
  const bool link = query.manage_links && fs::is_symlink(file);
  if ((link ? ::lstat(file.c_str(), &status) : ::stat(file.c_str(), &status)) != 0) return nullptr;
  const bool folder = S_ISDIR(status.st_mode);
  json::object checksum;
  if (folder) {
    checksum = {{"type", "ctime"}, {"value", change_time(status)}};
  } else {
    checksum = {{"type", "sha256"}, {"value", "{sha256}" + sha256(file)}};
  }
  json::object all{{"path", base.string()}};
  all["relative_path"] = relative.empty() ? json::value(nullptr) : json::value(relative);
  all["links"] = query.manage_links ? "manage" : "follow";
  all["owner"] = query.use_permissions ? status.st_uid : ::geteuid();
  all["group"] = query.use_permissions ? status.st_gid : ::getegid();
  all["mode"] = query.use_permissions ? status.st_mode & 07777U : 0644U;
  all["checksum"] = std::move(checksum);
  all["type"] = link ? "link" : folder ? "directory" : "file";
  all["destination"] = link ? json::value(fs::read_symlink(file).string()) : json::value(nullptr);
  return all;
}

std::optional<json::value> code_directory::metadata(const std::string& environment, const std::string& mount_path,
                                                    const metadata_query& query) {
  const auto file = find(environment, mount_path);
  if (!file) return std::nullopt;
  return describe(*file, "", query);
}

std::optional<json::value> code_directory::metadatas(const std::string& environment, const std::string& mount_path,
                                                     const metadata_query& query) {
  const auto bases = candidates(environment, mount_path);
  if (bases.empty()) return std::nullopt;
  json::array all;
  std::set<std::string> seen;  // the first module that has a relative path provides it
  for (const auto& base : bases) {
    if (seen.insert(".").second) all.push_back(describe(base, ".", query));
    if (!query.recurse || !fs::is_directory(base)) continue;
    std::vector<std::string> below;
    for (auto at = fs::recursive_directory_iterator(base); at != fs::recursive_directory_iterator(); ++at) {
      if (std::ranges::find(query.ignore, at->path().filename().string()) != query.ignore.end()) {
        at.disable_recursion_pending();
        continue;
      }
      below.push_back(at->path().lexically_relative(base).string());
    }
    std::ranges::sort(below);
    for (const auto& relative : below) {
      if (seen.insert(relative).second) all.push_back(describe(base, relative, query));
    }
  }
  return all;
}

std::vector<std::string> code_directory::lab_files(const std::string& environment) const {
  std::vector<std::string> names;
  const auto files = root_ / "environments" / environment / "modules" / "lab" / "files";
  if (!fs::is_directory(files)) return names;
  for (const auto& entry : fs::directory_iterator(files)) {
    names.push_back(entry.path().filename().string() + (entry.is_directory() ? "/" : ""));
  }
  std::ranges::sort(names);
  return names;
}

}  // namespace lab
