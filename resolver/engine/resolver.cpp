#include "engine/connect_op.hpp"
#include "engine/discovery.hpp"
#include "engine/observers.hpp"
#include "engine/ordering.hpp"
#include "engine/snapshot.hpp"
#include "engine/status_questions.hpp"
#include "engine/unattended.hpp"
#include "engine/upstream.hpp"
#include "io/operation.hpp"
#include "policy/knowledge.hpp"
#include "policy/run_line.hpp"

#include <bunraku/resolver.hpp>
#include <bunraku/service_number.hpp>

#include <boost/asio/co_spawn.hpp>

#include <algorithm>
#include <chrono>
#include <random>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace bunraku {
namespace net = boost::asio;
using error_code = boost::system::error_code;

namespace {

policy::random chance_of_this_process() {
  std::random_device device;
  return policy::random(static_cast<std::uint64_t>(device()) << 32 | device());
}

connected value_of(engine::connect_op::result& ended, const connected*) { return std::move(ended.value); }
std::optional<dialled> value_of(engine::connect_op::result& ended, const std::optional<dialled>*) {
  return std::move(ended.plain);
}

/// An asynchronous operation that connects. Its plan is its own while it is under way: the caller may be gone before
/// it.
template <class Value>
struct connecting {
  std::shared_ptr<io::operation<Value>> caller;
  plan* theirs;  ///< null: nobody sees the plan
  plan own;
  std::string name;  ///< of its service
  std::shared_ptr<engine::connect_op> race;

  void give_up(error_code why) {
    if (race) race->give_up(own);
    if (theirs) *theirs = own;  // a copy: the coroutine may still be at work on it
    else caller->complete(why, nothing());
  }
  void complete(error_code error, Value value) {
    if (caller->is_over()) return;
    if (theirs) *theirs = std::move(own);
    caller->complete(error, std::move(value));
  }
  /// Without a connection; says who was tried, if nothing else does.
  Value nothing() const {
    if constexpr (std::is_same_v<Value, connected>) return theirs ? connected{} : connected(own.attempts());
    else return Value();
  }
};

}  // namespace

class resolver::impl : public std::enable_shared_from_this<resolver::impl> {
 public:
  impl(executor_type executor, resolver_options options, std::shared_ptr<const identity> own)
      : executor_(std::move(executor)),
        options_(std::move(options)),
        learned_(std::make_shared<policy::knowledge>(options_.affinity, chance_of_this_process())),
        names_(std::make_shared<engine::discovery>(executor_, options_.services, options_.dns, options_.log)),
        observers_(engine::observers::of(executor_, options_)),
        exchanges_(learned_->any_number()) {
    names_->set_observers(observers_);
    if (own) tls_ = std::make_shared<engine::upstream>(executor_, *own, options_);
    questions_ = std::make_shared<engine::status_questions>(
        executor_, learned_, [this](const connect_options& how) { return tls_ ? new_race(tls_, how) : nullptr; },
        options_.connect);
    orders_ = std::make_shared<engine::ordering>(executor_, learned_, questions_, options_);
    names_->set_extensions(options_.extensions);
  }

  const executor_type& executor() const noexcept { return executor_; }
  const resolver_options& options() const noexcept { return options_; }
  policy::knowledge& learned() noexcept { return *learned_; }
  engine::status_questions& questions() noexcept { return *questions_; }
  const std::shared_ptr<const engine::upstream>& tls() const noexcept { return tls_; }

  std::string_view name_of_service(service s) const {
    return index_of(s) < options_.services.size() ? std::string_view(options_.services[index_of(s)].name) : "unknown";
  }

  bunraku::snapshot look() const {
    return engine::take_snapshot(options_.services, *names_, *learned_, *orders_, options_.agent_patience,
                                 std::chrono::steady_clock::now());
  }

  bool may_interfere() const noexcept { return observers_ && observers_->interfere(); }
  static net::awaitable<void> ask_observers(std::shared_ptr<impl> self, bool dialling, plan about, master who,
                                            std::shared_ptr<io::operation<fault>> caller) {
    const auto by = self->observers_;
    fault injected;
    if (by)
      injected = co_await by->ask(by->about(dialling ? moment::kind::connect : moment::kind::request, about, who));
    caller->complete({}, std::move(injected));
  }

