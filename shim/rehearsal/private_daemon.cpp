#include "rehearsal/private_daemon.hpp"

#include "daemon/daemon.hpp"
#include "http/chunked.hpp"
#include "http/head.hpp"
#include "log_spdlog.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace shim::rehearsal {
namespace {

using clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr auto start_limit = 20s;
constexpr std::size_t largest_answer = std::size_t{8} << 20;

/// The same, but for where clients come in, what is written, and what breaks.
daemon::setup rehearsed(const daemon::setup& like, const std::string& directory, const std::string& status_leads_to) {
  daemon::setup made = like;
  auto& c = *made.configuration;
  config::listen_at socket;
  socket.way = config::listen_at::way_in::socket;
  socket.path = directory + "/requests.sock";
  socket.where = "drill";
  c.listen = {socket};
  c.admin = {};
  c.admin.socket = directory + "/control.sock";
  c.log = {};
  c.log.level = bunraku::log_level::debug;
  c.log.to = config::log_target::standard_error;
  c.sandbox.files.push_back(directory);
  c.routes.clear();
  for (std::size_t i = 0; i != c.services.size(); ++i)
    if (c.services[i].name == status_leads_to)
      c.routes.push_back({static_cast<bunraku::service>(i), "/status/", {}, {}, {}, "drill"});
  std::erase_if(c.plugins, [](const config::plugin_rule& p) { return p.load == "fault"; });
  c.plugins.push_back({.name = "fault",
                       .load = "fault",
                       .deadline = 5s,
                       .settings = "{\"state\": \"" + directory + "/faults.json\"}",
                       .where = "drill"});
  // Who serves stays as the daemon has it: that depends on where clients come in, which is another place here.
  // What DNS says must be needed while the drill is on.
  made.options->dns.ttl_floor = made.options->dns.ttl_ceiling = 1s;
  made.options->dns.store_file.clear();
  made.found.clear();
  return made;
}

[[noreturn]] void be_the_daemon(const daemon::setup& like, const daemon::leg_identities& who,
                                const std::string& directory, const std::string& status_leads_to) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::setpgid(0, 0);
  ::unsetenv("NOTIFY_SOCKET");
  ::unsetenv("LISTEN_FDS");
  const int log = ::open((directory + "/log").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_APPEND, 0600);
  if (log >= 0) ::dup2(log, STDERR_FILENO);
  const auto made = rehearsed(like, directory, status_leads_to);
  daemon::daemon one({}, made, who, std::make_shared<log_spdlog>(made.configuration->log));
  const auto found = one.start(made, who);
  for (const auto& p : found) {
    const auto line = p.where() + ": " + p.what() + " " + p.fix() + "\n";
    if (::write(STDERR_FILENO, line.data(), line.size()) < 0) break;
  }
  if (bunraku::has_error(found)) ::_exit(2);
  const int status = one.run();
  ::_exit(status);
}

std::string last_line_of(const std::string& path) {
  std::ifstream file(path);
  std::string last;
  for (std::string line; std::getline(file, line);)
    if (!line.empty()) last = line;
  return last;
}

int connect_to(const std::string& path) {
  sockaddr_un at{};
  if (path.size() >= sizeof at.sun_path) return -1;
  at.sun_family = AF_UNIX;
  std::memcpy(at.sun_path, path.data(), path.size());
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd >= 0 && ::connect(fd, reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0) {
    ::close(fd);
    return -1;
  }
  return fd;
}

/// Everything up to the end of the connection; false: it was not over in time, or broke.
bool read_all(int fd, clock::time_point until, std::string& into) {
  std::array<char, 16384> piece{};
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - clock::now());
    pollfd waits{fd, POLLIN, 0};
    if (left.count() <= 0 || ::poll(&waits, 1, static_cast<int>(left.count())) <= 0) return false;
    const auto got = ::recv(fd, piece.data(), piece.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return false;
    if (got == 0) return true;
    into.append(piece.data(), static_cast<std::size_t>(got));
    if (into.size() > largest_answer) return false;
  }
}

