#include "rehearsal/private_daemon.hpp"

#include "cli/json_view.hpp"
#include "daemon/daemon.hpp"
#include "daemon/event_log.hpp"
#include "problem_text.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace shim::rehearsal {
namespace {

using clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr auto start_limit = 20s;
constexpr const char* directory_name = "bunraku-drill-";
constexpr std::string_view longest_socket = "/requests.sock";

/// The same, but for where clients come in, what is written, and what breaks.
daemon::setup rehearsed(const daemon::setup& like, const std::string& directory, const drill::step& of) {
  daemon::setup made = like;
  auto& c = *made.configuration;
  config::listen_at socket;
  socket.way = config::listen_at::way_in::socket;
  socket.path = directory + std::string(longest_socket);
  socket.where = "drill";
  c.listen = {socket};
  if (of.by == drill::traffic::agent) {
    config::listen_at proxy;
    proxy.way = config::listen_at::way_in::connect;
    proxy.address = "127.0.0.1";
    proxy.where = "drill";
    c.listen.push_back(proxy);
  }
  c.admin = {};
  c.admin.socket = directory + "/control.sock";
  c.admin.where = "drill";
  c.log = {};
  c.log.level = bunraku::log_level::debug;
  c.log.to = config::log_target::standard_error;
  c.sandbox.files.push_back(directory);
  c.routes.clear();
  for (std::size_t i = 0; i != c.services.size(); ++i)
    if (c.services[i].name == of.service)
      c.routes.push_back({static_cast<bunraku::service>(i), "/status/", {}, {}, {}, "drill"});
  std::erase_if(c.plugins, [](const config::plugin_rule& p) { return p.load == "fault"; });
  c.plugins.push_back({.name = "fault",
                       .load = "fault",
                       .deadline = 5s,
                       .settings = boost::json::serialize(boost::json::object{{"state", directory + "/faults.json"}}),
                       .where = "drill"});
  // Who serves stays as the daemon has it: that depends on where clients come in, which is another place here.
  // What DNS says must be needed while the drill is on, and steps may be of a second: a floor lasts up to half longer.
  made.options->dns.ttl_floor = 0s;
  made.options->dns.ttl_ceiling = 1s;
  made.options->dns.store_file.clear();
  made.found.clear();
  return made;
}

std::string where_directories_are() {
  const char* const base = std::getenv("TMPDIR");
  return base != nullptr && *base == '/' ? base : "/tmp";
}

/// Held as long as the drill has the directory.
int lock_directory(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd >= 0 && ::flock(fd, LOCK_EX | LOCK_NB) == 0) return fd;
  if (fd >= 0) ::close(fd);
  return -1;
}

/// A drill that was killed could not take its directory away. One that has just been made may not be locked yet.
void remove_abandoned(const std::string& base) {
  std::error_code error;
  for (std::filesystem::directory_iterator at(base, error), end; !error && at != end; at.increment(error)) {
    const auto path = at->path();
    struct stat about{};
    if (!path.filename().string().starts_with(directory_name) || ::lstat(path.c_str(), &about) != 0) continue;
    if (!S_ISDIR(about.st_mode) || about.st_uid != ::geteuid() || about.st_mtime > std::time(nullptr) - 10) continue;
    const int fd = lock_directory(path.string());
    if (fd < 0) continue;
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
    ::close(fd);
  }
}

[[noreturn]] void be_the_daemon(pid_t parent, const daemon::setup& like, const daemon::leg_identities& who,
                                const std::string& directory, int log, const drill::step& of) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(2);
  ::setpgid(0, 0);
  ::unsetenv("NOTIFY_SOCKET");
  ::unsetenv("LISTEN_FDS");
  ::dup2(log, STDERR_FILENO);
  const auto made = rehearsed(like, directory, of);
  daemon::daemon one({}, made, who, std::make_shared<daemon::event_log>(made.configuration->log));
  const auto found = one.start(made, who);
  for (const auto& p : found) {
    const auto line = p.where() + ": " + problem_text(p) + "\n";
    if (::write(STDERR_FILENO, line.data(), line.size()) < 0) break;
    // Without either there is no drill.
    const auto lacks = [&](std::string_view what) { return p.where() == "drill" && p.what().starts_with(what); };
    if (lacks("Plugin `fault` is not used") || lacks("No control socket")) ::_exit(2);
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

}  // namespace

