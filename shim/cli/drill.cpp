#include "admin/control.hpp"
#include "cli/control_client.hpp"
#include "cli/json_view.hpp"
#include "cli/print_problems.hpp"
#include "cli/verbs.hpp"
#include "config/values.hpp"
#include "drill/plan_file.hpp"
#include "rehearsal/perform.hpp"

#include <boost/json.hpp>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>
#include <fstream>
#include <iostream>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace shim::cli {
namespace {

namespace json = boost::json;
using clock = std::chrono::steady_clock;
using drill::played;

volatile std::sig_atomic_t stop_wanted = 0;

/// One drill at a time on a host: a name in the kernel that goes with the process, however that ends.
class only_one {
 public:
  only_one() : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const std::string name = "bunraku-drill-" + std::to_string(::geteuid());
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    std::memcpy(at.sun_path + 1, name.data(), name.size());
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
    ours_ = fd_ >= 0 && ::bind(fd_, reinterpret_cast<const sockaddr*>(&at), size) == 0;
  }
  ~only_one() {
    if (fd_ >= 0) ::close(fd_);
  }
  only_one(const only_one&) = delete;
  only_one& operator=(const only_one&) = delete;
  bool is_ours() const noexcept { return ours_; }

 private:
  int fd_;
  bool ours_ = false;
};

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

/// The steps, or nothing after saying why.
std::optional<std::vector<drill::step>> steps_of(const invocation& with, const daemon::setup& made) {
  const auto services = services_of(made);
  std::vector<drill::step> steps;
  if (with.plan.empty()) {
    if (const auto why = drill::choose(with.scenarios, services, steps)) {
      refuse(*why);
      return std::nullopt;
    }
    return steps;
  }
  if (!with.scenarios.empty()) {
    refuse("--plan says what is played: name no scenarios beside it.");
    return std::nullopt;
  }
  std::ifstream in(with.plan, std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(in)), {});
  if (!in && text.empty()) {
    refuse("cannot read " + with.plan + ": " + std::strerror(errno) + ".");
    return std::nullopt;
  }
  auto reading = drill::parse_plan(text, with.plan, services);
  print(std::cerr, reading.found);
  if (bunraku::has_error(reading.found)) return std::nullopt;
  return std::move(reading.steps);
}

void say_what_would_be_done(const std::vector<drill::step>& steps, const daemon::setup& made) {
  std::cout << "In a daemon of its own on this host, beside the one that runs; no fault leaves it.\n";
  for (const auto& s : steps)
    std::cout << drill::name_of(s) << ": " << drill::row_of(s.what).about << ", for " << config::to_string(s.lasts)
              << "; meanwhile GET " << rehearsal::target_for(s.service, made.site->certname, made.site->environment)
              << (s.expect.served ? ", which must be served" : ", which may fail") << " within "
              << config::to_string(s.expect.within) << '\n';
}

/// The report's file, opened before anything is played: nothing is worse than a drill without its result.
bool open_report(const std::string& path, std::ofstream& into) {
  if (path.empty()) return true;
  into.open(path, std::ios::trunc);
  if (into) return true;
  refuse("cannot write " + path + ": " + std::strerror(errno) + ".");
  return false;
}

int play(const invocation& with, const daemon::setup& made, const daemon::leg_identities& who,
         const std::vector<drill::step>& steps) {
  std::ofstream html, junit;
  if (!open_report(with.html, html) || !open_report(with.junit, junit)) return not_done;
  const only_one lock;
  if (!lock.is_ours()) return refuse("another drill is under way on this host: wait for its end.");
  struct sigaction action{};
  action.sa_handler = [](int) { stop_wanted = 1; };
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) ::sigaction(number, &action, nullptr);

  drill::heading of{.certname = made.site->certname, .version = BUNRAKU_VERSION, .began = utc_now()};
  const auto began = clock::now();
  std::vector<played> all;
  auto& progress = with.json ? std::cerr : std::cout;
  for (const auto& s : steps) {
    if (stop_wanted != 0) break;
    played one{s, rehearsal::perform(s, made, who, [] { return stop_wanted != 0; }), {}};
    one.found = drill::judge(one.of, one.seen);
    progress << drill::to_line(one) << std::flush;
    all.push_back(std::move(one));
  }
  of.took = std::chrono::duration_cast<drill::milliseconds>(clock::now() - began);
  if (with.json) std::cout << drill::to_json(of, all);
  else std::cout << drill::to_table(all);
  if (html.is_open()) html << drill::to_html(of, all) << std::flush;
  if (junit.is_open()) junit << drill::to_junit(of, all) << std::flush;
  if ((html.is_open() && !html) || (junit.is_open() && !junit)) return refuse("the report could not be written whole.");
  if (stop_wanted != 0) return refuse("interrupted; every fault ended with it.");
  return drill::exit_status(all);
}

