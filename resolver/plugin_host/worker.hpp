#pragma once
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>

namespace bunraku::plugin_host {

/// One thread and what it still has to do, in order. All signals are blocked in it.
/// Threads: any may call.
/// Ends:    the destructor lets the job under way end for up to `farewell`, throws the others away, and does not wait
///          any longer: a job that hangs stays behind with its thread, and if it ever ends, the last job of `end_with`
///          is done still. What jobs refer to must be theirs.
class worker {
 public:
  using job = std::move_only_function<void()>;
  static constexpr std::chrono::milliseconds farewell{1000};

  /// Throws std::system_error when no thread can be had. `name` is for debuggers.
  explicit worker(const std::string& name);
  ~worker();
  worker(const worker&) = delete;
  worker& operator=(const worker&) = delete;

  void post(job what);
  std::size_t waiting() const;
  /// A call was waited for in vain. True, once, if a job is under way: until that ends `is_late`.
  bool call_late();
  bool is_late() const;

  /// The last job: nothing is taken on after it.
  void end_with(job last);

 private:
  struct shared;
  static void* run(void* arg);
  std::shared_ptr<shared> shared_;
};

}  // namespace bunraku::plugin_host
