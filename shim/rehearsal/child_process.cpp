#include "rehearsal/child_process.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <sstream>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace shim::rehearsal {
namespace {

using clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr std::size_t most_output = std::size_t{8} << 20;
constexpr auto grace = 5s;  // for an agent to take its lock away

[[noreturn]] void become(const std::vector<std::string>& command, int output, pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(127);
  ::setpgid(0, 0);
  for (const char* name : {"http_proxy", "https_proxy", "all_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY",
                           "ALL_PROXY", "NO_PROXY", "RUBYOPT"})
    ::unsetenv(name);
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGPIPE}) ::signal(number, SIG_DFL);
  const int nothing = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (nothing < 0 || ::dup2(nothing, 0) < 0 || ::dup2(output, 1) < 0 || ::dup2(output, 2) < 0) ::_exit(127);
  std::vector<char*> words;
  for (const auto& word : command) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  ::execv(words[0], words.data());
  ::_exit(127);
}

bool is_reaped(pid_t child, int& status) {
  const pid_t got = ::waitpid(child, &status, WNOHANG);
  return got == child || (got < 0 && errno != EINTR);
}

/// False: it was still there when `until` came, or nobody wanted it any more.
bool wait_for(pid_t child, int& status, clock::time_point until, const std::function<bool()>& interrupted) {
  while (!is_reaped(child, status)) {
    if (interrupted() || clock::now() >= until) return false;
    std::this_thread::sleep_for(100ms);
  }
  return true;
}

std::string read_back(int fd) {
  std::string out;
  std::array<char, 65536> piece{};
  for (off_t at = 0; out.size() < most_output;) {
    const auto got = ::pread(fd, piece.data(), piece.size(), at);
    if (got <= 0) break;
    out.append(piece.data(), static_cast<std::size_t>(got));
    at += got;
  }
  return out;
}

}  // namespace

child_end run_child(const std::vector<std::string>& command, std::chrono::seconds limit,
                    const std::function<bool()>& interrupted) {
  child_end how;
  const int output = ::memfd_create("output", MFD_CLOEXEC);
  if (output < 0) return how;
  const pid_t self = ::getpid();
  const pid_t child = ::fork();
  if (child == 0) become(command, output, self);
  if (child > 0) {
    ::setpgid(child, child);  // whoever is first; a signal for the group must find it
    int status = 0;
    if (!wait_for(child, status, clock::now() + limit, interrupted)) {
      how.late = !interrupted();
      ::kill(-child, SIGTERM);
      const bool ended = wait_for(child, status, clock::now() + grace, [] { return false; });
      ::kill(-child, SIGKILL);  // and whatever it had started
      if (!ended) ::waitpid(child, &status, 0);
      status = SIGTERM;
    }
    if (WIFEXITED(status)) how.status = WEXITSTATUS(status);
    how.output = read_back(output);
  }
  ::close(output);
  return how;
}

std::string find_program(const std::string& name, const std::vector<std::string>& more) {
  std::vector<std::string> directories;
  if (const char* path = std::getenv("PATH")) {
    std::istringstream all(path);
    for (std::string one; std::getline(all, one, ':');)
      if (one.starts_with('/')) directories.push_back(one);
  }
  directories.insert(directories.end(), more.begin(), more.end());
  for (const auto& one : directories)
    if (const auto candidate = one + "/" + name; ::access(candidate.c_str(), X_OK) == 0) return candidate;
  return {};
}

}  // namespace shim::rehearsal