// ---- faults that are held in the running daemon

std::string socket_for(const invocation& with, const daemon::setup& made) {
  return with.socket.empty() ? admin::socket_path(made.configuration->admin.socket) : with.socket;
}

std::expected<json::object, std::string> order(const std::string& socket, const std::string& body) {
  auto said = ask_daemon(socket, "POST", "/v1/plugin/fault", body);
  if (!said) return std::unexpected(said.error());
  if (said->status == 200) return std::move(said->body);
  const json_view answer(said->body);
  const auto message = answer.object("error").text("message");
  return std::unexpected((message.empty() ? "the daemon refused." : message) +
                         " A fault is held by the fault plugin: add [plugin.fault] to bunraku.toml, and reload.");
}

std::vector<std::string> held(const json::object& answer) {
  std::vector<std::string> out;
  json_view(answer).object("answer").for_each("faults", [&](const json_view& f) {
    if (f.text("name").starts_with("drill-")) out.push_back(f.text("name"));
  });
  return out;
}

int end_held(const std::string& socket) {
  const auto on = order(socket, R"({"list": true})");
  if (!on) return refuse(on.error());
  const auto names = held(*on);
  for (const auto& name : names)
    if (const auto done = order(socket, json::serialize(json::object{{"remove", name}})); !done)
      return refuse(done.error());
  std::cout << (names.empty() ? "no drill is on\n" : "");
  for (const auto& name : names) std::cout << "ended " << name << '\n';
  return good;
}

int hold(const invocation& with, const std::string& socket, const std::vector<drill::step>& steps) {
  const auto lasts = config::parse_duration(with.lasts);
  if (!lasts || *lasts < std::chrono::seconds(1) || *lasts > std::chrono::hours(24))
    return refuse("--for takes a number and a unit, from 1s to 24h: \"10m\".");
  if (steps.size() != 1)
    return refuse("--for holds one scenario: name it, as `bunraku drill catalog-refused --for 10m`.");
  const auto on = order(socket, R"({"list": true})");
  if (!on) return refuse(on.error());
  if (const auto names = held(*on); !names.empty())
    return refuse("another drill is on: " + names.front() + ". `bunraku drill --end` ends it.");
  const auto said = ask_daemon(socket, "GET", "/v1/explain/" + steps[0].service);
  if (!said) return refuse(said.error());
  std::string first;
  std::size_t count = 0;
  json_view(said->body).for_each("services", [&](const json_view& s) {
    s.for_each("candidates", [&](const json_view& c) {
      if (count++ == 0) first = c.text("master");
    });
  });
  if (first.empty()) return refuse("nobody serves " + steps[0].service + ": see `bunraku resolve`.");
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(*lasts);
  const auto rule = rehearsal::rule_for(steps[0], first, seconds);
  if (with.dry_run) {
    std::cout << "In the running daemon, met by every run of this host: " << rule << '\n';
    return good;
  }
  if (const auto done = order(socket, R"({"add": )" + rule + "}"); !done) return refuse(done.error());
  std::cout << drill::name_of(steps[0]) << " is held for " << config::to_string(*lasts) << " (first master " << first
            << "); it ends by itself, restarts or not, and by `bunraku drill --end`\n";
  if (count == 1) std::cout << first << " is the only master of " << steps[0].service << ": runs will fail meanwhile\n";
  return good;
}

}  // namespace

int drill(const invocation& with) {
  if (with.list) {
    list();
    return good;
  }
  const auto made = daemon::load_setup(with);
  print(std::cerr, made.found);
  if (!made.options || bunraku::has_error(made.found)) return not_done;
  if (!made.configuration->drills_allowed)
    return refuse("[drill] allow is false in " + made.configuration->file + ": no drills on this host.");
  if (with.end) return end_held(socket_for(with, made));
  const auto steps = steps_of(with, made);
  if (!steps) return not_done;
  if (!with.lasts.empty()) return hold(with, socket_for(with, made), *steps);
  if (with.dry_run) {
    say_what_would_be_done(*steps, made);
    return good;
  }
  const auto who = daemon::load_identities(*made.configuration, *made.site);
  if (!who.upstream || !who.local) {
    print(std::cerr, who.found);
    return refuse("a drill speaks with masters as this node, which has no usable certificate.");
  }
  return play(with, made, who, *steps);
}

}  // namespace shim::cli
