#include "admin/control.hpp"
#include "cli/drill_hold.hpp"
#include "cli/only_one.hpp"
#include "cli/print_problems.hpp"
#include "cli/verbs.hpp"
#include "config/document.hpp"
#include "config/values.hpp"
#include "drill/plan_file.hpp"
#include "rehearsal/perform.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <thread>
#include <unistd.h>

namespace shim::cli {
namespace {

using clock = std::chrono::steady_clock;
using drill::played;

volatile std::sig_atomic_t stop_wanted = 0;

int refuse(const std::string& why) {
  std::cerr << "bunraku: " << why << '\n';
  return not_done;
}

std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  std::array<char, 32> out{};
  if (::gmtime_r(&now, &parts) == nullptr) return {};
  return {out.data(), std::strftime(out.data(), out.size(), "%Y-%m-%dT%H:%M:%SZ", &parts)};
}

std::vector<std::string> services_of(const daemon::setup& made) {
  std::vector<std::string> out;
  for (const auto& s : made.options->services)
    if (!s.sources.empty()) out.push_back(s.name);
  return out;
}

void list() {
  for (const auto& row : drill::scenarios())
    std::cout << (drill::is_about_dns(row.what) ? "" : "SERVICE-") << row.name << "\n    " << row.about << ": "
              << row.means << '\n';
  std::cout
      << "SERVICE is ca, catalog, files, report or a configured one; a service or a scenario alone stands for all "
         "of it.\n";
}

std::chrono::sys_seconds utc_seconds() {
  return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
}

/// What --agent and --file add to the scenarios that were chosen. The error is a sentence.
std::optional<std::string> add_options(const invocation& with, std::vector<drill::step>& to) {
  if (with.agent)
    for (auto& s : to) s.by = drill::traffic_of(s, drill::traffic::agent);
  if (with.file.empty()) return std::nullopt;
  if (auto why = drill::refuse_file(with.file)) return why;
  bool used = false;
  for (auto& s : to)
    if (drill::is_download(s)) {
      s.file = with.file;
      used = true;
    }
  if (used) return std::nullopt;
  return "--file is what the probes of files-reset download, and that is not among what would be played.";
}

/// The text, or nothing after saying why. No more of it than shows that it is too long: it may be anything.
std::optional<std::string> read_plan(const std::string& path) {
  std::ifstream in;
  in.exceptions(std::ios::badbit);  // a directory can be opened
  std::string text(config::largest_document + 1, '\0');
  try {
    errno = 0;
    in.open(path, std::ios::binary);
    if (in.is_open()) {
      in.read(text.data(), static_cast<std::streamsize>(text.size()));
      text.resize(static_cast<std::size_t>(in.gcount()));
      return text;
    }
  } catch (const std::ios::failure&) {
  }
  refuse("cannot read " + path + ": " + std::strerror(errno) + ".");
  return std::nullopt;
}

/// The steps, or nothing after saying why.
std::optional<std::vector<drill::step>> steps_of(const invocation& with, const daemon::setup& made) {
  const auto services = services_of(made);
  std::vector<drill::step> steps;
  if (with.plan.empty()) {
    auto why = drill::choose(with.scenarios, services, steps);
    if (!why) why = add_options(with, steps);
    if (!why) return steps;
    refuse(*why);
    return std::nullopt;
  }
  if (!with.scenarios.empty()) {
    refuse("--plan says what is played: name no scenarios beside it.");
    return std::nullopt;
  }
  const auto text = read_plan(with.plan);
  if (!text) return std::nullopt;
  auto reading = drill::parse_plan(*text, with.plan, services, utc_seconds());
  print(std::cerr, reading.found);
  if (bunraku::has_error(reading.found)) return std::nullopt;
  return std::move(reading.steps);
}

void say_what_would_be_done(const std::vector<drill::step>& steps, const daemon::setup& made) {
  std::cout << "In a daemon of its own on this host, beside the one that runs; no fault leaves it.\n";
  for (const auto& s : steps)
    std::cout << drill::name_of(s) << ": " << (s.start ? "not before " + drill::to_string(*s.start) + ", " : "")
              << drill::row_of(s.what).about << ", for " << config::to_string(s.lasts) << "; meanwhile "
              << rehearsal::describe_traffic(s, *made.site)
              << (s.expect.served ? ", which must be served" : ", which may fail") << " within "
              << config::to_string(s.expect.within)
              << (s.by == drill::traffic::agent ? " of each answer's usual time\n" : "\n");
}

bool is_same(const std::string& one, const std::string& other) {
  std::error_code missing;
  return !one.empty() && (one == other || std::filesystem::equivalent(one, other, missing));
}

bool open_report(const std::string& path, std::ofstream& into) {
  if (path.empty()) return true;
  into.open(path, std::ios::trunc);
  if (into) return true;
  refuse("cannot write " + path + ": " + std::strerror(errno) + ".");
  return false;
}

/// What a drill stands on. It is made anew after each wait: much may have happened meanwhile.
struct stage {
  daemon::setup made;
  daemon::leg_identities who;
  std::optional<rehearsal::puppet_agent> agent;
};

bool was_stopped() { return stop_wanted != 0; }

/// The configuration, if it lets this happen. Nothing after saying why not.
std::optional<daemon::setup> permitted_setup(const invocation& with) {
  auto made = daemon::load_setup(with);
  print(std::cerr, made.found);
  if (!made.options || bunraku::has_error(made.found)) return std::nullopt;
  if (made.configuration->drills_allowed) return made;
  refuse("[drill] allow is false in " + made.configuration->file + ": no drills on this host.");
  return std::nullopt;
}

bool has_agent(const std::vector<drill::step>& steps) {
  return std::ranges::any_of(steps, [](const drill::step& s) { return s.by == drill::traffic::agent; });
}

/// Nothing after saying why not.
std::optional<rehearsal::puppet_agent> find_agent(const daemon::setup& made) {
  auto agent = rehearsal::puppet_agent::find(*made.site, was_stopped);
  if (agent) return std::move(*agent);
  refuse(was_stopped() ? "interrupted before anything was played." : agent.error());
  return std::nullopt;
}

/// Nothing after saying why not.
std::optional<stage> set_up(daemon::setup made, const std::vector<drill::step>& steps) {
  auto who = daemon::load_identities(*made.configuration, *made.site);
  if (!who.upstream || !who.local) {
    print(std::cerr, who.found);
    refuse("a drill speaks with masters as this node, which has no usable certificate.");
    return std::nullopt;
  }
  stage out{std::move(made), std::move(who), std::nullopt};
  if (has_agent(steps)) {
    out.agent = find_agent(out.made);
    if (!out.agent) return std::nullopt;
  }
  return out;
}

/// False: it was interrupted.
bool wait_until(std::chrono::sys_seconds start, const std::string& name, std::ostream& progress) {
  progress << name << " begins at " << drill::to_string(start) << "; waiting (Ctrl-C ends it)\n" << std::flush;
  while (!was_stopped() && std::chrono::system_clock::now() < start)
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
  return !was_stopped();
}

/// The reports' files, opened before anything is played: nothing is worse than a drill without its result.
struct report_files {
  std::ofstream html, junit;

