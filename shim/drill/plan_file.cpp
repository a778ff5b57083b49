#include "drill/plan_file.hpp"

#include "config/document.hpp"
#include "config/keys.hpp"
#include "config/values.hpp"

#include <algorithm>
#include <array>
#include <fmt/core.h>
#include <utility>

namespace shim::drill {
namespace {

using bunraku::severity;
using config::node;

using std::chrono::sys_seconds;

constexpr std::array<std::string_view, 8> keys{"scenario", "lasts",   "served", "within",
                                               "another",  "traffic", "file",   "start"};
constexpr std::chrono::hours farthest{7 * 24};
constexpr milliseconds shortest{500}, longest{60000}, most_patience{600000};
constexpr std::size_t most_steps = 200;

class reader {
 public:
  reader(const std::string& file, const std::vector<std::string>& services, sys_seconds now)
      : file_(file), services_(services), now_(now) {}

  plan_reading read(const node& root) && {
    for (const auto& member : root.members)
      if (member.name != "step" && member.name != "start")
        error(member, "There is no `" + member.name + "` in a drill's plan.", "Write [[step]] above each step.");
    const auto* all = root.find("step");
    if (all == nullptr || all->type != node::kind::array || all->items.empty()) {
      if (out_.found.empty())
        out_.found.emplace_back(severity::error, file_, "There is no [[step]] in it.",
                                "Begin with [[step]] and scenario = \"catalog-refused\".");
      return std::move(out_);
    }
    if (all->items.size() > most_steps)
      error(*all, "There are " + std::to_string(all->items.size()) + " steps.", "Have at most 200.");
    const auto begin = read_start(root);
    for (const auto& each : all->items)
      if (each.type == node::kind::table) read_step(each, out_.steps.empty() ? begin : std::nullopt);
      else
        error(each, "This step is no table.", "Write [[step]], and scenario = \"catalog-refused\" in a line below it.");
    return std::move(out_);
  }

 private:
  void read_step(const node& from, std::optional<sys_seconds> begin) {
    for (const auto& member : from.members) {
      if (std::ranges::find(keys, member.name) != keys.end()) continue;
      const auto meant = config::nearest(member.name, keys);
      error(member, "A step has no key `" + member.name + "`.",
            meant.empty() ? "There are scenario, lasts, served, within, another, traffic, file and start."
                          : "Did you mean `" + std::string(meant) + "`?");
    }
    const auto* named = from.find("scenario");
    if (named == nullptr || named->type != node::kind::text) {
      error(from, "This step names no scenario.", "Add scenario = \"catalog-refused\".");
      return;
    }
    std::vector<step> found;
    if (const auto why = choose({named->text}, services_, found)) {
      error(*named, *why, "");
      return;
    }
    if (const auto own = read_start(from)) begin = own;
    for (auto& one : found) {
      one.where = file_ + ":" + std::to_string(from.line);
      read_expectation(from, one);
      read_traffic(from, one);
      one.start = std::exchange(begin, std::nullopt);
      clock_ = one.start.value_or(clock_) + std::chrono::floor<std::chrono::seconds>(one.lasts);
      out_.steps.push_back(std::move(one));
    }
  }

  void read_expectation(const node& from, step& one) {
    read_time(from, "lasts", shortest, longest, one.lasts);
    read_time(from, "within", milliseconds(1), most_patience, one.expect.within);
    read_truth(from, "served", one.expect.served);
    if (const auto* another = from.find("another")) {
      bool wanted = false;
      read_truth(from, "another", wanted);
      one.expect.another = wanted;
      if (wanted && !one.expect.served)
        error(*another, "Another master should answer, and requests need not be served: that contradicts itself.",
              "Remove `another`, or say served = true.");
      if (wanted && (one.what == fault::all_gone || is_about_dns(one.what)))
        error(*another, "In " + name_of(one) + " no master is the one that fails, so none can be another one.",
              "Remove `another`.");
    }
    if (one.what == fault::all_gone && one.expect.served)
      error(from, "Every master is gone in it, so nobody can serve.", "Say served = false.");
    if (!one.expect.served) one.expect.another.reset();
  }

