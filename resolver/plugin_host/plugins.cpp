#include "plugin_host/conversions.hpp"
#include "plugin_host/loaded.hpp"
#include "plugin_host/trial.hpp"

#include <bunraku/plugins.hpp>

#include <algorithm>

namespace bunraku {
namespace plugin_host {
namespace {

/// How long the next plugin may take to be made. When some have hung the others have less: a daemon that reloads
/// answers nobody meanwhile, its supervisor (systemd's WatchdogSec) neither.
class creation_time {
 public:
  std::chrono::milliseconds for_next() const {
    using namespace std::chrono;
    return std::clamp(ceil<milliseconds>(until_ - steady_clock::now()), milliseconds(500), milliseconds(5000));
  }

 private:
  std::chrono::steady_clock::time_point until_ = std::chrono::steady_clock::now() + std::chrono::seconds(10);
};

/// One plugin of the configuration: loaded, or why not.
struct entry {
  plugin_choice choice;
  std::shared_ptr<loaded> live;
  plugin_facts refused;
};

class plugin_set final : public plugins {
 public:
  explicit plugin_set(std::vector<entry> all) : all_(std::move(all)) {
    for (const auto& e : all_) {
      if (!e.live || !e.live->code().observer) continue;
      if (e.live->code().observer->interfere != nullptr) interferers_.push_back(e.live);
      if (e.live->code().observer->see != nullptr) watchers_.push_back(e.live);
    }
  }

  const std::vector<entry>& entries() const noexcept { return all_; }

  bool interferes() const noexcept override { return !interferers_.empty(); }
  bool watches() const noexcept override { return !watchers_.empty(); }

  void interfere(executor_type executor, moment when, handler<fault> reply) override {
    ask_from(interferers_, 0, std::move(executor), std::make_shared<const moment>(std::move(when)), std::move(reply));
  }

  void see(seen what) override {
    const auto shared = std::make_shared<const seen>(std::move(what));
    for (const auto& each : watchers_) each->tell([shared](plugin_state& in) { call_see(in, *shared); });
  }

  void masters(executor_type executor, const std::string& name, std::string service,
               handler<source_reply> reply) override {
    source_reply none;
    none.note = "plugin " + name + ' ' + why_silent(name, &tables::source);
    ask<source_reply>(find(name, &tables::source), std::move(executor), std::move(reply), std::move(none),
                      [s = std::move(service)](plugin_state& in) { return call_masters(in, s); });
  }
  void score(executor_type executor, const std::string& name, plan_question what, handler<plan_scores> reply) override {
    ask<plan_scores>(find(name, &tables::policy), std::move(executor), std::move(reply), {},
                     [q = std::move(what)](plugin_state& in) { return call_score(in, q); });
  }
  void question(executor_type executor, const std::string& name, std::string service,
                handler<probe_question> reply) override {
    ask<probe_question>(find(name, &tables::probe), std::move(executor), std::move(reply), {},
                        [s = std::move(service)](plugin_state& in) { return call_question(in, s); });
  }
  void judge(executor_type executor, const std::string& name, probe_answer what,
             handler<std::optional<double>> reply) override {
    ask<std::optional<double>>(find(name, &tables::probe), std::move(executor), std::move(reply), {},
                               [a = std::move(what)](plugin_state& in) { return call_judge(in, a); });
  }

  std::vector<plugin_facts> facts() const override {
    std::vector<plugin_facts> out;
    for (const auto& e : all_) out.push_back(e.live ? e.live->facts() : e.refused);
    return out;
  }
  void status(executor_type executor, const std::string& name, handler<std::string> reply) override {
    auto live = find(name);
    if (live && live->code().plugin.status == nullptr) live = nullptr;
    ask<std::string>(live, std::move(executor), std::move(reply), {}, [](plugin_state& in) { return call_status(in); });
  }
  void control(executor_type executor, const std::string& name, std::string json,
               handler<control_reply> reply) override {
    auto live = find(name);
    control_reply none{false, "It gave no answer in time."};
    if (!live) none.text = "There is no plugin `" + name + "` running.";
    else if (live->code().plugin.control == nullptr) {
      none.text = "Plugin `" + name + "` takes no orders.";
      live = nullptr;
    }
    ask<control_reply>(live, std::move(executor), std::move(reply), std::move(none),
                       [text = std::move(json)](plugin_state& in) { return call_control(in, text); });
  }
  void stop() noexcept override {
    for (const auto& e : all_)
      if (e.live) e.live->stop();
  }

 private:
  using loaded_ptr = std::shared_ptr<loaded>;

  loaded_ptr find(const std::string& name) const {
    const auto at = std::ranges::find(all_, name, [](const entry& e) { return e.choice.name; });
    return at == all_.end() ? nullptr : at->live;
  }
  template <class Kind>
  loaded_ptr find(const std::string& name, std::optional<Kind> tables::* kind) const {
    auto live = find(name);
    return live && live->code().*kind ? live : nullptr;
  }