  void observe_runs(std::function<void(const bunraku::snapshot::run_view&)> observer) {
    on_run_end_ = std::move(observer);
  }

  void cancel() { open_->abort_all(); }
  void stop() noexcept {
    stopped_ = true;
    open_->abort_all();
    names_->stop();
    questions_->stop();
  }

  template <class... Values>
  std::shared_ptr<io::operation<Values...>> begin(handler_of<Values...> handler, std::chrono::milliseconds limit,
                                                  net::cancellation_type accepted) {
    auto caller = std::make_shared<io::operation<Values...>>(executor_, std::move(handler));
    caller->listen(accepted);
    caller->belong_to(open_);
    caller->end_within(limit);
    if (stopped_) caller->abort(net::error::operation_aborted);
    return caller;
  }

  void replace(resolver_options options, std::shared_ptr<const identity> own) {
    const auto before = std::exchange(options_, std::move(options)).services;
    ++configurations_;
    learned_->reloaded(options_.affinity);
    if (!std::ranges::equal(before, options_.services, {}, &service_options::name, &service_options::name))
      learned_->renumber([&](service s) {
        return index_of(s) < before.size() ? number_of(before[index_of(s)].name, s) : gone_service;
      });
    questions_->replace(options_.connect);
    observers_ = engine::observers::of(executor_, options_);
    names_->set_observers(observers_);
    names_->set_extensions(options_.extensions);
    orders_->replace(options_);
    names_->replace(options_.services, options_.dns);
    tls_ = own ? std::make_shared<engine::upstream>(executor_, *own, options_) : nullptr;
  }

  /// Adds the masters of sources that were not asked yet until one knows any that are new and not known to be down.
  /// `name`: of its service, whose number a reload may change at any wait, or give to another one. It may name other
  /// sources as well, of which none was asked then.
  net::awaitable<error_code> extend(plan& p, std::string name) {
    error_code last = errc::no_masters;
    std::size_t down = 0;
    for (;;) {
      p.follow(number_of(name, p.service()));
      const auto configuration = configurations_;
      const auto s = p.service();
      if (!may_know_more(p)) break;
      const auto index = p.sources_asked(configuration);
      const source_answer* known = names_->cached_source(s, index);
      source_answer asked;
      if (known == nullptr) {
        asked = co_await names_->async_source(s, index);
        known = &asked;
      }
      if (configuration != configurations_) continue;
      p.count_source(configuration);
      if (known->state == source_answer::status::absent) {
        last = errc::service_absent;
        while (may_know_more(p)) p.count_source(configuration);  // none is asked after it, not later either
        break;
      }
      if (known->state == source_answer::status::failed && known->error) last = known->error;
      if (orders_->concerns(s) && orders_->has_a_choice(s, known->masters)) {
        if (known != &asked) asked = *known;
        const auto scores = co_await engine::ordering::scores(orders_, s, asked.masters);
        learned_->add_in_order(p, asked, clock::now(), true, scores);
      } else {
        learned_->add_in_order(p, *known, clock::now(), orders_->concerns(s));
      }
      if (learned_->is_worth_trying(p, down, clock::now())) co_return error_code{};
    }
    co_return p.front() != nullptr ? error_code{} : last;
  }

  bool may_know_more(const plan& p) const {
    return p.sources_asked(configurations_) < names_->source_count(p.service());
  }

  bool try_plan(service s, plan& into) {
    plan fresh(s);
    const auto now = clock::now();
    std::size_t down = 0;
    for (bool found = false; !found && may_know_more(fresh);) {
      const source_answer* known = names_->cached_source(s, fresh.sources_asked(configurations_));
      if (known == nullptr || known->state == source_answer::status::absent) return false;
      if (orders_->concerns(s) && orders_->has_a_choice(s, known->masters)) return false;
      fresh.count_source(configurations_);
      learned_->add_in_order(fresh, *known, now, orders_->concerns(s));
      found = learned_->is_worth_trying(fresh, down, now);
    }
    if (fresh.front() == nullptr) return false;
    into = std::move(fresh);
    return true;
  }

