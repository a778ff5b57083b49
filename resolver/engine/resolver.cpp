#include "engine/connect_op.hpp"
#include "engine/discovery.hpp"
#include "engine/snapshot.hpp"
#include "engine/status_questions.hpp"
#include "engine/upstream.hpp"
#include "policy/knowledge.hpp"
#include "policy/run_line.hpp"

#include <bunraku/resolver.hpp>

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <chrono>
#include <list>
#include <random>
#include <vector>

namespace bunraku {
namespace net = boost::asio;
using error_code = boost::system::error_code;

namespace {

policy::random chance_of_this_process() {
  std::random_device device;
  return policy::random(static_cast<std::uint64_t>(device()) << 32 | device());
}

}  // namespace

class resolver::impl : public std::enable_shared_from_this<resolver::impl> {
 public:
  impl(executor_type executor, resolver_options options, std::shared_ptr<const identity> own)
      : executor_(std::move(executor)),
        options_(std::move(options)),
        learned_(std::make_shared<policy::knowledge>(options_.affinity, chance_of_this_process())),
        names_(std::make_shared<engine::discovery>(executor_, options_.services, options_.dns, options_.log)) {
    if (own) tls_ = std::make_shared<engine::upstream>(*own);
    questions_ = std::make_shared<engine::status_questions>(
        executor_, learned_, [this](const connect_options& how) { return tls_ ? new_race(tls_, how) : nullptr; },
        options_.connect);
  }

  const executor_type& executor() const noexcept { return executor_; }
  const resolver_options& options() const noexcept { return options_; }
  policy::knowledge& learned() noexcept { return *learned_; }
  engine::status_questions& questions() noexcept { return *questions_; }

  bunraku::snapshot look() const {
    return engine::take_snapshot(options_.services, *names_, *learned_, std::chrono::steady_clock::now());
  }

  void stop() noexcept {
    stopped_ = true;
    names_->stop();
    for (auto& racing : racing_) racing->cancel();
    questions_->stop();
  }

  void replace(resolver_options options, std::shared_ptr<const identity> own) {
    options_ = std::move(options);
    learned_->reloaded(options_.affinity);
    questions_->replace(options_.connect);
    names_->replace(options_.services, options_.dns);
    tls_ = own ? std::make_shared<engine::upstream>(*own) : nullptr;
  }

  /// Adds the masters of sources that were not asked yet until one knows any that are new.
  net::awaitable<error_code> extend(plan& p) {
    const auto s = p.service();
    error_code last = errc::no_masters;
    while (p.sources_asked() < names_->source_count(s)) {
      const auto index = p.sources_asked();
      const source_answer* known = names_->cached_source(s, index);
      source_answer asked;
      if (known == nullptr) {
        asked = co_await names_->async_source(s, index);
        known = &asked;
      }
      p.count_source();
      if (known->state == source_answer::status::absent) co_return errc::service_absent;
      if (known->state == source_answer::status::failed && known->error) last = known->error;
      learned_->add_in_order(p, *known, clock::now());
      if (p.front() != nullptr) co_return error_code{};
    }
    co_return last;
  }

  bool try_plan(service s, plan& into) {
    plan fresh(s);
    while (fresh.front() == nullptr && fresh.sources_asked() < names_->source_count(s)) {
      const source_answer* known = names_->cached_source(s, fresh.sources_asked());
      if (known == nullptr || known->state == source_answer::status::absent) return false;
      fresh.count_source();
      learned_->add_in_order(fresh, *known, clock::now());
    }
    if (fresh.front() == nullptr) return false;
    into = std::move(fresh);
    return true;
  }

  net::awaitable<void> plan_for(service s, net::any_completion_handler<void(error_code, plan)> handler) {
    const auto self = shared_from_this();
    plan made(s);
    error_code error = co_await extend(made);
    if (stopped_) error = errc::cancelled;
    finish(std::move(handler), error, std::move(made));
  }

