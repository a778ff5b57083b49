#include "daemon/file_watch.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <sys/inotify.h>
#include <unistd.h>

namespace shim::daemon {
namespace net = boost::asio;
namespace fs = std::filesystem;
using error_code = boost::system::error_code;

namespace {

constexpr std::uint32_t events_of_interest = IN_CLOSE_WRITE | IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE |
                                             IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;
constexpr int levels = 3;      // so that a whole ssldir put in the place of another is noticed
constexpr int most_links = 8;  // from one file

}  // namespace

file_watch::file_watch(const net::any_io_executor& executor, std::function<void()> changed)
    : descriptor_(executor), changed_(std::move(changed)) {}
file_watch::~file_watch() { stop(); }

void file_watch::stop() noexcept {
  error_code ignored;
  descriptor_.close(ignored);
  watched_.clear();
}

std::string file_watch::follow(const std::vector<std::string>& files) {
  const bool fresh = !descriptor_.is_open();
  if (fresh) {
    const int fd = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (fd < 0) return give_up("inotify_init1", errno);
    error_code error;
    descriptor_.assign(fd, error);
    if (error) {
      ::close(fd);
      return give_up("inotify", error.value());
    }
  }
  std::map<int, names> now;
  for (const auto& file : files)
    if (auto why = add(file, true, most_links, now); !why.empty()) return why;
  for (const auto& [watch, names] : watched_)
    if (!now.contains(watch)) ::inotify_rm_watch(descriptor_.native_handle(), watch);
  watched_ = std::move(now);
  if (fresh) wait();
  return {};
}

std::string file_watch::add(const std::string& file, bool is_its_own, int links_left, std::map<int, names>& into) {
  fs::path at = fs::path(file).lexically_normal();
  bool some = false;
  for (int level = 0; at.has_relative_path() && (level < levels || !some); ++level, at = at.parent_path()) {
    bool is_there = false;
    const auto directory = at.parent_path().string();
    if (auto why = add_directory(directory, at.filename().string(), is_its_own && level == 0, into, is_there);
        !why.empty())
      return why;
    some = some || is_there;
    if (auto why = add_target(at, is_its_own && level == 0, links_left, into); !why.empty()) return why;
  }
  return {};
}

/// What a link leads to may be replaced, and may be another link that is turned.
std::string file_watch::add_target(const fs::path& link, bool is_its_own, int links_left, std::map<int, names>& into) {
  std::error_code not_a_link, not_there;
  const fs::path leads_to = fs::read_symlink(link, not_a_link);
  if (not_a_link || links_left == 0) return {};
  // A relative one begins where its directory really is: ".." of a directory that is a link leads elsewhere.
  const auto begins = fs::canonical(link.parent_path(), not_there);
  if (not_there) return {};
  return add((begins / leads_to).string(), is_its_own, links_left - 1, into);
}

std::string file_watch::add_directory(const std::string& directory, const std::string& name, bool is_its_own,
                                      std::map<int, names>& into, bool& is_there) {
  const int watch = ::inotify_add_watch(descriptor_.native_handle(), directory.c_str(), events_of_interest);
  if (watch >= 0) {
    into[watch].insert(name);
    is_there = true;
    return {};
  }
  const int error = errno;
  // One that is not there may still come: the one above it is watched for that. So may one that is not for us, unless
  // the file is in it, whose changes would be missed.
  if (error == ENOENT || error == ENOTDIR || error == ELOOP || error == ENAMETOOLONG) return {};
  if (error == EACCES && !is_its_own) return {};
  return give_up("cannot watch " + directory, error);
}

std::string file_watch::give_up(const std::string& what, int error) {
  stop();
  return what + ": " + std::strerror(error);
}

void file_watch::wait() {
  descriptor_.async_wait(net::posix::stream_descriptor::wait_read,
                         [this, here = std::weak_ptr(alive_)](error_code error) {
                           if (error || here.expired() || !descriptor_.is_open()) return;
                           const bool matters = read_events();
                           wait();
                           if (matters) changed_();
                         });
}

/// Takes everything that is there. Does any of it concern our files?
bool file_watch::read_events() {
  alignas(inotify_event) std::array<char, 16384> room;
  bool matters = false;
  for (;;) {
    const auto got = ::read(descriptor_.native_handle(), room.data(), room.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return matters;
    for (std::size_t at = 0; at + sizeof(inotify_event) <= static_cast<std::size_t>(got);) {
      inotify_event event;
      std::memcpy(&event, room.data() + at, sizeof event);
      const char* const name = room.data() + at + sizeof event;
      const bool named = event.len != 0 && *name != '\0';
      const auto known = watched_.find(event.wd);
      matters = matters || (event.mask & IN_Q_OVERFLOW) != 0 ||
                (known != watched_.end() && (!named || known->second.contains(std::string_view(name))));
      at += sizeof event + event.len;
    }
  }
}

}  // namespace shim::daemon