/// Is the body as long as its head said?
bool is_whole(const http::response_head& head, std::string_view body) {
  if (head.body.kind == http::body_kind::length) return body.size() == head.body.length;
  if (head.body.kind != http::body_kind::chunked) return true;
  http::chunked_decoder chunks;
  while (!body.empty() && !chunks.done()) {
    const auto step = chunks.next_data(body);
    if (!step || step->consumed == 0) break;
    body.remove_prefix(step->consumed);
  }
  return chunks.done();
}

}  // namespace

std::expected<private_daemon, std::string> private_daemon::start(const daemon::setup& like,
                                                                 const daemon::leg_identities& who,
                                                                 const std::string& status_leads_to) {
  const char* const base = std::getenv("TMPDIR");
  std::string directory = std::string(base != nullptr && *base == '/' ? base : "/tmp") + "/bunraku-drill-XXXXXX";
  if (::mkdtemp(directory.data()) == nullptr)
    return std::unexpected("cannot make a directory like " + directory + ": " + std::strerror(errno));
  const pid_t child = ::fork();
  if (child < 0) return std::unexpected(std::string("cannot start a process: ") + std::strerror(errno));
  if (child == 0) be_the_daemon(like, who, directory, status_leads_to);
  private_daemon made(child, directory);
  for (const auto until = clock::now() + start_limit; clock::now() < until;) {
    if (const int fd = connect_to(directory + "/control.sock"); fd >= 0) {
      ::close(fd);
      return made;
    }
    int status = 0;
    if (::waitpid(child, &status, WNOHANG) == child) {
      made.child_ = -1;
      const auto why = last_line_of(directory + "/log");
      return std::unexpected("the drill's own daemon did not start: " +
                             (why.empty() ? "it says nothing; `bunraku check` may say why" : why));
    }
    std::this_thread::sleep_for(10ms);
  }
  return std::unexpected("the drill's own daemon was not ready within 20 s");
}

private_daemon::private_daemon(private_daemon&& other) noexcept
    : child_(std::exchange(other.child_, -1)), directory_(std::exchange(other.directory_, {})) {}

private_daemon::~private_daemon() {
  if (child_ > 0) {
    ::kill(child_, SIGKILL);  // nobody but us is at the other end, and what it knows is not needed any more
    int status = 0;
    while (::waitpid(child_, &status, 0) < 0 && errno == EINTR) {
    }
  }
  std::error_code ignored;
  if (!directory_.empty()) std::filesystem::remove_all(directory_, ignored);
}

std::expected<cli::daemon_answer, std::string> private_daemon::control(std::string_view method, std::string_view target,
                                                                       std::string_view body) const {
  return cli::ask_daemon(directory_ + "/control.sock", method, target, body);
}

private_daemon::answer private_daemon::ask(const std::string& target, std::chrono::milliseconds limit) const {
  const auto until = clock::now() + limit;
  const int fd = connect_to(directory_ + "/requests.sock");
  if (fd < 0) return {0, std::string("no connection to the drill's own daemon: ") + std::strerror(errno)};
  const std::string request = "GET " + target +
                              " HTTP/1.1\r\nHost: localhost\r\nAccept: application/json, text/plain, */*\r\n"
                              "User-Agent: bunraku-drill\r\nX-Puppet-Version: 8.0.0\r\nConnection: close\r\n\r\n";
  std::string got;
  const bool sent = ::send(fd, request.data(), request.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(request.size());
  const bool ended = sent && read_all(fd, until, got);
  ::close(fd);
  const auto end = got.find("\r\n\r\n");
  if (end == got.npos) return {0, ended ? "the connection ended without an answer" : "no answer in time"};
  const auto head = http::parse_response(std::string_view(got).substr(0, end + 4), {}, "GET");
  if (!head) return {0, "the answer is no proper HTTP"};
  if (!ended || !is_whole(*head, std::string_view(got).substr(end + 4))) return {0, "the answer broke off"};
  return {head->status, {}};
}

}  // namespace shim::rehearsal
