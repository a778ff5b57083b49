#include "daemon/event_log.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <span>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

namespace shim::daemon {
namespace {

constexpr char journal_socket[] = "/run/systemd/journal/socket";
/// Of one that does not fit into a datagram, this much; longer messages would go by way of a file.
constexpr std::size_t most_of_a_line = 32'768;

/// A level's word, and its number in syslog(3).
struct level_name {
  const char* word;
  int priority;
};

level_name name_of(bunraku::log_level l) noexcept {
  switch (l) {
    case bunraku::log_level::trace: return {"trace", 7};
    case bunraku::log_level::debug: return {"debug", 7};
    case bunraku::log_level::info: return {"info", 6};
    case bunraku::log_level::warning: return {"warning", 4};
    case bunraku::log_level::error: return {"error", 3};
  }
  return {"info", 6};
}

bool is_control(char c) noexcept { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

iovec piece_of(std::string_view text) noexcept { return {const_cast<char*>(text.data()), text.size()}; }

/// All of it, in as few calls as the descriptor allows.
void write_all(int to, std::span<iovec> pieces) noexcept {
  while (!pieces.empty()) {
    const ssize_t n = ::writev(to, pieces.data(), static_cast<int>(pieces.size()));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;
    auto put = static_cast<std::size_t>(n);
    for (; !pieces.empty() && put >= pieces.front().iov_len; pieces = pieces.subspan(1)) put -= pieces.front().iov_len;
    if (pieces.empty()) return;
    pieces.front().iov_base = static_cast<char*>(pieces.front().iov_base) + put;
    pieces.front().iov_len -= put;
  }
}

/// Not connected: a journal that is restarted has the same address.
bool send_to_journal(int socket, std::span<iovec> pieces) noexcept {
  sockaddr_un at{};
  at.sun_family = AF_UNIX;
  std::memcpy(at.sun_path, journal_socket, sizeof journal_socket);
  msghdr message{};
  message.msg_name = &at;
  message.msg_namelen = sizeof at;
  message.msg_iov = pieces.data();
  message.msg_iovlen = pieces.size();
  ssize_t n;
  do n = ::sendmsg(socket, &message, MSG_NOSIGNAL);
  while (n < 0 && errno == EINTR);
  return n >= 0 || errno != EMSGSIZE;
}

}  // namespace

bool stderr_is_journal() noexcept {
  const char* stream = std::getenv("JOURNAL_STREAM");
  struct stat about{};
  if (stream == nullptr || ::fstat(STDERR_FILENO, &about) != 0) return false;
  unsigned long long device = 0, inode = 0;
  return std::sscanf(stream, "%llu:%llu", &device, &inode) == 2 && device == about.st_dev && inode == about.st_ino;
}

std::string stamp_of(std::chrono::system_clock::time_point when, bunraku::log_level level) {
  const auto since = std::chrono::floor<std::chrono::milliseconds>(when).time_since_epoch();
  const std::time_t seconds = std::chrono::floor<std::chrono::seconds>(since).count();
  std::tm local{};
  ::localtime_r(&seconds, &local);
  const long minutes = std::labs(local.tm_gmtoff) / 60;
  std::array<char, 64> out;
  auto n = std::strftime(out.data(), out.size(), "%Y-%m-%dT%H:%M:%S", &local);
  n += static_cast<std::size_t>(std::snprintf(out.data() + n, out.size() - n, ".%03d%c%02ld:%02ld %s ",
                                              static_cast<int>(since.count() % 1000), local.tm_gmtoff < 0 ? '-' : '+',
                                              minutes / 60, minutes % 60, name_of(level).word));
  return {out.data(), n};
}

std::string journal_fields(bunraku::log_level level) {
  return "PRIORITY=" + std::to_string(name_of(level).priority) + "\nSYSLOG_IDENTIFIER=bunraku\nMESSAGE=";
}

event_log::event_log(const config::log_values& settings) : level_(settings.level) {
  using enum config::log_target;
  if (settings.to == journal || (settings.to == automatic && stderr_is_journal()))
    journal_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
}

event_log::~event_log() {
  if (journal_ >= 0) ::close(journal_);
}

void event_log::write(bunraku::log_level level, std::string_view line) noexcept {
  if (level < level_) return;
  std::string clean;
  if (std::ranges::any_of(line, is_control)) {
    clean = line;
    std::ranges::replace_if(clean, is_control, ' ');
    line = clean;
  }
  const auto head = journal_ >= 0 ? journal_fields(level) : stamp_of(std::chrono::system_clock::now(), level);
  std::array pieces{piece_of(head), piece_of(line), piece_of("\n")};
  const std::scoped_lock lock(one_at_a_time_);
  if (journal_ < 0) return write_all(STDERR_FILENO, pieces);
  if (send_to_journal(journal_, pieces)) return;
  pieces[1] = piece_of(line.substr(0, most_of_a_line));
  send_to_journal(journal_, pieces);
}

}  // namespace shim::daemon