std::expected<private_daemon, std::string> private_daemon::start(const daemon::setup& like,
                                                                 const daemon::leg_identities& who,
                                                                 const drill::step& of,
                                                                 std::function<bool()> interrupted) {
  const auto base = where_directories_are();
  remove_abandoned(base);
  std::string directory = base + "/" + directory_name + "XXXXXX";
  if (directory.size() + longest_socket.size() >= sizeof sockaddr_un::sun_path)
    return std::unexpected("the path " + base + ", from TMPDIR, is too long for sockets below it: set a shorter one");
  if (::mkdtemp(directory.data()) == nullptr)
    return std::unexpected("cannot make a directory like " + directory + ": " + std::strerror(errno));
  private_daemon made(directory, lock_directory(directory), std::move(interrupted));
  const auto log_path = directory + "/log";
  const int log = ::open(log_path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_APPEND, 0600);
  if (log < 0) return std::unexpected("cannot write " + log_path + ": " + std::strerror(errno));
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(made.lock_);  // when the drill is gone the next one clears up, even before this process has ended
    be_the_daemon(parent, like, who, directory, log, of);
  }
  const int error = errno;
  ::close(log);
  if (child < 0) return std::unexpected(std::string("cannot start a process: ") + std::strerror(error));
  made.child_ = child;
  for (const auto until = clock::now() + start_limit; clock::now() < until && !made.interrupted_();) {
    // It listens before it knows whether it will run: only an answer says that it does.
    if (made.control("GET", "/v1/status")) return made;
    int status = 0;
    if (::waitpid(child, &status, WNOHANG) == child) {
      made.child_ = -1;
      const auto why = last_line_of(log_path);
      return std::unexpected("the drill's own daemon did not start: " +
                             (why.empty() ? "it says nothing; `bunraku check` may say why" : why));
    }
    std::this_thread::sleep_for(10ms);
  }
  return std::unexpected("the drill's own daemon was not ready within 20 s");
}

private_daemon::private_daemon(private_daemon&& other) noexcept
    : child_(std::exchange(other.child_, -1)),
      directory_(std::exchange(other.directory_, {})),
      lock_(std::exchange(other.lock_, -1)),
      interrupted_(std::move(other.interrupted_)) {}

private_daemon::~private_daemon() {
  if (child_ > 0) {
    ::kill(child_, SIGKILL);  // nobody but us is at the other end, and what it knows is not needed any more
    int status = 0;
    while (::waitpid(child_, &status, 0) < 0 && errno == EINTR) {
    }
  }
  std::error_code ignored;
  if (!directory_.empty()) std::filesystem::remove_all(directory_, ignored);
  if (lock_ >= 0) ::close(lock_);
}

std::expected<cli::daemon_answer, std::string> private_daemon::control(std::string_view method, std::string_view target,
                                                                       std::string_view body) const {
  auto said = cli::ask_daemon(directory_ + "/control.sock", method, target, body, interrupted_);
  if (said) return said;
  return std::unexpected("the drill's own daemon does not answer any more: was it killed, for want of memory perhaps?");
}

std::uint16_t private_daemon::proxy_port() const {
  const auto said = control("GET", "/v1/status");
  const auto listen = said ? cli::json_view(said->body).text("listen") : std::string();
  constexpr std::string_view before = "127.0.0.1:";
  const auto at = listen.find(before);
  return at == listen.npos ? std::uint16_t{0}
                           : static_cast<std::uint16_t>(std::atoi(listen.c_str() + at + before.size()));
}

answer private_daemon::ask(const std::string& target, std::chrono::milliseconds limit) const {
  return get(directory_ + "/requests.sock", target, limit, interrupted_);
}

}  // namespace shim::rehearsal
