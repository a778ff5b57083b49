#include "resolver.hpp"

#include <bunraku/error.hpp>

#include <algorithm>

namespace sim {

using bunraku::errc;
using bunraku::source_answer;
using error_code = boost::system::error_code;
using kind = bunraku::policy::health_event::kind;

namespace {

/// When a status question that stands at `from` is answered.
time_point status_answer(const link& on, time_point from) {
  const auto at = on.at->work(from + on.at->round_trip / 2, 3ms);
  if (at == never || at > on.at->dies_after(on.since)) return never;
  return at + on.at->round_trip / 2;
}

}  // namespace

resolver::resolver(world& of, std::string certname, std::vector<bunraku::service_options> services,
                   const bunraku::connect_options& connect, const bunraku::policy::answer_rules& rules,
                   std::uint64_t seed)
    : world_(of),
      connect_(connect),
      learned_(certname, bunraku::policy::random(seed)),
      names_(of, std::move(services), rules, seed + 1),
      probes_(*this) {}

task<error_code> resolver::extend(bunraku::plan& p) {
  const auto s = p.service();
  error_code last = errc::no_masters;
  while (p.sources_asked() < names_.source_count(s)) {
    const auto index = p.sources_asked();
    auto known = co_await names_.source(s, index);
    p.count_source();
    if (known.state == source_answer::status::absent) co_return errc::service_absent;
    if (known.state == source_answer::status::failed && known.error) last = known.error;
    learned_.add_in_order(p, known, world_.now());
    if (p.front() != nullptr) co_return error_code{};
  }
  co_return last;
}

task<bool> resolver::extend_further(bunraku::plan* p) {
  const error_code error = co_await extend(*p);
  co_return !error;
}

bool resolver::try_plan(bunraku::service s, bunraku::plan& into) {
  bunraku::plan fresh(s);
  while (fresh.front() == nullptr && fresh.sources_asked() < names_.source_count(s)) {
    const source_answer* known = names_.cached_source(s, fresh.sources_asked());
    if (known == nullptr || known->state == source_answer::status::absent) return false;
    fresh.count_source();
    learned_.add_in_order(fresh, *known, world_.now());
  }
  if (fresh.front() == nullptr) return false;
  into = std::move(fresh);
  return true;
}

task<resolver::planned> resolver::plan(bunraku::service s) {
  planned out{{}, bunraku::plan(s)};
  out.error = co_await extend(out.value);
  co_return std::move(out);
}

task<race::result> resolver::connect(bunraku::plan& from, std::shared_ptr<race>& held) {
  held = std::make_shared<race>(world_, names_, connect_, learned_);
  auto ended = co_await held->run(from, [this](bunraku::plan& more) { return extend_further(&more); });
  held = nullptr;
  const auto was_reached = [](const bunraku::attempt& a) { return a.reached() > bunraku::stage::tls; };
  if (ended.error == errc::all_tried && std::ranges::none_of(from.attempts(), was_reached))
    names_.all_failed(from.service());
  arm_probes();
  co_return std::move(ended);
}

/// engine/status_op.
task<resolver::told> resolver::put(bunraku::master who, bunraku::service of, duration limit) {
  told out;
  const auto until = world_.now() + limit;
  auto how = connect_;
  how.race_delay = std::min(how.race_delay, std::chrono::duration_cast<std::chrono::milliseconds>(limit / 4));
  bunraku::plan only(of);
  only.append({who});
  const auto racing = std::make_shared<race>(world_, names_, how, learned_);
  world_.time.at(until, [weak = std::weak_ptr(racing)] {
    if (const auto r = weak.lock()) r->cancel();
  });
  auto raced = co_await racing->run(only, [](bunraku::plan&) -> task<bool> { co_return false; });
  out.late = raced.error == errc::cancelled;
  out.dialled = racing->has_dialled();
  out.error = raced.error == errc::all_tried ? only.attempts().back().error() : raced.error;
  if (raced.error) co_return out;
  out.connected = true;
  world_.sends(packet::status);
  const auto comes = status_answer(raced.value, world_.now());
  sleeper sleep(world_.time);
  co_await sleep.until(std::min(comes, until));
  out.late = comes > until;
  if (out.late) out.error = errc::cancelled;
  co_return out;
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
  const auto said = co_await put(who, of, connect_.status_limit);
  const auto error = judge(said, who, of);
  world_.trace([&] { return "status  " + who.to_string() + (error ? ": does not say" : ": lives"); });
  for (auto& [sleep, into] : place->waiting) {
    *into = error;
    sleep->wake_up();
  }
  questions_.erase(place);
  arm_probes();
  co_return error;
}

error_code resolver::judge(const told& said, const bunraku::master& who, bunraku::service of) {
  const error_code error = said.late ? make_error_code(errc::connect_timeout) : said.error;
  if (!error || error == errc::refused_us) return {};
  if (said.late && !said.dialled) return {};
  const bool silent = error == errc::connect_timeout || error == errc::tls_timeout;
  if (silent) learned_.status_told(who, of, kind::hangs, "no answer to a status question", world_.now());
  else if (said.connected) learned_.status_told(who, of, kind::connect_failed, error.message(), world_.now());
  return error;
}

void resolver::arm_probes() {
  const auto next = stopped_ ? std::nullopt : learned_.next_probe(world_.now());
  if (next) probes_.set(*next);
  else if (world_.broken == mutation::probe_when_idle && !stopped_) probes_.set(world_.now() + 60s);
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
  world_.trace([&] { return "probe   " + what.who.to_string() + (said.error ? ": bad" : ": running"); });
  if (!said.error) learned_.probe_told(what.who, what.of, kind::probe_answered, {}, world_.now());
  else if (said.late && !said.dialled)
    learned_.probe_told(what.who, what.of, kind::own_fault, "no address in time", world_.now());
  else if (said.late || said.connected)
    learned_.probe_told(what.who, what.of, said.connected ? kind::probe_failed : kind::connect_failed,
                        "no answer to a status question", world_.now());
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
