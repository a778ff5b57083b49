#include "cli/watch.hpp"

#include "cli/json_view.hpp"
#include "cli/print_status.hpp"
#include "cli/text_table.hpp"

#include <array>
#include <chrono>
#include <csignal>
#include <fmt/format.h>
#include <iostream>
#include <optional>
#include <poll.h>
#include <sstream>
#include <sys/ioctl.h>
#include <unistd.h>

namespace shim::cli {
namespace {

constexpr std::chrono::milliseconds between_looks{2000};
constexpr std::size_t most_runs = 4, most_exchanges = 12;

volatile std::sig_atomic_t stop_wanted = 0;

/// The terminal's other screen, for as long as this lives; what was there before is there again afterwards.
class own_screen {
 public:
  own_screen() : there_(::isatty(STDOUT_FILENO) == 1) {
    struct sigaction action{};
    action.sa_handler = [](int) { stop_wanted = 1; };
    for (const int number : {SIGINT, SIGTERM, SIGHUP}) ::sigaction(number, &action, nullptr);
    if (there_) std::cout << "\x1b[?1049h\x1b[?25l" << std::flush;
  }
  ~own_screen() {
    if (there_) std::cout << "\x1b[?25h\x1b[?1049l" << std::flush;
  }
  own_screen(const own_screen&) = delete;
  own_screen& operator=(const own_screen&) = delete;
  bool there() const noexcept { return there_; }

 private:
  bool there_;
};

void print_runs(std::ostream& to, const json_view& d) {
  text_table table({"run", "took", "requests", "failovers", "unserved", "who served what"});
  std::size_t count = 0;
  d.for_each("runs", [&](const json_view& r) {
    if (++count > most_runs) return;
    std::string used;
    r.for_each("used", [&](const json_view& u) {
      used += (used.empty() ? "" : ", ") + u.text("service") + " " + u.text("master") +
              fmt::format(" x{}", u.count("answers"));
    });
    table.add({in_words(r.number("began_seconds")) + " ago", in_words(r.number("seconds")),
               std::to_string(r.count("requests")), std::to_string(r.count("failovers")),
               std::to_string(r.count("unserved")), used});
  });
  if (count != 0) table.print(to << '\n', 0);
}

void print_exchanges(std::ostream& to, const json_view& d) {
  text_table table({"ago", "service", "what", "status", "took", "answered by"});
  std::size_t count = 0;
  d.for_each("exchanges", [&](const json_view& e) {
    if (++count > most_exchanges) return;
    const auto master = e.text("master");
    table.add({in_words(e.number("ended_seconds")), e.text("service"), e.text("method") + " " + e.text("endpoint"),
               std::to_string(e.count("status")), fmt::format("{:.3f} s", e.number("seconds")),
               (master.empty() ? "nobody" : master) + (e.text("why").empty() ? "" : "  (" + e.text("why") + ")")});
  });
  if (count != 0) table.print(to << '\n', 0);
}

/// As much of the text as the terminal has room for, drawn over what was there in one write: nothing flickers.
std::string drawn(const std::string& text) {
  winsize room{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &room) != 0 || room.ws_row == 0 || room.ws_col == 0) room = {24, 80, 0, 0};
  std::string out = "\x1b[H";
  std::istringstream lines(text);
  int row = 0;
  for (std::string line; row + 1 < room.ws_row && std::getline(lines, line); ++row)
    out += line.substr(0, room.ws_col) + "\x1b[K\n";
  return out + "\x1b[J";
}

}  // namespace

int watch(const std::function<std::expected<boost::json::object, std::string>()>& look) {
  std::optional<own_screen> screen(std::in_place);
  std::optional<boost::json::object> last;
  for (;;) {
    auto got = look();
    std::ostringstream text;
    if (got) {
      last = std::move(*got);
    } else if (last) {  // it is being restarted, perhaps
      text << "NO ANSWER: " << got.error() << "\nWhat is below is old.\n\n";
    } else {
      screen.reset();
      std::cerr << "bunraku: " << got.error() << '\n';
      return not_done;
    }
    print_status(text, *last);
    print_runs(text, json_view(*last));
    print_exchanges(text, json_view(*last));
    std::cout << (screen->there() ? drawn(text.str()) : text.str() + '\n') << std::flush;
    if (!std::cout) return not_done;
    if (stop_wanted == 0) ::poll(nullptr, 0, static_cast<int>(between_looks.count()));  // a signal ends it
    if (stop_wanted == 0) continue;
    if (!got) return not_done;
    return somebody_is_missing(*last) ? bad_news : good;
  }
}

}  // namespace shim::cli