  net::awaitable<void> resolve(service s, net::any_completion_handler<void(error_code, resolution)> handler) {
    const auto self = shared_from_this();
    resolution out;
    out.service = s;
    if (index_of(s) < options_.services.size()) out.service_name = name_of_service(s);
    for (std::size_t i = 0; i < names_->source_count(s); ++i) {
      auto answer = co_await names_->async_source(s, i);
      const bool absent = answer.state == source_answer::status::absent;
      out.answers.push_back(std::move(answer));
      if (absent) break;
    }
    const error_code error = stopped_ ? make_error_code(errc::cancelled) : error_code{};
    finish(std::move(handler), error, std::move(out));
  }

  net::awaitable<void> connect(plan& p, net::any_completion_handler<void(error_code, connected)> handler) {
    const auto self = shared_from_this();
    if (!tls_) {
      finish(std::move(handler), make_error_code(errc::credentials_invalid), connected{});
      co_return;
    }
    auto ended = co_await run_race(new_race(tls_, options_.connect), p);
    finish(std::move(handler), ended.error, std::move(ended.value));
  }

  net::awaitable<void> dial(plan& p, net::any_completion_handler<void(error_code, std::optional<dialled>)> handler) {
    const auto self = shared_from_this();
    auto ended = co_await run_race(new_race(nullptr, options_.connect), p);
    finish(std::move(handler), ended.error, std::move(ended.plain));
  }

  /// `what` is an operation of `self` that may begin only when the handle is gone: its own share would come too late.
  static net::awaitable<void> holding(std::shared_ptr<impl> self, net::awaitable<void> what) {
    co_await std::move(what);
  }

  run_ticket begin_exchange(const endpoint& row, std::string_view target) {
    const auto now = clock::now();
    const auto ticket = learned_->begin_exchange(row, target, now);
    log_finished_runs(now);
    questions_->plan_probes();
    return ticket;
  }
  void end_exchange(const run_ticket& ticket, const exchange_end& how) {
    const auto now = clock::now();
    learned_->end_exchange(ticket, how, now);
    log_finished_runs(now);
    questions_->plan_probes();
  }
  void report(const master& who, service of, const outcome& what) {
    learned_->report(who, of, what, clock::now());
    questions_->plan_probes();
  }

 private:
  using clock = std::chrono::steady_clock;

  std::string_view name_of_service(service s) const {
    return index_of(s) < options_.services.size() ? std::string_view(options_.services[index_of(s)].name) : "unknown";
  }

  void log_finished_runs(clock::time_point now) {
    while (const auto run = learned_->take_finished(now))
      if (options_.log && options_.log->level() <= log_level::info)
        options_.log->write(log_level::info, policy::line_of(*run, [this](service s) { return name_of_service(s); }));
  }
  /// `tls` may be null: TCP alone.
  std::shared_ptr<engine::connect_op> new_race(std::shared_ptr<const engine::upstream> tls,
                                               const connect_options& how) {
    return std::make_shared<engine::connect_op>(executor_, names_, std::move(tls), how, options_.never_dial,
                                                options_.log, *learned_);
  }

  /// The caller holds a share of this object.
  net::awaitable<engine::connect_op::result> run_race(std::shared_ptr<engine::connect_op> race, plan& p) {
    if (stopped_) co_return engine::connect_op::result{errc::cancelled, {}};
    const auto place = racing_.insert(racing_.end(), race);
    auto ended = co_await race->run(p, [this](plan& more) { return extend_further(more); });
    racing_.erase(place);
    const auto was_reached = [](const attempt& a) { return a.reached() > stage::tls; };
    if (ended.error == errc::all_tried && std::ranges::none_of(p.attempts(), was_reached))
      names_->all_failed(p.service());
    questions_->plan_probes();
    if (stopped_) co_return engine::connect_op::result{errc::cancelled, {}};
    co_return ended;
  }

  net::awaitable<bool> extend_further(plan& p) {
    const error_code error = co_await extend(p);
    co_return !error;
  }

