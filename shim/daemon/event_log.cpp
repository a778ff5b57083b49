#include "daemon/event_log.hpp"

#include <spdlog/logger.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

namespace shim::daemon {
namespace {

spdlog::level::level_enum level_of(bunraku::log_level l) noexcept {
  switch (l) {
    case bunraku::log_level::trace: return spdlog::level::trace;
    case bunraku::log_level::debug: return spdlog::level::debug;
    case bunraku::log_level::info: return spdlog::level::info;
    case bunraku::log_level::warning: return spdlog::level::warn;
    case bunraku::log_level::error: return spdlog::level::err;
  }
  return spdlog::level::info;
}

bunraku::log_level level_of(spdlog::level::level_enum l) noexcept {
  switch (l) {
    case spdlog::level::trace: return bunraku::log_level::trace;
    case spdlog::level::debug: return bunraku::log_level::debug;
    case spdlog::level::info: return bunraku::log_level::info;
    case spdlog::level::warn: return bunraku::log_level::warning;
    default: return bunraku::log_level::error;
  }
}

bool is_control(char c) noexcept { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

/// Lines for the journal, a datagram each. spdlog's own sink would bring libsystemd and the six libraries behind it
/// into each daemon, for one message in a protocol that systemd documents (JOURNAL_NATIVE_PROTOCOL).
class journal_sink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  journal_sink() : socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {}
  ~journal_sink() override {
    if (socket_ >= 0) ::close(socket_);
  }

 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    const std::string_view line(message.payload.data(), message.payload.size());
    const auto fields = journal_fields(level_of(message.level));
    if (send(fields, line) || errno != EMSGSIZE) return;
    // Longer ones would go by way of a file.
    constexpr std::size_t most_of_a_line = 32'768;
    send(fields, line.substr(0, most_of_a_line));
  }
  void flush_() override {}

  /// Not connected: a journal that is restarted has the same address.
  bool send(std::string_view fields, std::string_view line) const noexcept {
    constexpr char place[] = "/run/systemd/journal/socket";
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    std::memcpy(at.sun_path, place, sizeof place);
    const auto piece = [](std::string_view text) { return iovec{const_cast<char*>(text.data()), text.size()}; };
    std::array pieces{piece(fields), piece(line), piece("\n")};
    msghdr message{};
    message.msg_name = &at;
    message.msg_namelen = sizeof at;
    message.msg_iov = pieces.data();
    message.msg_iovlen = pieces.size();
    ssize_t n;
    do n = ::sendmsg(socket_, &message, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n >= 0;
  }

  int socket_;
};

spdlog::sink_ptr make_sink(config::log_target to) {
  if (to == config::log_target::journal || (to == config::log_target::automatic && stderr_is_journal()))
    return std::make_shared<journal_sink>();
  auto sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  sink->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %l %v");
  return sink;
}

}  // namespace

bool stderr_is_journal() noexcept {
  const char* stream = std::getenv("JOURNAL_STREAM");
  struct stat about{};
  if (stream == nullptr || ::fstat(STDERR_FILENO, &about) != 0) return false;
  unsigned long long device = 0, inode = 0;
  return std::sscanf(stream, "%llu:%llu", &device, &inode) == 2 && device == about.st_dev && inode == about.st_ino;
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

event_log::event_log(const config::log_values& settings)
    : logger_(std::make_unique<spdlog::logger>("bunraku", make_sink(settings.to))) {
  set_level(settings.level);
  // A log that cannot be written must not fill stderr with complaints about itself.
  logger_->set_error_handler([](const std::string&) {});
}
event_log::~event_log() = default;

bunraku::log_level event_log::level() const noexcept { return level_of(logger_->level()); }

void event_log::set_level(bunraku::log_level level) noexcept { logger_->set_level(level_of(level)); }

void event_log::write(bunraku::log_level level, std::string_view line) noexcept {
  const auto at = level_of(level);
  if (!logger_->should_log(at)) return;
  if (std::ranges::none_of(line, is_control)) {
    logger_->log(at, spdlog::string_view_t(line.data(), line.size()));
    return;
  }
  std::string clean(line);
  std::ranges::replace_if(clean, is_control, ' ');
  logger_->log(at, clean);
}

}  // namespace shim::daemon
