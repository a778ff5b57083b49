#pragma once
#include "plugin_host/call.hpp"
#include "plugin_host/plugin_file.hpp"
#include "plugin_host/worker.hpp"

#include <bunraku/log.hpp>
#include <bunraku/plugins.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

namespace bunraku::plugin_host {

/// What the plugin's thread and the loop's share of one plugin. It lives as long as anything of the plugin's may run.
struct plugin_state {
  explicit plugin_state(tables from);
  plugin_state(const plugin_state&) = delete;
  plugin_state& operator=(const plugin_state&) = delete;

  /// Makes one call of the plugin's on its thread: counts it, times it, and catches what it throws. `work` gives one of
  /// plugin.h's codes.
  template <class Work>
  std::int32_t run(const char* what, Work&& work) {
    const auto began = std::chrono::steady_clock::now();
    std::int32_t result = BUNRAKU_PLUGIN_FAILED;
    take_explanation();
    try {
      result = work();
    } catch (...) {
      explain_as("it threw an exception");
    }
    note(what, result, std::chrono::steady_clock::now() - began);
    return result;
  }
  /// What the plugin gave as the reason of its last failure; empty if nothing.
  std::string take_explanation();
  void explain_as(std::string why);
  void note(const char* what, std::int32_t code, std::chrono::steady_clock::duration took);

  const tables code;
  bunraku_host host{};
  void* self = nullptr;  ///< of its thread's

  mutable std::mutex mutex;  ///< for what follows
  std::string explained, last_failure;
  std::deque<std::pair<log_level, std::string>> lines;
  std::uint64_t calls = 0, late = 0, failed = 0, dropped = 0, lines_lost = 0;
  std::chrono::microseconds longest{0};
};

/// One plugin, made.
/// Threads: the loop's; the plugin's own is inside.
class loaded {
 public:
  /// Made within `limit`, or why not. Blocking.
  static std::expected<std::shared_ptr<loaded>, refusal> make(const plugin_choice& choice, const tables& from,
                                                              std::shared_ptr<log_sink> log,
                                                              std::chrono::milliseconds limit);
  loaded(plugin_choice choice, const tables& from, std::shared_ptr<log_sink> log);
  ~loaded();
  loaded(const loaded&) = delete;
  loaded& operator=(const loaded&) = delete;

  const plugin_choice& choice() const noexcept { return choice_; }
  const tables& code() const noexcept { return state_->code; }
  plugin_facts facts() const;
  void use_log(std::shared_ptr<log_sink> log) { log_ = std::move(log); }

  /// Has `work(state)` done on the plugin's thread, for a reply within the deadline; else the fallback.
  template <class Reply, class Work>
  void ask(boost::asio::any_io_executor executor, boost::asio::any_completion_handler<void(Reply)> handler,
           Reply fallback, Work work) {
    flush();
    const auto c = std::make_shared<call<Reply>>(std::move(executor), std::move(handler), std::move(fallback));
    if (worker_->is_late() || stopped_) {
      c->decline();
      return;
    }
    const auto place = waiting_.insert(waiting_.end(), c);
    c->begin(
        choice_.deadline, [this] { came_late(); },
        [this, place] {
          waiting_.erase(place);
          flush();
        });
    worker_->post([c, state = state_, w = std::move(work)]() mutable {
      if (c->is_wanted()) c->deliver(w(*state));
    });
  }
  /// The same without a reply; dropped, and counted, when too much is waiting.
  template <class Work>
  void tell(Work work) {
    constexpr std::size_t most_waiting = 1024;
    flush();
    if (stopped_) return;
    if (worker_->waiting() >= most_waiting) {
      const std::lock_guard lock(state_->mutex);
      ++state_->dropped;
      return;
    }
    worker_->post([state = state_, w = std::move(work)]() mutable { w(*state); });
  }
  /// Everybody who waits is forgotten.
  void stop() noexcept;

 private:
  void came_late();
  void flush();
  void say(log_level level, const std::string& line) const;

  plugin_choice choice_;
  std::shared_ptr<log_sink> log_;
  std::shared_ptr<plugin_state> state_;
  std::list<std::shared_ptr<waiting_call>> waiting_;
  bool stopped_ = false, told_late_ = false;
  std::chrono::steady_clock::time_point late_since_;
  std::unique_ptr<worker> worker_;  // last: goes first
};

}  // namespace bunraku::plugin_host