  template <class Handler, class Value>
  void finish(Handler handler, error_code error, Value value) {
    auto target = net::get_associated_executor(handler, executor_);
    net::post(executor_, net::bind_executor(target, [h = std::move(handler), error, v = std::move(value)]() mutable {
                std::move(h)(error, std::move(v));
              }));
  }

  executor_type executor_;
  resolver_options options_;
  std::shared_ptr<policy::knowledge> learned_;
  std::shared_ptr<engine::discovery> names_;
  std::shared_ptr<const engine::upstream> tls_;
  std::list<std::shared_ptr<engine::connect_op>> racing_;
  std::shared_ptr<engine::status_questions> questions_;
  bool stopped_ = false;
};

resolver::resolver(executor_type executor, resolver_options options, std::shared_ptr<const identity> own)
    : impl_(std::make_shared<impl>(std::move(executor), std::move(options), std::move(own))) {}
resolver::resolver(resolver&&) noexcept = default;
resolver& resolver::operator=(resolver&& other) noexcept {
  if (this != &other) {
    if (impl_) impl_->stop();
    impl_ = std::move(other.impl_);
  }
  return *this;
}
resolver::~resolver() {
  if (impl_) impl_->stop();
}

resolver::executor_type resolver::get_executor() const { return impl_->executor(); }
const resolver_options& resolver::options() const noexcept { return impl_->options(); }
bool resolver::try_plan(service s, plan& into) { return impl_->try_plan(s, into); }
void resolver::replace(resolver_options options, std::shared_ptr<const identity> own) {
  impl_->replace(std::move(options), std::move(own));
}

void resolver::report(const master& who, service of, const outcome& what) { impl_->report(who, of, what); }
std::chrono::microseconds resolver::overdue_after(const endpoint& row, std::uint32_t asked) const {
  return impl_->learned().overdue_after(row, asked);
}
bool resolver::spend_retry() { return impl_->learned().spend_retry(std::chrono::steady_clock::now()); }
std::uint32_t resolver::retries_left() const { return impl_->learned().retries_left(std::chrono::steady_clock::now()); }
run_ticket resolver::begin_exchange(const endpoint& row, std::string_view target) {
  return impl_->begin_exchange(row, target);
}
void resolver::end_exchange(const run_ticket& ticket, const exchange_end& how) { impl_->end_exchange(ticket, how); }
const master* resolver::catalog_master(const run_ticket& ticket) const {
  return impl_->learned().catalog_master(ticket);
}

void resolver::drain(const master& who, std::chrono::seconds lasts) {
  impl_->learned().drain(who, lasts, std::chrono::steady_clock::now());
}
bool resolver::undrain(const master& who) { return impl_->learned().undrain(who, std::chrono::steady_clock::now()); }
bunraku::snapshot resolver::snapshot() const { return impl_->look(); }

void resolver::start_resolve(service s, net::any_completion_handler<void(error_code, resolution)> h) {
  net::co_spawn(impl_->executor(), impl::holding(impl_, impl_->resolve(s, std::move(h))), net::detached);
}
void resolver::start_plan(service s, net::any_completion_handler<void(error_code, plan)> h) {
  net::co_spawn(impl_->executor(), impl::holding(impl_, impl_->plan_for(s, std::move(h))), net::detached);
}
void resolver::start_ask_status(master who, service s, net::any_completion_handler<void(error_code)> h) {
  impl_->questions().ask(std::move(who), s, std::move(h));
}
void resolver::start_connect(plan& p, net::any_completion_handler<void(error_code, connected)> h) {
  net::co_spawn(impl_->executor(), impl::holding(impl_, impl_->connect(p, std::move(h))), net::detached);
}
void resolver::start_dial(plan& p, net::any_completion_handler<void(error_code, std::optional<dialled>)> h) {
  net::co_spawn(impl_->executor(), impl::holding(impl_, impl_->dial(p, std::move(h))), net::detached);
}

}  // namespace bunraku
