#include "drill/plan_file.hpp"

#include "config/document.hpp"
#include "config/keys.hpp"
#include "config/values.hpp"

#include <algorithm>
#include <array>

namespace shim::drill {
namespace {

using bunraku::severity;
using config::node;

constexpr std::array<std::string_view, 5> keys{"scenario", "lasts", "served", "within", "another"};
constexpr milliseconds shortest{500}, longest{60000}, most_patience{600000};
constexpr std::size_t most_steps = 200;

class reader {
 public:
  reader(const std::string& file, const std::vector<std::string>& services) : file_(file), services_(services) {}

  plan_reading read(const node& root) && {
    for (const auto& member : root.members)
      if (member.name != "step")
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
    for (const auto& each : all->items)
      if (each.type == node::kind::table) read_step(each);
    return std::move(out_);
  }

 private:
  void read_step(const node& from) {
    for (const auto& member : from.members) {
      if (std::ranges::find(keys, member.name) != keys.end()) continue;
      const auto meant = config::nearest(member.name, keys);
      error(member, "A step has no key `" + member.name + "`.",
            meant.empty() ? "There are scenario, lasts, served, within and another."
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
    for (auto& one : found) {
      one.where = file_ + ":" + std::to_string(from.line);
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
      }
      if (one.what == fault::all_gone && one.expect.served)
        error(from, "Every master is gone in it, so nobody can serve.", "Say served = false.");
      if (!one.expect.served) one.expect.another.reset();
      out_.steps.push_back(std::move(one));
    }
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
  plan_reading out_;
};

}  // namespace

plan_reading parse_plan(std::string_view text, const std::string& file, const std::vector<std::string>& services) {
  const auto root = config::parse_document(text);
  if (root) return reader(file, services).read(*root);
  plan_reading out;
  out.found.emplace_back(severity::error, file + ":" + std::to_string(root.error().line),
                         "This is not TOML: " + root.error().what + ".", "Mend this line.");
  return out;
}

}  // namespace shim::drill
