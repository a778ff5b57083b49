#include "plugin_host/trial.hpp"

#include <bunraku/shown_text.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace bunraku::plugin_host {
namespace {

using clock = std::chrono::steady_clock;
constexpr std::string_view good = "+", bad = "-";

/// What the trial's process tells the other: "+version\nabout\nkind\nkind...", or "-what\nfix". A pipe takes it in one
/// piece.
void tell(int to, std::string_view text) {
  const auto some = text.substr(0, 4000);
  [[maybe_unused]] const auto n = ::write(to, some.data(), some.size());
}

std::string explained;  // in the trial's process alone

void explain(void*, bunraku_text why) { explained.assign(why.data, std::min<std::size_t>(why.size, 2000)); }
void log_nothing(void*, std::int32_t, bunraku_text) {}

/// In the trial's process. Never returns.
[[noreturn]] void live(int to, const std::string& path, const std::string& name, const std::string& settings) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  const rlimit no_core{0, 0};
  ::setrlimit(RLIMIT_CORE, &no_core);
  for (const int number : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT}) std::signal(number, SIG_DFL);
  // The other process' sockets and files are no business of a plugin's.
  if (to > 3) ::close_range(3, static_cast<unsigned>(to) - 1, 0);
  ::close_range(static_cast<unsigned>(to) + 1, ~0U, 0);
  const auto refuse = [to](const refusal& why) {
    tell(to, std::string(bad) + why.what + '\n' + why.fix);
    ::_exit(0);
  };
  const auto opened = open_file(path, name);
  if (!opened) refuse(opened.error());
  const bunraku_host host{.size = sizeof(bunraku_host),
                          .abi = BUNRAKU_PLUGIN_ABI,
                          .trial = 1,
                          .context = nullptr,
                          .log = log_nothing,
                          .explain = explain};
  void* self = nullptr;
  std::int32_t code = BUNRAKU_PLUGIN_FAILED;
  try {
    code = opened->plugin.create(&host, {settings.data(), settings.size()}, &self);
    if (code == BUNRAKU_PLUGIN_OK) opened->plugin.destroy(self);
  } catch (...) {
    code = BUNRAKU_PLUGIN_FAILED;
    explained = "it threw an exception";
  }
  if (code != BUNRAKU_PLUGIN_OK)
    refuse({"It will not work with its settings: " +
                (explained.empty() ? "it gives no reason (code " + std::to_string(code) + ")" : shown_text(explained)) +
                ".",
            "See the plugin's README."});
  const auto text = [](const char* from) {
    return from == nullptr ? std::string() : shown_text({from, strnlen(from, 200)});
  };
  auto report = std::string(good) + text(opened->plugin.version) + '\n' + text(opened->plugin.about);
  for (const auto& kind : opened->kinds()) report += '\n' + kind;
  tell(to, report);
  ::_exit(0);
}

std::string name_of_signal(int number) {
  const char* const name = ::sigabbrev_np(number);
  return name == nullptr ? "signal " + std::to_string(number) : "SIG" + std::string(name);
}

/// What the process says until it closes its end; nothing if that takes too long.
std::optional<std::string> hear(int from, clock::time_point until) {
  std::string said;
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - clock::now()).count();
    pollfd wait{from, POLLIN, 0};
    const int ready = left <= 0 ? 0 : ::poll(&wait, 1, static_cast<int>(left));
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return std::nullopt;
    std::array<char, 4096> piece{};
    const auto n = ::read(from, piece.data(), piece.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return said;
    said.append(piece.data(), static_cast<std::size_t>(n));
  }
}

refusal verdict(const std::optional<std::string>& said, int status, std::chrono::milliseconds limit) {
  constexpr auto fix = "Mend the plugin, or take its table out of the configuration.";
  if (!said) return {"It did not come back from create() within " + std::to_string(limit.count()) + " ms.", fix};
  if (said->starts_with(bad)) {
    const auto line = said->find('\n');
    return {said->substr(1, line - 1), line == std::string::npos ? fix : said->substr(line + 1)};
  }
  if (WIFSIGNALED(status)) return {"It crashes when it is made (" + name_of_signal(WTERMSIG(status)) + ").", fix};
  return {"It ended the process when it was made (exit " + std::to_string(WEXITSTATUS(status)) + ").", fix};
}

trial_report report_in(std::string_view text) {
  std::vector<std::string> lines;
  for (;;) {
    const auto end = text.find('\n');
    lines.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  lines.resize(std::max<std::size_t>(lines.size(), 2));
  return {lines[0], lines[1], {lines.begin() + 2, lines.end()}};
}

}  // namespace

std::expected<trial_report, refusal> try_out(const std::string& path, const std::string& name,
                                             const std::string& settings, std::chrono::milliseconds limit) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0)
    return std::unexpected(
        refusal{std::string("It cannot be tried out: ") + std::strerror(errno) + ".", "Raise the limit of files."});
  const pid_t child = ::fork();
  if (child == 0) live(ends[1], path, name, settings);
  const int error = errno;
  ::close(ends[1]);
  if (child < 0) {
    ::close(ends[0]);
    return std::unexpected(
        refusal{std::string("It cannot be tried out in a process of its own: ") + std::strerror(error) + ".",
                "Let bunraku have one more process (TasksMax, RLIMIT_NPROC)."});
  }
  const auto said = hear(ends[0], clock::now() + limit);
  ::close(ends[0]);
  if (!said) ::kill(child, SIGKILL);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (said && said->starts_with(good)) return report_in(std::string_view(*said).substr(1));
  return std::unexpected(verdict(said, status, limit));
}

}  // namespace bunraku::plugin_host