  void read_traffic(const node& from, step& one) {
    if (const auto* by = from.find("traffic")) {
      if (by->type == node::kind::text && by->text == "agent") one.by = traffic_of(one, traffic::agent);
      else if (by->type != node::kind::text || by->text != "probes")
        error(*by, "`traffic` is neither \"probes\" nor \"agent\".", "\"agent\" is `puppet agent --test --noop`.");
    }
    const auto* file = from.find("file");
    if (file == nullptr) return;
    if (const auto why = file->type == node::kind::text ? refuse_file(file->text) : "`file` is no text.")
      error(*file, *why, "Write file = \"modules/MODULE/PATH\", as in puppet:///modules/MODULE/PATH.");
    else if (!is_download(one))
      error(*file, "`file` is for files-reset alone; " + name_of(one) + " downloads none.", "Remove it.");
    else one.file = file->text;
  }

  /// When it begins, if it says so. One begins after the other, so each is later than what comes before it.
  std::optional<sys_seconds> read_start(const node& from) {
    const auto* given = from.find("start");
    if (given == nullptr) return std::nullopt;
    const std::string now = "now it is " + to_string(now_);
    if (!given->moment)
      error(*given, "`start` is no date and time with an offset from UTC.",
            "Write it without quotes: 2026-12-01T02:00:00Z, or 2026-12-01T02:00:00+01:00.");
    else if (*given->moment <= now_)
      error(*given, "`start` is in the past: " + to_string(*given->moment) + ", and " + now + ".",
            "Give a later time, or remove it: then it begins at once.");
    else if (*given->moment > now_ + farthest)
      error(*given, "`start` is more than 7 days ahead: " + now + ".",
            "Give an earlier time, or have a systemd timer start the drill.");
    else if (*given->moment < clock_)
      error(*given, "`start` is before the end of what comes before it, " + to_string(clock_) + ".",
            "Give a later time, or change the order of the steps.");
    else return given->moment;
    return std::nullopt;
  }

  void read_time(const node& from, const char* key, milliseconds least, milliseconds most, milliseconds& into) {
    const auto* given = from.find(key);
    if (given == nullptr) return;
    const auto parsed = given->type == node::kind::text ? config::parse_duration(given->text) : std::nullopt;
    if (!parsed)
      error(*given, std::string("`") + key + "` is no duration.",
            "Give a number and a unit in quotes: \"2s\", \"500ms\".");
    else if (*parsed < least || *parsed > most)
      error(*given,
            std::string("`") + key + "` is not within " + config::to_string(least) + " and " + config::to_string(most) +
                ".",
            "Choose a time between them.");
    else into = *parsed;
  }

  void read_truth(const node& from, const char* key, bool& into) {
    const auto* given = from.find(key);
    if (given == nullptr) return;
    if (given->type == node::kind::boolean) into = given->truth;
    else error(*given, std::string("`") + key + "` is neither true nor false.", "Write true or false, without quotes.");
  }

  /// A step that stands for several scenarios has its mistakes once.
  void error(const node& at, std::string what, std::string fix) {
    const auto where = file_ + ":" + std::to_string(at.line);
    for (const auto& p : out_.found)
      if (p.where() == where && p.what() == what) return;
    out_.found.emplace_back(severity::error, where, std::move(what), std::move(fix));
  }

  const std::string& file_;
  const std::vector<std::string>& services_;
  const sys_seconds now_;
  sys_seconds clock_ = now_;  // when the next step can begin at the earliest
  plan_reading out_;
};

}  // namespace

std::string to_string(sys_seconds moment) {
  const auto day = std::chrono::floor<std::chrono::days>(moment);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss time(moment - day);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), time.hours().count(),
                     time.minutes().count(), time.seconds().count());
}

std::optional<std::string> refuse_file(std::string_view named) {
  constexpr std::size_t longest_path = 1024;
  const auto quoted = [&] { return "`" + std::string(named.substr(0, 100)) + "` is no file that masters serve"; };
  if (named.starts_with("puppet:")) return quoted() + " here: without puppet:/// it is.";
  const bool in_mount = named.starts_with("modules/") || named.starts_with("plugins/");
  if (!in_mount || named.ends_with('/') || named.size() > longest_path || named.contains("..") ||
      std::ranges::any_of(named, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }))
    return quoted() + ": it is modules/MODULE/PATH, or plugins/PATH.";
  return std::nullopt;
}

plan_reading parse_plan(std::string_view text, const std::string& file, const std::vector<std::string>& services,
                        sys_seconds now) {
  const auto root = config::parse_document(text);
  if (root) return reader(file, services, now).read(*root);
  plan_reading out;
  out.found.emplace_back(severity::error, file + ":" + std::to_string(root.error().line),
                         "This is not TOML: " + root.error().what + ".", "Mend this line.");
  return out;
}

}  // namespace shim::drill
