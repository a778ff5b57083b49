#include "simulation.hpp"

#include "agent.hpp"
#include "daemon.hpp"
#include "site.hpp"
#include "task.hpp"

namespace sim {
namespace {

/// No seed takes more; one that does goes round in circles.
constexpr std::uint64_t most_events = 200'000;

void describe(world& w, const site& s) {
  for (const auto& h : w.hosts) {
    w.trace([&] { return "host    " + h.who.to_string(); });
    for (const auto* all : {&h.faults, &h.request_faults})
      for (const auto& f : *all)
        w.trace([&] {
          return "  " + std::string(name_of(f.what)) + " from " + std::to_string(seconds_of(f.from)) + " to " +
                 std::to_string(seconds_of(f.to)) + (f.only ? " only " + std::string(builtin_name(*f.only)) : "") +
                 (f.number != 0 ? " " + std::to_string(f.number) : "");
        });
  }
  for (const auto& f : w.dns.faults)
    w.trace([&] {
      return "dns " + std::string(name_of(f.what)) + " from " + std::to_string(seconds_of(f.from)) + " to " +
             std::to_string(seconds_of(f.to)) + (f.srv_alone ? " SRV alone" : "");
    });
  for (const auto& z : w.dns.zones)
    for (const auto& [name, records] : z.srv)
      for (const auto& r : records)
        w.trace([&] {
          return "zone    " + std::to_string(seconds_of(z.from)) + " " + name + " SRV " + std::to_string(r.priority) +
                 " " + std::to_string(r.weight) + " " + r.target;
        });
  for (const auto& d : s.drains)
    w.trace([&] {
      return "drain   " + d.who.to_string() + " from " + std::to_string(seconds_of(d.from)) + " to " +
             std::to_string(seconds_of(d.to)) + (d.by_hand ? " by hand" : "");
    });
  for (const auto& j : s.clock_jumps)
    w.trace([&] {
      return "clock jumps by " + std::to_string(std::chrono::duration<double>(j.ahead).count()) + " s at " +
             std::to_string(seconds_of(j.at));
    });
}

void interrupt(world& w, daemon& through, invariants& judge, const interruption& how) {
  w.time.interrupt(how.at, [&w, &through, &judge, what = how.what] {
    const bool leave = what == interruption::kind::client_leaves;
    w.trace([&] { return leave ? "the client leaves" : "the daemon is stopped"; });
    if (leave) return through.clients_leave();
    through.restart(daemon::end::orderly);
    judge.process_stopped();
  });
}

/// What the operator does.
void drain(world& w, daemon& through, const site::drain& d) {
  w.time.at(d.from, [&] {
    const auto lasts = d.by_hand ? 0s : std::chrono::duration_cast<std::chrono::seconds>(d.to - d.from);
    if (w.broken != mutation::deaf_to_drains) through.with().learned().drain(d.who, lasts, w.now());
  });
  if (d.by_hand) w.time.at(d.to, [&] { through.with().learned().undrain(d.who, w.now()); });
}

/// For a mutation.
void never_end(world& w) {
  w.time.at(w.now() + 1ms, [&w] { never_end(w); });
}

}  // namespace

history simulate(std::uint64_t seed, const play& how) {
  bunraku::policy::random chance(seed);
  world w;
  w.tracing = how.tracing;
  w.broken = how.broken;
  w.expected = how.expected;
  w.set_seed(seed);
  site about = draw_site(w, chance);
  if (how.first_run_alone) about.runs.resize(1);
  describe(w, about);
  history h;
  {
    daemon through(w, about, chance.next());
    invariants judge(w, about);
    w.may_send = [&](packet what) { return judge.may_send(what, through); };
    for (const auto& j : about.clock_jumps) w.time.at(j.at, [&w, j] { w.set_wall(j.ahead); });
    for (const auto& d : about.drains) drain(w, through, d);
    for (const auto& r : about.reloads)
      w.time.at(r.at, [&] {
        w.trace([] { return "reload"; });
        through.with().reload(r.services);
      });
    if (how.cancel.at != 0) interrupt(w, through, judge, how.cancel);
    if (how.broken == mutation::endless) never_end(w);
    agent one(w, about, through, judge, chance.next());
    one.live();
    while (!w.failure() && w.time.steps() < most_events && w.time.step()) judge.check(through);
    if (w.time.steps() >= most_events) w.fail("no end of events");
    if (!w.failure()) {
      w.time.at(w.now() + 900s, [] {});
      w.time.step();
      judge.check_idle(through);
    }
    h.counts = judge.counts();
    h.counts.questions = w.dns.questions();
    w.may_send = nullptr;
    destroy_detached();
  }
  h.failure = w.failure();
  h.events = w.time.steps();
  h.waits = w.time.suspensions();
  h.seconds = seconds_of(w.now());
  return h;
}

}  // namespace sim
