#include "daemon/log_sinks.hpp"

#include "daemon/log_levels.hpp"

#include <climits>
#include <spdlog/sinks/base_sink.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <poll.h>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

namespace shim::daemon {
namespace {

constexpr int patience_ms = 100;
constexpr std::chrono::seconds between_waits{10};

/// Drops lines rather than to wait for a reader that hangs, and tells how many when it takes one again.
class lossy_sink : public spdlog::sinks::base_sink<std::mutex> {
 protected:
  /// False if the reader does not take it. Waits for it only where may_wait() says so.
  virtual bool put(const spdlog::details::log_msg& line) = 0;

  /// For `patience_ms`, and not again for a while: a reader that is slow, but never hangs, must not have a share of
  /// each line's time.
  bool may_wait() noexcept {
    const auto now = std::chrono::steady_clock::now();
    if (now < patient_again_) return false;
    patient_again_ = now + between_waits;
    return true;
  }

 private:
  void sink_it_(const spdlog::details::log_msg& line) final {
    if (lost_ != 0) {
      const auto loss = "lines of this log are lost count=" + std::to_string(lost_) +
                        " reason=\"whoever reads it did not take them\"";
      if (put({line.time, {}, line.logger_name, spdlog::level::warn, loss})) lost_ = 0;
    }
    if (lost_ != 0 || !put(line)) ++lost_;
  }
  void flush_() override {}

  std::uint64_t lost_ = 0;
  std::chrono::steady_clock::time_point patient_again_;
};

class stderr_lines final : public lossy_sink {
  bool put(const spdlog::details::log_msg& line) override {
    spdlog::memory_buf_t text;
    if (cut_) text.push_back('\n');
    formatter_->format(line, text);
    std::string_view left(text.data(), text.size());
    while (!left.empty()) {
      ssize_t n = -1;
      errno = EAGAIN;
      // A pipe that has room takes this much without waiting.
      if (has_room()) n = ::write(STDERR_FILENO, left.data(), std::min<std::size_t>(left.size(), PIPE_BUF));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0 && errno == EAGAIN) {
        cut_ = cut_ || left.size() != text.size();
        return false;
      }
      if (n <= 0) return true;
      left.remove_prefix(static_cast<std::size_t>(n));
      cut_ = false;
    }
    return true;
  }

  /// True, too, where nobody reads any more: the write says so.
  bool has_room() noexcept {
    pollfd room{STDERR_FILENO, POLLOUT, 0};
    return ::poll(&room, 1, 0) != 0 || (may_wait() && ::poll(&room, 1, patience_ms) != 0);
  }

  bool cut_ = false;  // the last line that went out has no end
};

/// Lines for the journal, a datagram each. spdlog's own sink would bring libsystemd and the six libraries behind it
/// into each daemon, for one message in a protocol that systemd documents (JOURNAL_NATIVE_PROTOCOL).
class journal_lines final : public lossy_sink {
 public:
  explicit journal_lines(const std::string& place) : socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    at_.sun_family = AF_UNIX;
    place.copy(at_.sun_path, sizeof at_.sun_path - 1);
    const timeval patience{0, patience_ms * 1000};
    ::setsockopt(socket_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  }
  ~journal_lines() override {
    if (socket_ >= 0) ::close(socket_);
  }

 private:
  bool put(const spdlog::details::log_msg& message) override {
    const std::string_view line(message.payload.data(), message.payload.size());
    const auto fields = journal_fields(level_of(message.level));
    if (send(fields, line)) return true;
    // Longer ones would go by way of a file.
    constexpr std::size_t most_of_a_line = 32'768;
    if (errno == EMSGSIZE && send(fields, line.substr(0, most_of_a_line))) return true;
    return errno != EAGAIN;
  }

  /// Not connected: a journal that is restarted has the same address.
  bool send(std::string_view fields, std::string_view line) noexcept {
    const auto piece = [](std::string_view text) { return iovec{const_cast<char*>(text.data()), text.size()}; };
    std::array pieces{piece(fields), piece(line), piece("\n")};
    msghdr message{};
    message.msg_name = &at_;
    message.msg_namelen = sizeof at_;
    message.msg_iov = pieces.data();
    message.msg_iovlen = pieces.size();
    for (int flags = MSG_NOSIGNAL | MSG_DONTWAIT;;) {
      if (::sendmsg(socket_, &message, flags) >= 0) return true;
      if (errno == EINTR) continue;
      if (errno != EAGAIN || (flags & MSG_DONTWAIT) == 0 || !may_wait()) return false;
      flags = MSG_NOSIGNAL;
    }
  }

  int socket_;
  sockaddr_un at_{};
};

}  // namespace

std::shared_ptr<spdlog::sinks::sink> stderr_sink() {
  auto made = std::make_shared<stderr_lines>();
  made->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %l %v");
  return made;
}

std::shared_ptr<spdlog::sinks::sink> journal_sink(const std::string& place) {
  return std::make_shared<journal_lines>(place);
}

bool stderr_is_journal() noexcept {
  const char* stream = std::getenv("JOURNAL_STREAM");
  struct stat about{};
  if (stream == nullptr || ::fstat(STDERR_FILENO, &about) != 0) return false;
  unsigned long long device = 0, inode = 0;
  return std::sscanf(stream, "%llu:%llu", &device, &inode) == 2 && device == about.st_dev && inode == about.st_ino;
}

bool journal_is_at_hand(const std::string& place) noexcept {
  return stderr_is_journal() && ::access(place.c_str(), F_OK) == 0;
}

std::string journal_fields(bunraku::log_level level) {
  constexpr auto priority = [](bunraku::log_level l) {
    switch (l) {  // syslog(3)'s
      case bunraku::log_level::error: return '3';
      case bunraku::log_level::warning: return '4';
      case bunraku::log_level::info: return '6';
      default: return '7';
    }
  };
  return std::string("PRIORITY=") + priority(level) + "\nSYSLOG_IDENTIFIER=bunraku\nMESSAGE=";
}

}  // namespace shim::daemon
