#include "io/pem_file.hpp"
#include "puppet/conf.hpp"
#include "puppet/layout.hpp"
#include "puppet/settings.hpp"

#include <bunraku/site.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <pwd.h>
#include <string_view>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

namespace bunraku {
namespace {

namespace fs = std::filesystem;
using puppet::layout;

constexpr std::size_t most_keys = 1000;  // of private_keys/ that are looked at

class site_reader {
 public:
  explicit site_reader(const site_options& options) : options_(options), prefix_(options.root_prefix) {
    while (prefix_.ends_with('/')) prefix_.pop_back();
  }

  site_reading read() && {
    find_directories();
    const std::string text = read_conf();
    auto conf = puppet::parse_conf(text, below(conf_path_));
    add(std::move(conf.found));

    puppet::lookup::inputs in;
    in.from = &conf.value;
    in.file = conf_exists_ ? below(conf_path_) : std::string{};
    in.directories = directories_;
    in.host = this_host();
    in.home = home_;
    in.certname = options_.certname;
    in.ssldir = inside(options_.ssldir);
    auto settings = puppet::read_settings(in);
    if (settings.certname_is_default) {
      in.certname = puppet::choose_certname(settings.value.certname, keys_in(below(settings.privatekeydir)));
      if (in.certname != settings.value.certname) {
        found_.emplace_back(severity::warning, below(settings.privatekeydir),
                            "this host's name gives the certname '" + settings.value.certname +
                                "', but its only key is that of '" + in.certname + "', which is used",
                            "set certname = " + in.certname + " in puppet.conf");
        settings = puppet::read_settings(in);
      }
    }
    add(std::move(settings.found));
    site result = std::move(settings.value);
    place(result);
    check_ssldir(result.ssldir);
    if (has_error(found_)) return {std::nullopt, std::move(found_)};
    return {std::move(result), std::move(found_)};
  }

 private:
  void find_directories() {
    home_ = home();
    const auto exists = [this](const std::string& path) {
      struct stat s{};
      return ::stat(below(path).c_str(), &s) == 0;
    };
    const auto choice = puppet::choose_layout(::geteuid() == 0, home_, exists);
    directories_ = choice.chosen;
    conf_path_ = directories_.confdir + "/puppet.conf";
    if (!options_.config_file.empty()) {
      std::error_code ignored;
      conf_path_ = inside(fs::absolute(options_.config_file, ignored).lexically_normal().string());
      directories_ = puppet::layout_of_file(conf_path_, directories_, home_, exists);
    } else if (!choice.also_there.empty()) {
      found_.emplace_back(severity::warning, below(conf_path_),
                          "there is also a " + below(choice.also_there) + "; this one is read",
                          "remove the one that is not used, or name the right one with --puppet-conf");
    }
    conf_exists_ = exists(conf_path_);
  }

  // The text of puppet.conf. Without one Puppet runs on defaults, which is a warning unless the file was named.
  std::string read_conf() {
    const std::string path = below(conf_path_);
    if (!conf_exists_ && options_.config_file.empty()) {
      found_.emplace_back(severity::warning, path, "there is no puppet.conf, so everything is Puppet's default",
                          "name the right one with --puppet-conf, or ignore this if SRV records say it all");
      return {};
    }
    auto bytes = io::read_file(path, "puppet.conf", "name an existing file with --puppet-conf, or as [puppet] conf");
    if (!bytes) {
      found_.push_back(bytes.error());
      return {};
    }
    return std::string(bytes->view());
  }

  puppet::host_name this_host() const {
    std::string name;
    // A foreign root has its own name; only without one is it this machine's.
    if (!prefix_.empty()) name = first_line("/etc/hostname");
    if (name.empty()) {
      std::array<char, 256> buffer{};
      if (::gethostname(buffer.data(), buffer.size() - 1) == 0) name = buffer.data();
    }
    return puppet::derive_host_name(name, text_of("/etc/hosts"), text_of("/etc/resolv.conf"));
  }

  std::string text_of(const std::string& path) const {
    const auto bytes = io::read_file(below(path), path, {});
    return bytes ? std::string(bytes->view()) : std::string{};
  }
  std::string first_line(const std::string& path) const {
    auto text = text_of(path);
    text.resize(std::min(text.find_first_of("\r\n"), text.size()));
    return text;
  }

  static std::string home() {
    if (const char* set = std::getenv("HOME"); set != nullptr && *set == '/') return set;
    std::array<char, 4096> memory{};
    passwd entry{};
    passwd* result = nullptr;
    if (::getpwuid_r(::geteuid(), &entry, memory.data(), memory.size(), &result) == 0 && result != nullptr)
      return result->pw_dir;
    return {};
  }

  static std::vector<std::string> keys_in(const std::string& folder) {
    std::vector<std::string> names;
    std::error_code error;
    for (fs::directory_iterator i(folder, error), end; !error && i != end && names.size() < most_keys;
         i.increment(error))
      names.push_back(i->path().filename().string());
    return names;
  }

  // The ssldir only: what is wrong with the files in it is told by whoever loads them, and looking up masters needs
  // none.
  void check_ssldir(const std::string& path) {
    if (path.empty()) return;
    struct stat s{};
    if (::stat(path.c_str(), &s) != 0) {
      const bool missing = errno == ENOENT;
      found_.emplace_back(severity::warning, path,
                          missing ? "the ssldir does not exist: this host has no certificate yet"
                                  : "the ssldir cannot be looked at: " + std::string(std::strerror(errno)),
                          missing ? "run `bunraku enroll` or `puppet ssl bootstrap`, or name the right one with ssldir"
                                  : "run as the user that owns Puppet's files");
    } else if (!S_ISDIR(s.st_mode)) {
      found_.emplace_back(severity::error, path, "the ssldir is not a directory", "name the right one with ssldir");
    } else if (::faccessat(AT_FDCWD, path.c_str(), X_OK, AT_EACCESS) != 0) {
      found_.emplace_back(severity::warning, path,
                          "the ssldir may not be entered by this user (it needs the x permission)",
                          "run as the user that owns Puppet's files");
    }
  }

  void place(site& s) const {
    auto& c = s.credentials;
    auto& e = s.enrolment;
    for (auto* path : {&s.confdir, &s.vardir, &s.ssldir, &c.certificate, &c.private_key, &c.passphrase_file, &c.ca,
                       &c.crl, &e.csr_attributes, &e.certificates, &e.private_keys, &e.public_keys, &e.requests,
                       &e.secrets, &e.request, &e.lock})
      if (!path->empty()) *path = below(*path);
  }

  // A path of the host we look at -> its place below root_prefix, and back for paths given from outside.
  std::string below(const std::string& path) const { return prefix_ + path; }
  std::string inside(const std::string& path) const {
    if (prefix_.empty() || !path.starts_with(prefix_ + "/")) return path;
    return path.substr(prefix_.size());
  }

  void add(problems more) {
    for (auto& p : more) found_.push_back(std::move(p));
  }

  const site_options& options_;
  std::string prefix_;
  std::string home_, conf_path_;
  bool conf_exists_ = false;
  layout directories_;
  problems found_;
};

}  // namespace

site_reading read_site(const site_options& options) { return site_reader(options).read(); }

}  // namespace bunraku