  bool open(const invocation& with) {
    if (is_same(with.html, with.junit)) return refuse("--html and --junit name the same file.") == good;
    if (is_same(with.html, with.plan) || is_same(with.junit, with.plan))
      return refuse("a report would overwrite " + with.plan + ", the plan: name another file.") == good;
    return open_report(with.html, html) && open_report(with.junit, junit);
  }
  /// False: not whole.
  bool write(const drill::heading& of, const std::vector<played>& all) {
    if (html.is_open()) html << drill::to_html(of, all) << std::flush;
    if (junit.is_open()) junit << drill::to_junit(of, all) << std::flush;
    return (!html.is_open() || html) && (!junit.is_open() || junit);
  }
};

/// A step that never had its turn. What is reported must not look as if it had been none of the drill.
played left_out(const drill::step& of) {
  played one{of, {}, {}};
  one.seen.trouble = was_stopped() ? "the drill was interrupted before its turn." : "the drill ended before its turn.";
  one.found = drill::judge(one.of, one.seen);
  return one;
}

/// Waits for the step's time, if it has one, and makes what it stands on anew. False: it cannot begin.
bool await_turn(const invocation& with, const std::vector<drill::step>& steps, const drill::step& next,
                std::ostream& progress, stage& on) {
  if (was_stopped()) return false;
  if (!next.start || *next.start <= utc_seconds()) return true;
  if (!wait_until(*next.start, drill::name_of(next), progress)) return false;
  auto made = permitted_setup(with);
  auto anew = made ? set_up(std::move(*made), steps) : std::nullopt;
  if (!anew) return false;
  on = std::move(*anew);
  return true;
}

/// One after the other, until one cannot begin.
std::vector<played> play_all(const invocation& with, stage on, const std::vector<drill::step>& steps) {
  auto& progress = with.json ? std::cerr : std::cout;
  const bool on_terminal = ::isatty(with.json ? STDERR_FILENO : STDOUT_FILENO) != 0;
  std::vector<played> all;
  for (const auto& s : steps) {
    if (!await_turn(with, steps, s, progress, on)) break;
    if (on_terminal)
      progress << "playing " << drill::name_of(s) << " (" << all.size() + 1 << " of " << steps.size() << ")"
               << std::flush;
    played one{s, rehearsal::perform(s, on.made, on.who, on.agent ? &*on.agent : nullptr, was_stopped), {}};
    one.found = drill::judge(one.of, one.seen);
    progress << (on_terminal ? "\r\033[K" : "") << drill::to_line(one) << std::flush;
    all.push_back(std::move(one));
  }
  while (all.size() != steps.size()) all.push_back(left_out(steps[all.size()]));
  return all;
}

std::string socket_for(const invocation& with, const daemon::setup& made) {
  return with.socket.empty() ? admin::socket_path(made.configuration->admin.socket) : with.socket;
}

int play(const invocation& with, stage on, const std::vector<drill::step>& steps) {
  const auto socket = socket_for(with, on.made);
  if (const auto name = held_now(socket); !name.empty())
    return refuse("another drill is on in the running daemon: " + name + ". `bunraku drill --end` ends it.");
  report_files reports;
  if (!reports.open(with)) return not_done;

  drill::heading of{.certname = on.made.site->certname, .version = BUNRAKU_VERSION, .began = utc_now()};
  const auto began = clock::now();
  const auto all = play_all(with, std::move(on), steps);
  of.took = std::chrono::duration_cast<drill::milliseconds>(clock::now() - began);
  if (with.json) std::cout << drill::to_json(of, all);
  else std::cout << drill::to_table(all);
  if (!reports.write(of, all)) return refuse("the report could not be written whole.");
  if (was_stopped()) return refuse("interrupted; every fault ended with it.");
  return drill::exit_status(all);
}

/// Under nohup the end of the terminal is none of the drill. And whoever wants a report gets it, also when nobody reads
/// the lines on the way any more (`| head -1`).
void heed_signals(const invocation& with) {
  struct sigaction action{}, before{};
  action.sa_handler = [](int) { stop_wanted = 1; };
  for (const int number : {SIGINT, SIGTERM}) ::sigaction(number, &action, nullptr);
  if (::sigaction(SIGHUP, nullptr, &before) == 0 && before.sa_handler != SIG_IGN) ::sigaction(SIGHUP, &action, nullptr);
  if (with.json || !with.html.empty() || !with.junit.empty()) std::signal(SIGPIPE, SIG_IGN);
}
}  // namespace

int drill(const invocation& with) {
  if (with.list) {
    list();
    return good;
  }
  if (with.end)
    return with.scenarios.empty() ? end_held(with)
                                  : refuse("--end ends what is held, whatever it is: name no scenario.");
  auto made = permitted_setup(with);
  if (!made) return not_done;
  const auto socket = socket_for(with, *made);
  const auto steps = steps_of(with, *made);
  if (!steps) return not_done;
  if (with.dry_run) {
    if (!with.lasts.empty()) return hold(with, socket, *steps);
    if (has_agent(*steps) && !find_agent(*made)) return not_done;
    say_what_would_be_done(*steps, *made);
    return good;
  }
  const only_one lock;
  if (!lock.is_ours()) return refuse(lock.why_not());
  if (!with.lasts.empty()) return hold(with, socket, *steps);
  heed_signals(with);
  auto on = set_up(std::move(*made), *steps);
  return on ? play(with, std::move(*on), *steps) : not_done;
}

}  // namespace shim::cli
