#pragma once
#include "capi/settings.hpp"

#include <bunraku/resolver.hpp>

#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <thread>
#include <utility>
#include <vector>

namespace bunraku::capi {

struct candidate {
  std::string host, source, health, why;
  std::uint16_t port;
};

/// What a request will have brought. Written by the resolver's thread until `done`, read by the caller's after it.
struct pending {
  explicit pending(service what);
  ~pending();
  pending(const pending&) = delete;
  pending& operator=(const pending&) = delete;

  void finish() noexcept;
  void wait() const noexcept;
  bool is_finished() const noexcept { return done.load(std::memory_order_acquire); }

  const service of;
  const int event;  ///< an eventfd
  std::atomic<bool> done = false;
  std::optional<failure> failed;
  std::vector<candidate> found;
  std::optional<connected> made;
  boost::asio::cancellation_signal cancelled;
};

/// Each attempt's sentence.
std::string joined(const std::vector<attempt>& tried, std::string_view separator);

/// A resolver with a loop and a thread of its own.
/// Threads: all members from any, in the process that made it. Kept alive by handles and streams, never by its thread.
/// Fork:    the thread is not in the child, and the epoll set is shared with the parent: a child must not destroy it.
/// Exit:    exit() shuts down what is still there, before OpenSSL's clean-up pulls the ground from under the threads.
class core {
 public:
  static std::shared_ptr<core> make(settings from);
  explicit core(settings from);
  ~core();
  core(const core&) = delete;
  core& operator=(const core&) = delete;

  bool is_ours() const noexcept;
  bool is_over() const noexcept { return over_.load(); }
  /// Throws failure when it is another process'.
  void check_process() const;
  /// Ends the thread; what is under way ends as cancelled. Whoever calls it second waits for the first.
  void shut_down() noexcept;

  void reload();
  std::shared_ptr<pending> resolve(service of, std::chrono::milliseconds limit);
  std::shared_ptr<pending> connect(service of, std::chrono::milliseconds limit);
  /// Nobody waits for it any more.
  void abandon(std::shared_ptr<pending> request);
  void report(service of, master who, outcome what);

 private:
  void post(auto what) { boost::asio::post(loop_, std::move(what)); }
  /// The same before the resolver's end is posted, so that it is run; throws failure after it, and in another process.
  void submit(auto what);
  void take_candidates(pending& into, const resolution& said) const;

  const pid_t pid_;
  const settings settings_;
  boost::asio::io_context loop_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  std::optional<resolver> resolver_;  // the thread's alone, as what follows
  std::string no_identity_;
  std::mutex gate_;  // between `over_` and what is submitted
  std::atomic<bool> over_ = false;
  std::once_flag ended_;
  std::thread thread_;
};

}  // namespace bunraku::capi