  /// Why there is no answer of a plugin, should none come: without a full stop, as all notes.
  template <class Kind>
  std::string why_silent(const std::string& name, std::optional<Kind> tables::* kind) const {
    const auto at = std::ranges::find(all_, name, [](const entry& e) { return e.choice.name; });
    if (at == all_.end()) return "is not loaded";
    if (at->live) return at->live->code().*kind ? "gave no answer in time" : "is no source";
    const auto& why = at->refused.reason;
    return "is not used: " + why.substr(0, why.find_last_not_of('.') + 1);
  }

  template <class Reply, class Work>
  static void ask(const loaded_ptr& whom, executor_type executor, handler<Reply> reply, Reply fallback, Work work) {
    if (whom) whom->ask(std::move(executor), std::move(reply), std::move(fallback), std::move(work));
    else std::make_shared<call<Reply>>(std::move(executor), std::move(reply), std::move(fallback))->decline();
  }

  /// One after the other, until one has a fault.
  static void ask_from(const std::vector<loaded_ptr>& all, std::size_t index, executor_type executor,
                       std::shared_ptr<const moment> when, handler<fault> reply) {
    const auto whom = index < all.size() ? all[index] : nullptr;
    auto next = [all, index, executor, when, r = std::move(reply)](fault what) mutable {
      if (what || index + 1 >= all.size()) std::move(r)(std::move(what));
      else ask_from(all, index + 1, std::move(executor), std::move(when), std::move(r));
    };
    ask<fault>(whom, executor, std::move(next), {}, [when](plugin_state& in) { return call_interfere(in, *when); });
  }

  std::vector<entry> all_;
  std::vector<loaded_ptr> interferers_, watchers_;
};

struct examined {
  std::string path;
  trial_report report;
};
/// What can be found out without loading it into this process.
std::expected<examined, refusal> examine(const plugin_options& options, const plugin_choice& choice,
                                         const creation_time& time) {
  if (!is_plugin_name(choice.name))
    return std::unexpected(
        refusal{"`" + choice.name.substr(0, 64) + "` is no plugin's name.", "Use 1 to 32 of a-z, 0-9 and _."});
  const auto& file = choice.file.empty() ? choice.name : choice.file;
  auto path = find_file(options.directory, file);
  if (!path) return std::unexpected(path.error());
  auto report = try_out(*path, file, choice.settings, time.for_next());
  if (!report) return std::unexpected(report.error());
  return examined{std::move(*path), std::move(*report)};
}

plugin_facts refused_facts(const plugin_choice& choice, const refusal& why) {
  plugin_facts out;
  out.name = choice.name;
  out.file = choice.file.empty() ? choice.name : choice.file;
  out.reason = why.what + ' ' + why.fix;
  return out;
}

void tell(problems& found, severity level, const plugin_choice& choice, const refusal& why) {
  found.emplace_back(level, choice.where.empty() ? "plugin " + choice.name : choice.where,
                     "Plugin `" + choice.name + "` is not used: " + why.what, why.fix);
}

entry load_one(const plugin_options& options, const plugin_choice& choice, const creation_time& time, problems& found,
               bool ran) {
  const auto refuse = [&](const refusal& why) {
    tell(found, ran ? severity::error : severity::warning, choice, why);
    return entry{choice, nullptr, refused_facts(choice, why)};
  };
  const auto found_there = examine(options, choice, time);
  if (!found_there) return refuse(found_there.error());
  const auto opened = open_file(found_there->path, choice.file.empty() ? choice.name : choice.file);
  if (!opened) return refuse(opened.error());
  auto made = loaded::make(choice, *opened, options.log, time.for_next());
  if (!made) return refuse(made.error());
  return entry{choice, std::move(*made), {}};
}

}  // namespace
}  // namespace plugin_host

plugins_reading load_plugins(const plugin_options& options, const std::shared_ptr<plugins>& before) {
  using namespace plugin_host;
  const auto* const old = dynamic_cast<const plugin_set*>(before.get());
  plugins_reading out;
  std::vector<entry> all;
  const creation_time time;
  for (const auto& choice : options.load) {
    const entry* had = nullptr;
    if (old != nullptr)
      for (const auto& e : old->entries())
        if (e.choice.name == choice.name && e.live) had = &e;
    // Where it stands in the file is no difference.
    auto as_before = choice;
    if (had != nullptr) as_before.where = had->choice.where;
    if (had != nullptr && had->choice == as_before) {
      had->live->use_log(options.log);
      all.push_back({choice, had->live, {}});
    } else {
      all.push_back(load_one(options, choice, time, out.found, had != nullptr));
    }
  }
  out.value = std::make_shared<plugin_set>(std::move(all));
  return out;
}

std::vector<plugin_facts> check_plugins(const plugin_options& options, problems& found) {
  using namespace plugin_host;
  std::vector<plugin_facts> out;
  const creation_time time;
  for (const auto& choice : options.load) {
    const auto there = examine(options, choice, time);
    if (!there) {
      tell(found, severity::warning, choice, there.error());
      out.push_back(refused_facts(choice, there.error()));
      continue;
    }
    plugin_facts good;
    good.name = choice.name;
    good.file = choice.file.empty() ? choice.name : choice.file;
    good.now = plugin_facts::state::running;
    good.version = there->report.version;
    good.about = there->report.about;
    good.kinds = there->report.kinds;
    out.push_back(std::move(good));
  }
  return out;
}

}  // namespace bunraku