  static net::awaitable<void> plan_for(std::shared_ptr<impl> self, service s, std::string name,
                                       std::shared_ptr<io::operation<plan>> caller) {
    plan made(s);
    const error_code error = co_await self->extend(made, std::move(name));
    caller->complete(error, std::move(made));
  }

  static net::awaitable<void> resolve(std::shared_ptr<impl> self, service s,
                                      std::shared_ptr<io::operation<resolution>> caller) {
    resolution out;
    out.service = s;
    if (index_of(s) < self->options_.services.size()) out.service_name = self->name_of_service(s);
    for (std::size_t i = 0; !caller->is_over(); ++i) {
      const auto now = self->number_of(out.service_name, s);  // a reload may have come
      if (i >= self->names_->source_count(now)) break;
      auto answer = co_await self->names_->async_source(now, i);
      const bool absent = answer.state == source_answer::status::absent;
      out.answers.push_back(std::move(answer));
      if (absent) break;
    }
    caller->complete({}, std::move(out));
  }

  /// `p` may be null: then the plan is made first.
  template <class Value>
  static void connect(const std::shared_ptr<impl>& self, service s, plan* p,
                      std::shared_ptr<const engine::upstream> tls, std::shared_ptr<io::operation<Value>> caller) {
    if (caller->is_over()) return;
    auto own = p != nullptr ? std::move(*p) : plan(s);
    auto race = self->new_race(std::move(tls), self->options_.connect);
    std::string name(self->name_of_service(s));
    auto c = std::make_shared<connecting<Value>>(
        connecting<Value>{caller, p, std::move(own), std::move(name), std::move(race)});
    caller->on_abort([raw = c.get()](error_code why) { raw->give_up(why); });  // which is what keeps the caller's side
    net::co_spawn(self->executor_, run(self, std::move(c)), unattended{});
  }

  run_ticket begin_exchange(const endpoint& row, std::string_view target) {
    const auto now = clock::now();
    auto ticket = learned_->begin_exchange(row, target, now);
    ticket.exchange = ++exchanges_;
    log_finished_runs(now);
    questions_->plan_probes(now);
    return ticket;
  }
  void end_exchange(const run_ticket& ticket, const exchange_end& how) {
    const auto now = clock::now();
    learned_->end_exchange(ticket, how, now);
    if (observers_) observers_->see(how);
    log_finished_runs(now);
    questions_->plan_probes(now);
  }
  void report(const master& who, service of, const outcome& what) {
    const auto now = clock::now();
    learned_->report(who, of, what, now);
    if (observers_) observers_->see(who, of, what);
    questions_->plan_probes(now);
  }

 private:
  using clock = std::chrono::steady_clock;

  /// The number that the service of that name has now, which mostly is the one it had; gone_service: there is none.
  service number_of(std::string_view name, service before) const { return bunraku::number_of(name, options_, before); }

  void log_finished_runs(clock::time_point now) {
    while (const auto run = learned_->take_finished(now)) {
      const auto patience = options_.agent_patience;
      if (options_.log && options_.log->level() <= log_level::info)
        options_.log->write(log_level::info,
                            policy::line_of(*run, patience, [this](service s) { return name_of_service(s); }));
      if (on_run_end_) on_run_end_(engine::view_of(*run, patience));
    }
  }
  /// `tls` may be null: TCP alone.
  std::shared_ptr<engine::connect_op> new_race(std::shared_ptr<const engine::upstream> tls,
                                               const connect_options& how) {
    return std::make_shared<engine::connect_op>(executor_, names_, std::move(tls), how, options_.never_dial,
                                                options_.demands.within, options_.log, *learned_, observers_);
  }

