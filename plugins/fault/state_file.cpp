#include "fault/state_file.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

namespace fault {
namespace {

constexpr std::size_t largest = 262144;

class descriptor {
 public:
  explicit descriptor(int fd) noexcept : fd_(fd) {}
  ~descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  descriptor(const descriptor&) = delete;
  descriptor& operator=(const descriptor&) = delete;
  int get() const noexcept { return fd_; }

 private:
  int fd_;
};

bool is_ours_alone(const struct stat& about) noexcept {
  return (about.st_uid == 0 || about.st_uid == ::geteuid()) && (about.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

std::string directory_of(const std::string& path) { return path.substr(0, std::max<std::size_t>(path.rfind('/'), 1)); }

/// Empty: only root and we can change what is in it.
std::string doubt(const std::string& directory) {
  struct stat about{};
  if (::stat(directory.c_str(), &about) != 0) return directory + ": " + std::strerror(errno);
  return is_ours_alone(about) ? "" : "others may write to the directory " + directory;
}

void sync_directory(const std::string& path) {
  const descriptor directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory.get() >= 0) ::fsync(directory.get());
}

bool same(const struct stat& a, const struct stat& b) noexcept {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino && a.st_size == b.st_size &&
         a.st_mtim.tv_sec == b.st_mtim.tv_sec && a.st_mtim.tv_nsec == b.st_mtim.tv_nsec &&
         a.st_ctim.tv_nsec == b.st_ctim.tv_nsec && a.st_mode == b.st_mode && a.st_uid == b.st_uid;
}

/// Its text, or nothing and why.
std::string read(const std::string& path, std::string& trouble) {
  const descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  struct stat about{};
  if (file.get() < 0 || ::fstat(file.get(), &about) != 0) trouble = std::strerror(errno);
  else if (!S_ISREG(about.st_mode)) trouble = "it is no regular file";
  else if (!is_ours_alone(about)) trouble = "others may write to it";
  else if (static_cast<std::size_t>(about.st_size) > largest) trouble = "it is larger than 256 KiB";
  std::string text;
  std::array<char, 16384> piece{};
  while (trouble.empty()) {
    const auto n = ::read(file.get(), piece.data(), piece.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) trouble = std::strerror(errno);
    if (n <= 0) break;
    text.append(piece.data(), static_cast<std::size_t>(n));
  }
  return text;
}

}  // namespace

bool state_file::look(wall now) {
  struct stat about{};
  if (::lstat(path_.c_str(), &about) != 0) about = {};
  if (looked_ && same(about, seen_)) return false;
  looked_ = true;
  seen_ = about;
  trouble_.clear();
  if (about.st_ino == 0) {
    rules_.clear();
    return true;
  }
  trouble_ = doubt(directory_of(path_));
  const auto text = trouble_.empty() ? read(path_, trouble_) : std::string();
  if (!trouble_.empty()) return true;
  auto rules = parse_state(text, now);
  if (rules) rules_ = std::move(*rules);
  else trouble_ = rules.error();
  return true;
}

std::string state_file::replace(std::vector<rule> rules) {
  const bool only_ends =
      std::ranges::all_of(rules, [&](const rule& r) { return std::ranges::find(rules_, r) != rules_.end(); });
  auto why = doubt(directory_of(path_));
  if (why.empty() && !(rules.empty() && remove()))
    if (why = write(to_state(rules)); !why.empty())
      why = "cannot write " + path_ + ": " + why +
            "; if the daemon has given its directory up, name it in [sandbox] files";
  if (!why.empty() && !only_ends) return why;
  rules_ = std::move(rules);
  if (!why.empty()) return "what should end has ended, but comes back if the daemon is restarted in its time: " + why;
  trouble_.clear();
  if (::lstat(path_.c_str(), &seen_) != 0) seen_ = {};
  looked_ = true;
  return {};
}

/// Without any fault there need be no file, and that takes no room on a disk that is full.
bool state_file::remove() const {
  if (::unlink(path_.c_str()) != 0 && errno != ENOENT) return false;
  sync_directory(directory_of(path_));
  return true;
}

/// Whole or not at all, also when the machine stops in the middle.
std::string state_file::write(const std::string& text) const {
  const auto fresh = path_ + ".new";
  ::unlink(fresh.c_str());
  const descriptor file(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (file.get() < 0) return std::strerror(errno);
  std::string_view rest = text;
  while (!rest.empty()) {
    const auto n = ::write(file.get(), rest.data(), rest.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) break;
    rest.remove_prefix(static_cast<std::size_t>(n));
  }
  const bool good = rest.empty() && ::fsync(file.get()) == 0 && ::rename(fresh.c_str(), path_.c_str()) == 0;
  const int error = errno;
  if (!good) {
    ::unlink(fresh.c_str());
    return std::strerror(error);
  }
  sync_directory(directory_of(path_));
  return {};
}

std::string default_path() {
  const char* const given = std::getenv("STATE_DIRECTORY");
  std::string directory = given == nullptr ? "" : given;
  directory = directory.substr(0, directory.find(':'));
  return (directory.starts_with('/') ? directory : "/var/lib/bunraku") + "/faults.json";
}

}  // namespace fault
