#include "io/answer_store.hpp"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fcntl.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace bunraku::io {
namespace {

/// A temporary file this old was left behind by a process that died. So was one that is as far ahead of the clock.
constexpr std::time_t abandoned_after = 60;

class descriptor {
 public:
  explicit descriptor(int fd) : fd_(fd) {}
  ~descriptor() { close(); }
  descriptor(const descriptor&) = delete;
  descriptor& operator=(const descriptor&) = delete;
  int get() const noexcept { return fd_; }
  bool is_open() const noexcept { return fd_ >= 0; }
  /// False if the kernel only now says that what was written is lost.
  bool close() noexcept {
    const int fd = std::exchange(fd_, -1);
    return fd < 0 || ::close(fd) == 0;
  }

 private:
  int fd_;
};

std::string system_error_text(int error) { return std::generic_category().message(error); }

std::unexpected<std::string> failed(const std::string& what, int error) {
  return std::unexpected(what + ": " + system_error_text(error));
}

/// What of its owner, kind, mode and size speaks against using a file; empty: nothing.
std::string objection(const struct ::stat& file, std::size_t max_bytes) {
  if (!S_ISREG(file.st_mode)) return "is no regular file";
  if (file.st_uid != ::geteuid() && file.st_uid != 0)
    return "belongs to user " + std::to_string(file.st_uid) + ", who is neither root nor bunraku's user";
  if ((file.st_mode & (S_IWGRP | S_IWOTH)) != 0) return "may be written by others than its owner";
  if (static_cast<std::size_t>(file.st_size) > max_bytes)
    return "is too big (" + std::to_string(file.st_size) + " bytes, at most " + std::to_string(max_bytes) + ")";
  return {};
}

bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const auto written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

void remove_if_abandoned(const std::string& path) {
  struct ::stat file{};
  if (::lstat(path.c_str(), &file) == 0 && std::abs(std::time(nullptr) - file.st_mtim.tv_sec) > abandoned_after)
    ::unlink(path.c_str());
}

int fill(const std::string& path, std::string_view text) {
  constexpr int how = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW;
  descriptor file(::open(path.c_str(), how, 0600));
  if (!file.is_open()) return errno;
  if (write_all(file.get(), text) && ::fsync(file.get()) == 0 && file.close()) return 0;
  const int error = errno;
  ::unlink(path.c_str());
  return error;
}

/// "/dev/null" may be meant as "none". A file that was renamed to it would be every program's on this host.
bool is_what_no_file_may_replace(const std::string& path) {
  struct ::stat file{};
  return ::lstat(path.c_str(), &file) == 0 && !S_ISREG(file.st_mode) && !S_ISLNK(file.st_mode);
}

/// Makes the rename itself last. Some file systems cannot; then the old file may come back, which is no harm.
void sync_directory_of(const std::string& path) {
  const auto slash = path.rfind('/');
  const auto directory = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const descriptor opened(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (opened.is_open()) ::fsync(opened.get());
}

}  // namespace

std::expected<std::optional<std::string>, std::string> answer_store::read() const {
  const descriptor file(::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
  if (!file.is_open()) {
    if (errno == ENOENT) return std::nullopt;
    if (errno == ELOOP) return std::unexpected("is a symbolic link");
    return failed("cannot be opened", errno);
  }
  struct ::stat found{};
  if (::fstat(file.get(), &found) != 0) return failed("cannot be read", errno);
  if (auto no = objection(found, max_bytes_); !no.empty()) return std::unexpected(std::move(no));
  std::string text(static_cast<std::size_t>(found.st_size), '\0');
  std::size_t have = 0;
  while (have < text.size()) {
    const auto got = ::read(file.get(), text.data() + have, text.size() - have);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failed("cannot be read", errno);
    if (got == 0) break;
    have += static_cast<std::size_t>(got);
  }
  text.resize(have);
  return text;
}

std::expected<void, std::string> answer_store::write(std::string_view text) const {
  if (is_what_no_file_may_replace(path_)) return std::unexpected("cannot replace " + path_ + ": it is no regular file");
  const auto temporary = path_ + ".new";
  remove_if_abandoned(temporary);
  if (const int error = fill(temporary, text); error != 0) return failed("cannot write " + temporary, error);
  if (::rename(temporary.c_str(), path_.c_str()) != 0) {
    const int error = errno;
    ::unlink(temporary.c_str());
    return failed("cannot replace " + path_, error);
  }
  sync_directory_of(path_);
  return {};
}

}  // namespace bunraku::io