  template <class Value>
  static net::awaitable<void> run(std::shared_ptr<impl> self, std::shared_ptr<connecting<Value>> c) {
    if (c->theirs == nullptr) {
      const error_code error = co_await self->extend(c->own, c->name);
      if (error) c->complete(error, c->nothing());
    }
    if (c->caller->is_over()) co_return;
    auto more = [raw = self.get(), of = c.get()](plan& p) { return raw->extend_further(p, of->name); };
    auto ended = co_await c->race->run(c->own, std::move(more));
    if (c->caller->is_over()) co_return;
    const auto was_reached = [](const attempt& a) { return a.reached() > stage::tls; };
    if (ended.error == errc::all_tried && std::ranges::none_of(c->own.attempts(), was_reached))
      self->names_->all_failed(c->own.service());
    self->questions_->plan_probes(clock::now());
    if constexpr (std::is_same_v<Value, connected>)
      if (c->theirs == nullptr) {
        auto tried = c->own.attempts();
        // Whoever was merely asked in case the winner would not answer has not failed.
        if (!ended.error) std::erase_if(tried, [](const attempt& a) { return a.error() == errc::cancelled; });
        ended.value.set_tried(std::move(tried));
      }
    c->complete(ended.error, value_of(ended, static_cast<const Value*>(nullptr)));
  }

  net::awaitable<bool> extend_further(plan& p, std::string name) {
    const error_code error = co_await extend(p, std::move(name));
    co_return !error;
  }

  executor_type executor_;
  resolver_options options_;
  std::shared_ptr<policy::knowledge> learned_;
  std::shared_ptr<engine::discovery> names_;
  std::shared_ptr<const engine::observers> observers_;  // null: nobody watches
  std::uint64_t configurations_ = 0;                    // how often they were replaced
  std::uint64_t exchanges_;                             // the number of the last one
  std::shared_ptr<const engine::upstream> tls_;
  std::shared_ptr<io::open_operations> open_ = std::make_shared<io::open_operations>();
  std::shared_ptr<engine::status_questions> questions_;
  std::function<void(const bunraku::snapshot::run_view&)> on_run_end_;
  std::shared_ptr<engine::ordering> orders_;
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
bool resolver::may_know_more(const plan& of) const { return impl_->may_know_more(of); }
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
void resolver::observe_runs(std::function<void(const bunraku::snapshot::run_view&)> observer) {
  impl_->observe_runs(std::move(observer));
}
void resolver::cancel() { impl_->cancel(); }

void resolver::start_resolve(const shared_impl& share, service s, std::chrono::milliseconds limit,
                             handler_of<resolution> handler) {
  auto caller = share->begin(std::move(handler), limit, io::any_cancellation);
  net::co_spawn(share->executor(), impl::resolve(share, s, std::move(caller)), unattended{});
}
void resolver::start_plan(const shared_impl& share, service s, std::chrono::milliseconds limit,
                          handler_of<plan> handler) {
  auto caller = share->begin(std::move(handler), limit, io::any_cancellation);
  std::string name(share->name_of_service(s));
  net::co_spawn(share->executor(), impl::plan_for(share, s, std::move(name), std::move(caller)), unattended{});
}
void resolver::start_connect(const shared_impl& share, service s, plan* p, std::chrono::milliseconds limit,
                             handler_of<connected> handler) {
  auto caller = share->begin(std::move(handler), limit, io::cancellation_with_effects);
  if (!share->tls()) caller->complete(errc::credentials_invalid, connected{});
  impl::connect(share, s, p, share->tls(), std::move(caller));
}
void resolver::start_dial(const shared_impl& share, plan& p, std::chrono::milliseconds limit,
                          handler_of<std::optional<dialled>> handler) {
  auto caller = share->begin(std::move(handler), limit, io::cancellation_with_effects);
  impl::connect(share, p.service(), &p, nullptr, std::move(caller));
}
bool resolver::may_interfere() const noexcept { return impl_->may_interfere(); }
void resolver::start_interfere(const shared_impl& share, moment::kind what, const plan& about, const master& who,
                               handler_of<fault> handler) {
  auto caller = share->begin(std::move(handler), no_limit, io::any_cancellation);
  if (caller->is_over()) return;
  plan request(about.service());
  request.set_request(about.exchange(), about.method(), about.path());
  net::co_spawn(share->executor(),
                impl::ask_observers(share, what == moment::kind::connect, std::move(request), who, std::move(caller)),
                unattended{});
}
void resolver::start_ask_status(const shared_impl& share, master who, service s, handler_of<> handler) {
  auto caller = share->begin(std::move(handler), no_limit, io::any_cancellation);
  if (caller->is_over()) return;
  share->questions().ask(std::move(who), s, [caller](error_code error) { caller->complete(error); });
}

}  // namespace bunraku
