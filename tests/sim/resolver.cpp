#include "resolver.hpp"

#include <bunraku/error.hpp>

#include <algorithm>

namespace sim {

using bunraku::errc;
using bunraku::source_answer;
using error_code = boost::system::error_code;
using kind = bunraku::policy::health_event::kind;

namespace {

struct status_answer {
  time_point comes = never;   ///< the answer
  time_point breaks = never;  ///< the connection
  bool running = true;
};

/// What becomes of a status question that is written at `from`.
status_answer answer_to_status(const link& on, bunraku::service of, time_point from) {
  status_answer a;
  const auto done = on.at->work(from + on.at->round_trip / 2, 3ms);
  const auto dies = on.at->dies_after(on.since);
  if (dies != never) a.breaks = std::max(dies, from) + on.at->round_trip / 2;
  if (done != never && done <= dies) a.comes = done + on.at->round_trip / 2;
  const auto* const wrong = on.at->request_fault(from, of);
  a.running = wrong == nullptr || wrong->what != fault::status_error;
  return a;
}

}  // namespace

resolver::resolver(world& of, std::string certname, std::vector<bunraku::service_options> services,
                   const bunraku::connect_options& connect, const bunraku::policy::answer_rules& rules,
                   answer_disk& disk, std::uint64_t seed)
    : world_(of),
      certname_(of.broken == mutation::any_order ? "" : std::move(certname)),
      connect_(connect),
      learned_(certname_, bunraku::policy::random(seed)),
      names_(of, std::move(services), rules, disk, seed + 1),
      probes_(*this) {}

void resolver::reload(std::vector<bunraku::service_options> services) {
  ++configurations_;
  learned_.reloaded(certname_);
  names_.replace(std::move(services));
}

void resolver::stop(bool killed) {
  stopped_ = true;
  probes_.clear();
  names_.close(killed);
  if (world_.broken == mutation::deaf_to_stop) return;
  for (const auto& each : racing_) each->cancel();
  for (const auto& each : asking_) each->cancel();
}

task<error_code> resolver::extend(bunraku::plan& p) {
  const auto s = p.service();
  error_code last = errc::no_masters;
  std::size_t down = 0;
  for (;;) {
    const auto configuration = configurations_;
    if (!may_know_more(p)) break;
    const auto index = p.sources_asked(configuration);
    auto known = co_await names_.source(s, index);
    if (configuration != configurations_) continue;
    p.count_source(configuration);
    if (known.state == source_answer::status::absent) {
      last = errc::service_absent;
      while (may_know_more(p)) p.count_source(configuration);  // none is asked after it, not later either
      break;
    }
    if (known.state == source_answer::status::failed && known.error) last = known.error;
    learned_.add_in_order(p, known, world_.now());
    if (learned_.is_worth_trying(p, down, world_.now())) co_return error_code{};
  }
  co_return p.front() != nullptr ? error_code{} : last;
}

task<bool> resolver::extend_further(bunraku::plan* p) {
  const error_code error = co_await extend(*p);
  co_return !error;
}

bool resolver::may_know_more(const bunraku::plan& of) const {
  return of.sources_asked(configurations_) < names_.source_count(of.service());
}

bool resolver::try_plan(bunraku::service s, bunraku::plan& into) {
  bunraku::plan fresh(s);
  std::size_t down = 0;
  for (bool found = false; !found && may_know_more(fresh);) {
    const source_answer* known = names_.cached_source(s, fresh.sources_asked(configurations_));
    if (known == nullptr || known->state == source_answer::status::absent) return false;
    fresh.count_source(configurations_);
    learned_.add_in_order(fresh, *known, world_.now());
    found = learned_.is_worth_trying(fresh, down, world_.now());
  }
  if (fresh.front() == nullptr) return false;
  into = std::move(fresh);
  return true;
}

task<resolver::planned> resolver::plan(bunraku::service s) {
  planned out{{}, bunraku::plan(s)};
  out.error = co_await extend(out.value);
  if (stopped_) out.error = errc::cancelled;
  co_return std::move(out);
}

task<race::result> resolver::connect(bunraku::plan& from) {
  race::result none;
  none.error = errc::cancelled;
  if (stopped_) co_return std::move(none);
  const auto racing = std::make_shared<race>(world_, names_, connect_, learned_);
  const auto place = racing_.insert(racing_.end(), racing);
  auto ended = co_await racing->run(from, [this](bunraku::plan& more) { return extend_further(&more); });
  racing_.erase(place);
  const auto was_reached = [](const bunraku::attempt& a) { return a.reached() > bunraku::stage::tls; };
  if (ended.error == errc::all_tried && std::ranges::none_of(from.attempts(), was_reached))
    names_.all_failed(from.service());
  arm_probes();
  if (stopped_) co_return std::move(none);
  co_return std::move(ended);
}

task<resolver::status_op::result> resolver::status_op::run(bunraku::master who, bunraku::service of, duration limit) {
  result out;
  limit_ = limit;
  limit_step();
  racing_->on_connected([this] {
    if (!late_ && !cancelled_) limit_step();
  });
  bunraku::plan only(of);
  only.append({who});
  auto raced = co_await racing_->run(only, [](bunraku::plan&) -> task<bool> { co_return false; });
  out.error = raced.error;
  out.dialled = racing_->has_dialled();
  out.connected = !raced.error;
  if (!raced.error && (late_ || cancelled_)) out.error = errc::cancelled;
  else if (!raced.error) {
    limit_step();
    world_.sends(packet::status);
    const auto said = answer_to_status(raced.value, of, world_.now());
    const bool came = co_await sleep_.until(std::min(said.comes, said.breaks));
    if (!came) out.error = errc::cancelled;
    else if (said.breaks < said.comes) out.error = make_error_code(boost::system::errc::connection_reset);
    out.running = !out.error && said.running;
  }
  clear();
  out.late = late_ && !cancelled_;
  if (cancelled_) out.error = errc::cancelled;
  else if (!late_ && !only.attempts().empty()) out.error = only.attempts().back().error();
  co_return out;
}

/// Nothing when there is nobody left who would want to know.
task<std::optional<resolver::status_op::result>> resolver::put(bunraku::master who, bunraku::service of,
                                                               duration limit) {
  if (stopped_) co_return std::nullopt;
  auto how = connect_;
  how.race_delay = std::min(how.race_delay, std::chrono::duration_cast<std::chrono::milliseconds>(limit / 4));
  const auto op = std::make_shared<status_op>(world_, std::make_shared<race>(world_, names_, how, learned_));
  const auto place = asking_.insert(asking_.end(), op);
  auto said = co_await op->run(who, of, limit);
  asking_.erase(place);
  if (stopped_) co_return std::nullopt;
  co_return said;
}

/// One question to a master at a time, however many want to know.
task<error_code> resolver::ask_status(bunraku::master who, bunraku::service of) {
  const auto found = std::ranges::find(questions_, who, &question::who);
  if (found != questions_.end()) {
    error_code shared;
    sleeper sleep(world_.time);
    found->waiting.emplace_back(&sleep, &shared);
    co_await sleep.until(never);
    co_return shared;
  }
  const auto place = questions_.insert(questions_.end(), {who, {}});
  const auto said = co_await put(who, of, learned_.patience_with(who, connect_.status_limit));
  error_code error;
  if (stopped_) error = errc::cancelled;
  else if (said) error = judge(*said, who, of);
  world_.trace([&] { return "status  " + who.to_string() + (error ? ": does not say" : ": lives"); });
  for (auto& [sleep, into] : place->waiting) {
    *into = error;
    sleep->wake_up();
  }
  questions_.erase(place);
  arm_probes();
  co_return error;
}

error_code resolver::judge(const status_op::result& said, const bunraku::master& who, bunraku::service of) {
  const error_code error = said.late ? make_error_code(errc::connect_timeout) : said.error;
  if (!error) return error;
  if (said.late && !said.dialled) return {};
  const auto why = fault_of(error);
  if (why == kind::own_fault) return {};
  const bool silent = error == errc::connect_timeout || error == errc::tls_timeout;
  if (silent) learned_.status_told(who, of, kind::hangs, "no answer to a status question", world_.now());
  else if (said.connected) learned_.status_told(who, of, why, error.message(), world_.now());
  return error;
}

void resolver::arm_probes() {
  const auto next = stopped_ ? std::nullopt : learned_.next_probe(world_.now());
  const bool restless = world_.broken == mutation::probe_when_idle || world_.broken == mutation::wakes_when_idle;
  if (next) probes_.set(*next);
  else if (restless && !stopped_) probes_.set(world_.now() + 60s);
  else probes_.clear();
}

void resolver::probe_due() {
  if (world_.broken == mutation::probe_when_idle) probe({world_.hosts.front().who, bunraku::service::catalog});
  for (auto& wanted : learned_.take_due_probes(world_.now())) probe(wanted);
  arm_probes();
}

detached resolver::probe(bunraku::policy::probe_wanted what) {
  const auto said = co_await put(what.who, what.of, connect_.connect_timeout);
  if (stopped_) co_return;
  world_.trace([&] { return "probe   " + what.who.to_string() + (said->running ? ": running" : ": bad"); });
  const auto told = [&](kind how, std::string_view reason) {
    learned_.probe_told(what.who, what.of, how, reason, world_.now());
  };
  if (said->running) told(kind::probe_answered, {});
  else if (said->late && !said->dialled) told(kind::own_fault, "DNS was too slow to ask it");
  else if (said->late) told(said->connected ? kind::probe_failed : kind::connect_failed, "no answer");
  else if (said->connected) told(kind::probe_failed, "it is not running, or broke off");
  arm_probes();
}

void resolver::report(const bunraku::master& who, bunraku::service of, const bunraku::outcome& what) {
  learned_.report(who, of, what, world_.now());
  arm_probes();
}

bunraku::run_ticket resolver::begin_exchange(const bunraku::endpoint& row, std::string_view target) {
  const auto ticket = learned_.begin_exchange(row, target, world_.now());
  arm_probes();
  return ticket;
}

void resolver::end_exchange(const bunraku::run_ticket& ticket, const bunraku::exchange_end& how) {
  learned_.end_exchange(ticket, how, world_.now());
  while (learned_.take_finished(world_.now())) {
  }
  arm_probes();
}

}  // namespace sim
