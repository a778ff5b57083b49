#include "enroll/puppet_files.hpp"

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

namespace shim::enroll {
namespace {

using bunraku::problem;
using bunraku::severity;

constexpr std::size_t largest = 32u << 20;

struct descriptor {
  int fd;
  explicit descriptor(int opened) noexcept : fd(opened) {}
  ~descriptor() {
    if (fd >= 0) ::close(fd);
  }
  descriptor(const descriptor&) = delete;
  descriptor& operator=(const descriptor&) = delete;
};

std::string advice(int error) {
  switch (error) {
    case ENOSPC:
    case EDQUOT: return "make room on that file system and run this again: it goes on where it stopped";
    case EACCES:
    case EPERM: return "run this as root, or as the user that the agent runs as";
    case EROFS: return "make the file system writable";
    case ENOENT: return "make the directory it is to be in, or set ssldir right in puppet.conf";
    case EBUSY:
      return "a file is mounted there, as /etc/hosts is in a container: change it where it comes from, and run this "
             "again";
    case EEXIST: return "another enrolment came first: run this again";
    default: return "mend the file system and run this again: it goes on where it stopped";
  }
}

problem failed(const std::string& path, const std::string& what, int error) {
  return {severity::error, path, what + ": " + std::strerror(error), advice(error)};
}

std::string beside(const std::string& path) { return path + ".bunraku-new"; }

bool write_all(int fd, std::string_view content) {
  while (!content.empty()) {
    const auto wrote = ::write(fd, content.data(), content.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return false;
    content.remove_prefix(static_cast<std::size_t>(wrote));
  }
  return true;
}

bool give(int fd, const ownership& whose) {
  if (::geteuid() != 0 || (!whose.user && !whose.group)) return true;
  return ::fchown(fd, whose.user.value_or(static_cast<uid_t>(-1)), whose.group.value_or(static_cast<gid_t>(-1))) == 0;
}

void sync_directory_of(const std::string& path) {
  const auto slash = path.rfind('/');
  const descriptor folder(::open(slash == 0 ? "/" : path.substr(0, slash).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.fd >= 0) ::fsync(folder.fd);
}

// Into its place, unless there is something already. File systems that cannot do that at once can do it by a link.
bool move_into_free_place(const std::string& from, const std::string& to) {
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return true;
  if (errno != EINVAL && errno != ENOSYS) return false;
  if (::link(from.c_str(), to.c_str()) != 0) return false;
  ::unlink(from.c_str());
  return true;
}

}  // namespace

ownership puppets_ownership(const std::string& user, const std::string& group) {
  ownership out;
  std::vector<char> room(65536);
  passwd person{};
  passwd* found = nullptr;
  if (::getpwnam_r(user.c_str(), &person, room.data(), room.size(), &found) == 0 && found != nullptr)
    out.user = found->pw_uid;
  struct group people{};
  struct group* of_them = nullptr;
  if (::getgrnam_r(group.c_str(), &people, room.data(), room.size(), &of_them) == 0 && of_them != nullptr)
    out.group = of_them->gr_gid;
  return out;
}

failure make_directory(const std::string& path, mode_t mode, const ownership& whose) {
  if (::mkdir(path.c_str(), 0700) != 0) {
    struct stat about{};
    if (errno == EEXIST && ::stat(path.c_str(), &about) == 0) {
      if (S_ISDIR(about.st_mode)) return std::nullopt;
      errno = ENOTDIR;
    }
    return failed(path, "the directory cannot be made", errno);
  }
  const descriptor made(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (made.fd >= 0 && give(made.fd, whose) && ::fchmod(made.fd, mode) == 0) return std::nullopt;
  const int error = errno;
  ::rmdir(path.c_str());
  return failed(path, "the directory cannot be given its owner and mode", error);
}

failure write_file(const std::string& path, std::string_view content, mode_t mode, const ownership& whose,
                   existing old) {
  const std::string fresh = beside(path);
  ::unlink(fresh.c_str());
  const descriptor file(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (file.fd < 0) return failed(path, "the file cannot be written", errno);
  const bool whole =
      write_all(file.fd, content) && give(file.fd, whose) && ::fchmod(file.fd, mode) == 0 && ::fsync(file.fd) == 0;
  const bool placed = whole && (old == existing::replace ? ::rename(fresh.c_str(), path.c_str()) == 0
                                                         : move_into_free_place(fresh, path));
  if (placed) {
    sync_directory_of(path);
    return std::nullopt;
  }
  const int error = errno;
  ::unlink(fresh.c_str());
  return failed(path,
                is_there(path) ? "the file cannot be written, and is as it was"
                               : "the file cannot be written, and nothing of it is left",
                error);
}

void remove_remains(const std::string& path) noexcept { ::unlink(beside(path).c_str()); }

failure remove_file(const std::string& path) {
  if (::unlink(path.c_str()) == 0 || errno == ENOENT) return std::nullopt;
  return failed(path, "the file cannot be removed", errno);
}

bool is_there(const std::string& path) noexcept {
  return ::access(path.c_str(), F_OK) == 0 || (errno != ENOENT && errno != ENOTDIR);
}

file_reading read_file(const std::string& path, std::string_view what_it_is) {
  const descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat about{};
  if (file.fd < 0 && errno == ENOENT) return {};
  if (file.fd < 0 || ::fstat(file.fd, &about) != 0)
    return {std::nullopt, failed(path, std::string(what_it_is) + " cannot be read", errno)};
  const auto refuse = [&](const std::string& why) {
    return file_reading{std::nullopt, problem(severity::error, path, std::string(what_it_is) + why, "mend it")};
  };
  if (!S_ISREG(about.st_mode)) return refuse(" is not a regular file");
  std::string text;
  std::array<char, 16384> piece{};
  for (;;) {
    const auto got = ::read(file.fd, piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return {std::nullopt, failed(path, std::string(what_it_is) + " cannot be read", errno)};
    if (got == 0) return {std::move(text), std::nullopt};
    text.append(piece.data(), static_cast<std::size_t>(got));
    if (text.size() > largest) return refuse(" is larger than 32 MiB");
  }
}

}  // namespace shim::enroll
