#include "plugin_host/worker.hpp"

#include <condition_variable>
#include <csignal>
#include <deque>
#include <mutex>
#include <pthread.h>
#include <system_error>
#include <utility>

namespace bunraku::plugin_host {

struct worker::shared {
  mutable std::mutex mutex;
  std::condition_variable changed;
  std::deque<job> jobs;
  bool busy = false, late = false, ending = false, over = false;
};

namespace {

/// Enough for what a plugin does, and not the 8 MiB that threads have otherwise.
constexpr std::size_t stack_size = 1 << 20;

}  // namespace

worker::worker(const std::string& name) : shared_(std::make_shared<shared>()) {
  pthread_attr_t how;
  ::pthread_attr_init(&how);
  ::pthread_attr_setdetachstate(&how, PTHREAD_CREATE_DETACHED);
  ::pthread_attr_setstacksize(&how, stack_size);
  sigset_t all, before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_t id{};
  auto share = std::make_unique<std::shared_ptr<shared>>(shared_);
  const int error = ::pthread_create(&id, &how, &worker::run, share.get());
  if (error == 0) {
    (void)share.release();  // the thread's
    ::pthread_setname_np(id, name.substr(0, 15).c_str());
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  ::pthread_attr_destroy(&how);
  if (error != 0) throw std::system_error(error, std::generic_category(), "no thread for a plugin");
}

worker::~worker() {
  std::deque<job> unwanted;
  std::unique_lock lock(shared_->mutex);
  if (!shared_->ending) unwanted.swap(shared_->jobs);
  shared_->ending = true;
  shared_->changed.notify_all();
  shared_->changed.wait_for(lock, farewell, [this] { return shared_->over; });
}

void* worker::run(void* arg) {
  const std::unique_ptr<std::shared_ptr<shared>> given(static_cast<std::shared_ptr<shared>*>(arg));
  shared& s = **given;
  std::unique_lock lock(s.mutex);
  for (;;) {
    s.changed.wait(lock, [&s] { return s.ending || !s.jobs.empty(); });
    if (s.jobs.empty()) break;
    {
      auto next = std::move(s.jobs.front());
      s.jobs.pop_front();
      s.busy = true;
      lock.unlock();
      next();
    }
    lock.lock();
    s.busy = s.late = false;
  }
  s.over = true;
  s.changed.notify_all();
  return nullptr;
}

void worker::post(job what) {
  const std::lock_guard lock(shared_->mutex);
  if (shared_->ending) return;
  shared_->jobs.push_back(std::move(what));
  shared_->changed.notify_one();
}

void worker::end_with(job last) {
  std::deque<job> unwanted;
  const std::lock_guard lock(shared_->mutex);
  if (shared_->ending) return;
  unwanted.swap(shared_->jobs);
  shared_->jobs.push_back(std::move(last));
  shared_->ending = true;
  shared_->changed.notify_one();
}

std::size_t worker::waiting() const {
  const std::lock_guard lock(shared_->mutex);
  return shared_->jobs.size();
}

bool worker::call_late() {
  const std::lock_guard lock(shared_->mutex);
  if (!shared_->busy || shared_->late) return false;
  shared_->late = true;
  return true;
}

bool worker::is_late() const {
  const std::lock_guard lock(shared_->mutex);
  return shared_->late;
}

}  // namespace bunraku::plugin_host
