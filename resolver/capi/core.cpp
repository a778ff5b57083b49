#include "capi/core.hpp"

#include <bunraku/error.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/error.hpp>
#include <openssl/ssl.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace bunraku::capi {
namespace net = boost::asio;
using error_code = boost::system::error_code;

pending::pending(service what) : of(what), event(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (event < 0)
    throw failure{BUNRAKU_E_MEMORY,
                  "no descriptor for a request: " + error_code(errno, boost::system::system_category()).message()};
}
pending::~pending() { ::close(event); }

void pending::finish() noexcept {
  done.store(true, std::memory_order_release);
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(event, &one, sizeof one);
}

void pending::wait() const noexcept {
  while (!is_finished()) {
    pollfd readable{event, POLLIN, 0};
    ::poll(&readable, 1, -1);
  }
}

std::string joined(const std::vector<attempt>& tried, std::string_view separator) {
  std::string text;
  for (const auto& each : tried) text.append(text.empty() ? "" : separator).append(each.to_string());
  return text;
}

namespace {

/// The host's signal handlers must not run on a thread that it knows nothing of.
template <class Body>
std::thread start_without_signals(Body body) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  try {
    std::thread made(std::move(body));
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return made;
  } catch (const std::system_error& e) {
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    throw failure{BUNRAKU_E_MEMORY, std::string("no thread for a resolver: ") + e.what()};
  }
}

/// Why it stands where it does in the order, and what it did last if that was no good.
std::string why_of(const snapshot::candidate& each) {
  std::string text(text_of(each.why));
  if (each.state == health::up) return text;
  const auto& failed = each.own && each.own->state == each.state ? each.own : each.whole;
  if (failed && !failed->reason.empty()) text += ": " + failed->reason;
  return text;
}

/// This process' own cores, for its end.
struct register_of_cores {
  std::mutex guard;
  std::vector<std::weak_ptr<core>> all;
  bool ends_at_exit = false;
};
/// Never destroyed: other threads may come here while the process ends.
register_of_cores& cores() {
  static auto* const made = new register_of_cores;
  return *made;
}

/// With the library's loading, so that no fork finds the register half written or locked for ever.
[[gnu::constructor]] void keep_through_forks() {
  cores();
  ::pthread_atfork([] { cores().guard.lock(); }, [] { cores().guard.unlock(); },
                   [] {
                     cores().all.clear();  // the parent's
                     cores().guard.unlock();
                   });
}

void end_all() {
  std::vector<std::shared_ptr<core>> left;
  {
    const std::scoped_lock lock(cores().guard);
    for (const auto& each : cores().all)
      if (auto there = each.lock()) left.push_back(std::move(there));
  }
  for (const auto& each : left) each->shut_down();
}

}  // namespace

std::shared_ptr<core> core::make(settings from) {
  auto made = std::make_shared<core>(std::move(from));
  const std::scoped_lock lock(cores().guard);
  if (!cores().ends_at_exit) {
    OPENSSL_init_ssl(0, nullptr);  // whose handler must be there before ours, to run after it
    cores().ends_at_exit = std::atexit(end_all) == 0;
  }
  std::erase_if(cores().all, [](const auto& each) { return each.expired(); });
  cores().all.push_back(made);
  return made;
}

core::core(settings from) : pid_(::getpid()), settings_(std::move(from)), work_(loop_.get_executor()) {
  auto read = settings_.read();
  no_identity_ = std::move(read.no_identity);
  resolver_.emplace(loop_.get_executor(), std::move(read.options), std::move(read.own));
  thread_ = start_without_signals([this] { loop_.run(); });
}

core::~core() { shut_down(); }

bool core::is_ours() const noexcept { return ::getpid() == pid_; }

void core::check_process() const {
  if (!is_ours())
    throw failure{BUNRAKU_E_FORKED,
                  "made by process " + std::to_string(pid_) + ", before it forked: make a new one here"};
}

void core::submit(auto what) {
  check_process();
  const std::scoped_lock lock(gate_);
  if (is_over()) throw failure{BUNRAKU_E_CANCELLED, "the resolver was freed"};
  post(std::move(what));
}

// Without memory for it the process ends: there is no other way to end the thread and tell who waits.
// NOLINTNEXTLINE(bugprone-exception-escape)
void core::shut_down() noexcept {
  std::call_once(ended_, [this] {
    {
      const std::scoped_lock lock(gate_);
      over_ = true;
      post([this] {
        resolver_.reset();
        // Behind the handlers that this has posted.
        post([this] { loop_.stop(); });
      });
    }
    thread_.join();
  });
}

void core::reload() {
  auto read = settings_.read();
  if (!read.own) throw failure{BUNRAKU_E_CREDENTIALS, std::move(read.no_identity)};
  submit([this, read = std::move(read)]() mutable {
    no_identity_.clear();
    resolver_->replace(std::move(read.options), std::move(read.own));
  });
}

std::shared_ptr<pending> core::resolve(service of, std::chrono::milliseconds limit) {
  auto request = std::make_shared<pending>(of);
  submit([this, request, limit] {
    auto done = [this, request](error_code error, const resolution& said) {
      if (error) request->failed = failure_of(error);
      else take_candidates(*request, said);
      request->finish();
    };
    resolver_->async_resolve(request->of, limit,
                             net::bind_cancellation_slot(request->cancelled.slot(), std::move(done)));
  });
  return request;
}

/// All sources have just been asked: the snapshot has what they said, in order.
void core::take_candidates(pending& into, const resolution& said) const {
  if (!resolver_) {  // it ended between the answer and this
    into.failed = failure_of(boost::asio::error::operation_aborted);
    return;
  }
  const auto known = resolver_->snapshot();
  for (const auto& each : known.services.at(index_of(into.of)).candidates)
    into.found.push_back({each.who.host(), std::string(name_of(each.who.source())), std::string(name_of(each.state)),
                          why_of(each), each.who.port()});
  if (!into.found.empty()) return;
  error_code why = errc::no_masters;
  std::string notes;
  for (const auto& answer : said.answers) {
    if (answer.error) why = answer.error;
    if (!answer.note.empty()) notes += (notes.empty() ? "" : "; ") + answer.note;
  }
  into.failed = failure_of(why, std::move(notes));
}

std::shared_ptr<pending> core::connect(service of, std::chrono::milliseconds limit) {
  auto request = std::make_shared<pending>(of);
  submit([this, request, limit] {
    auto done = [this, request](error_code error, connected made) {
      const bool no_identity = error == errc::credentials_invalid;
      if (error) request->failed = failure_of(error, no_identity ? no_identity_ : joined(made.tried(), "; "));
      else request->made = std::move(made);
      request->finish();
    };
    resolver_->async_connect(request->of, limit,
                             net::bind_cancellation_slot(request->cancelled.slot(), std::move(done)));
  });
  return request;
}

void core::abandon(std::shared_ptr<pending> request) {
  if (is_over() && request->is_finished()) {  // nobody runs the loop any more
    request->made.reset();
    return;
  }
  post([this, request = std::move(request)] {
    request->cancelled.emit(net::cancellation_type::terminal);
    if (request->made && resolver_)
      resolver_->report(request->made->who(), request->of, outcome(outcome::kind::cancelled));
    request->made.reset();
  });
}

void core::report(service of, master who, outcome what) {
  // A stream's report may come while another thread frees the resolver.
  post([this, of, who = std::move(who), what = std::move(what)] {
    if (resolver_) resolver_->report(who, of, what);
  });
}

}  // namespace bunraku::capi
