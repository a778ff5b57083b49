#include "plugin_host/loaded.hpp"

#include <bunraku/shown_text.hpp>

#include <algorithm>
#include <condition_variable>
#include <system_error>

namespace bunraku::plugin_host {
namespace {

constexpr std::size_t most_lines = 64, longest_line = 1000;

std::string clean(bunraku_text from, std::size_t most) {
  if (from.data == nullptr) return {};
  auto out = shown_text({from.data, from.size}, most);
  std::ranges::replace(out, '"', '\'');  // it stands between them in the log
  return out;
}

log_level level_of(std::int32_t level) noexcept {
  switch (level) {
    case BUNRAKU_LOG_ERROR: return log_level::error;
    case BUNRAKU_LOG_WARNING: return log_level::warning;
    case BUNRAKU_LOG_INFO: return log_level::info;
    default: return log_level::debug;
  }
}

void take_line(void* context, std::int32_t level, bunraku_text line) {
  auto& state = *static_cast<plugin_state*>(context);
  auto text = clean(line, longest_line);
  const std::lock_guard lock(state.mutex);
  if (state.lines.size() >= most_lines) ++state.lines_lost;
  else state.lines.emplace_back(level_of(level), std::move(text));
}

void take_reason(void* context, bunraku_text why) {
  auto& state = *static_cast<plugin_state*>(context);
  auto text = clean(why, longest_line);
  const std::lock_guard lock(state.mutex);
  state.explained = std::move(text);
}

std::string milliseconds_in(std::chrono::steady_clock::duration took) {
  return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(took).count()) + " ms";
}

}  // namespace

plugin_state::plugin_state(tables from) : code(from) {
  host = {.size = sizeof host,
          .abi = BUNRAKU_PLUGIN_ABI,
          .trial = 0,
          .context = this,
          .log = take_line,
          .explain = take_reason};
}

std::string plugin_state::take_explanation() {
  const std::lock_guard lock(mutex);
  return std::exchange(explained, {});
}

void plugin_state::explain_as(std::string why) {
  const std::lock_guard lock(mutex);
  explained = std::move(why);
}

void plugin_state::note(const char* what, std::int32_t result, std::chrono::steady_clock::duration took) {
  const std::lock_guard lock(mutex);
  ++calls;
  longest = std::max(longest, std::chrono::duration_cast<std::chrono::microseconds>(took));
  if (result >= 0) return;
  ++failed;
  auto why = std::string(what) + ": " + (explained.empty() ? "failed, and gives no reason" : explained);
  if (why == last_failure) return;  // told already
  last_failure = std::move(why);
  if (lines.size() < most_lines) lines.emplace_back(log_level::warning, "plugin.failed reason=\"" + last_failure + '"');
}

loaded::loaded(plugin_choice choice, const tables& from, std::shared_ptr<log_sink> log)
    : choice_(std::move(choice)),
      log_(std::move(log)),
      state_(std::make_shared<plugin_state>(from)),
      worker_(std::make_unique<worker>("plugin " + choice_.name)) {}

loaded::~loaded() {
  stop();
  flush();
  worker_->end_with([state = state_] {
    if (state->self == nullptr) return;
    try {
      state->code.plugin.destroy(std::exchange(state->self, nullptr));
    } catch (...) {
      state->explain_as("destroy() threw an exception");
    }
  });
}

std::expected<std::shared_ptr<loaded>, refusal> loaded::make(const plugin_choice& choice, const tables& from,
                                                             std::shared_ptr<log_sink> log,
                                                             std::chrono::milliseconds limit) {
  std::shared_ptr<loaded> made;
  try {
    made = std::make_shared<loaded>(choice, from, std::move(log));
  } catch (const std::system_error& error) {
    return std::unexpected(refusal{error.what(), "Let bunraku have more threads (TasksMax)."});
  }
  struct result {
    std::mutex mutex;
    std::condition_variable changed;
    std::optional<std::int32_t> code;
  };
  const auto done = std::make_shared<result>();
  made->worker_->post([done, state = made->state_, settings = choice.settings] {
    void* self = nullptr;
    const auto code = state->run(
        "create", [&] { return state->code.plugin.create(&state->host, {settings.data(), settings.size()}, &self); });
    if (code == BUNRAKU_PLUGIN_OK) state->self = self;
    const std::lock_guard lock(done->mutex);
    done->code = code;
    done->changed.notify_all();
  });
  std::unique_lock lock(done->mutex);
  if (!done->changed.wait_for(lock, limit, [&] { return done->code.has_value(); }))
    return std::unexpected(
        refusal{"It did not come back from create() within " + std::to_string(limit.count()) + " ms.",
                "Mend the plugin, or take its table out of the configuration."});
  if (*done->code != BUNRAKU_PLUGIN_OK) {
    const auto why = made->state_->take_explanation();
    return std::unexpected(
        refusal{"It will not work with its settings: " + (why.empty() ? "it gives no reason" : why) + ".",
                "See the plugin's README."});
  }
  return made;
}

plugin_facts loaded::facts() const {
  plugin_facts out;
  out.name = choice_.name;
  out.file = choice_.file.empty() ? choice_.name : choice_.file;
  const auto text = [](const char* from) { return clean({from, from == nullptr ? 0 : strnlen(from, 200)}, 200); };
  out.version = text(state_->code.plugin.version);
  out.about = text(state_->code.plugin.about);
  out.kinds = state_->code.kinds();
  out.now = worker_->is_late() ? plugin_facts::state::late : plugin_facts::state::running;
  const std::lock_guard lock(state_->mutex);
  out.calls = state_->calls;
  out.late = state_->late;
  out.failed = state_->failed;
  out.dropped = state_->dropped;
  out.longest = state_->longest;
  out.last_failure = state_->last_failure;
  return out;
}

void loaded::stop() noexcept {
  stopped_ = true;
  for (auto& each : std::exchange(waiting_, {})) each->abandon();
}

void loaded::came_late() {
  {
    const std::lock_guard lock(state_->mutex);
    ++state_->late;
  }
  if (!worker_->call_late()) return;
  told_late_ = true;
  late_since_ = std::chrono::steady_clock::now();
  say(log_level::warning, "plugin.late deadline=\"" + milliseconds_in(choice_.deadline) +
                              "\" reason=\"a call has not come back; until it does the plugin is passed over\"");
}

/// Whatever the plugin had to say, and that it is back: told on the loop's thread, at the next occasion.
void loaded::flush() {
  if (told_late_ && !worker_->is_late()) {
    told_late_ = false;
    say(log_level::warning,
        "plugin.back after=\"" + milliseconds_in(std::chrono::steady_clock::now() - late_since_) + '"');
  }
  std::deque<std::pair<log_level, std::string>> lines;
  std::uint64_t lost = 0;
  {
    const std::lock_guard lock(state_->mutex);
    lines.swap(state_->lines);
    lost = std::exchange(state_->lines_lost, 0);
  }
  for (const auto& [level, line] : lines) say(level, line);
  if (lost != 0) say(log_level::warning, "plugin.lines_lost count=" + std::to_string(lost));
}

void loaded::say(log_level level, const std::string& line) const {
  if (log_ && log_->level() <= level) log_->write(level, "plugin=" + choice_.name + ' ' + line);
}

}  // namespace bunraku::plugin_host
