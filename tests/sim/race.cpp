#include "race.hpp"

#include <bunraku/error.hpp>

#include <algorithm>
#include <chrono>

namespace sim {

using bunraku::errc;
using bunraku::stage;
using error_code = boost::system::error_code;

namespace {

std::chrono::microseconds since(time_point now, time_point t) {
  return std::chrono::duration_cast<std::chrono::microseconds>(now - t);
}

}  // namespace

bunraku::policy::health_event::kind fault_of(error_code error) noexcept {
  using kind = bunraku::policy::health_event::kind;
  if (error == errc::certificate_untrusted) return kind::bad_certificate;
  if (error == errc::refused_us) return kind::own_fault;
  if (error == errc::cancelled) return kind::cancelled;
  return kind::connect_failed;
}

race::race(world& of, names& named, const bunraku::connect_options& options, bunraku::policy::knowledge& learned)
    : world_(of),
      names_(named),
      options_(options),
      learned_(learned),
      race_(options.race_delay, options.race_width),
      wake_(of.time) {}

void race::cancel() noexcept {
  cancelled_ = true;
  wake_.wake_up();
}

task<race::result> race::run(bunraku::plan& from, extend_plan extend) {
  result out;
  service_ = from.service();
  for (;;) {
    if (cancelled_ || winner_) break;
    const auto may_start = race_.next_start();
    if (may_start && *may_start <= world_.now() && !waiting_.empty()) {
      const contestant next = waiting_.front();
      waiting_.pop_front();
      start(next);
      continue;
    }
    if (may_start && *may_start <= world_.now() && from.front() != nullptr) {
      entrants_.push_back({from.take_front(), world_.now(), 1, stage::resolve, {}, {}});
      learned_.trying(entrants_.back().who, service_, world_.now());
      start({entrants_.size() - 1, std::nullopt});
      if (const auto* next = from.front()) names_.prepare_addresses(*next);
      continue;
    }
    const bool more = !waiting_.empty() || from.front() != nullptr;
    if (race_.running() == 0 && !more) {
      settle(from);
      const bool extended = co_await extend(from);
      if (!extended) break;
      continue;
    }
    co_await wake_.until(more && may_start ? *may_start : never);
  }
  over_ = true;
  for (auto* d : dials_) d->wake_up();
  settle(from);
  if (cancelled_) out.error = errc::cancelled;
  else if (!winner_) out.error = errc::all_tried;
  else {
    out.value = std::move(*winner_);
    out.who = entrants_[winning_entrant_].who;
  }
  co_return out;
}

void race::start(contestant who) {
  race_.started(world_.now());
  contest(shared_from_this(), who);
}

detached race::contest(std::shared_ptr<race> self, contestant who) {
  if (!who.address) {
    const bool found = co_await self->find_addresses(who);
    if (!found || self->is_over()) co_return;
  }
  const bunraku::master to = self->entrants_[who.entrant].who;
  self->dialled_ = true;
  auto ended = co_await self->dial(to, *who.address);
  if (self->is_over()) co_return;
  if (ended.value) {
    self->winner_ = std::move(ended.value);
    self->winning_entrant_ = who.entrant;
    self->wake_.wake_up();
    co_return;
  }
  self->fail(who.entrant, ended.reached, ended.error, ended.error.message());
}

task<bool> race::find_addresses(contestant& who) {
  auto addresses = co_await names_.find(entrants_[who.entrant].who.host());
  if (addresses.found.empty()) {
    fail(who.entrant, stage::resolve, addresses.error, addresses.error.message());
    co_return false;
  }
  who.address = addresses.found.front();
  for (auto it = addresses.found.rbegin(); it != addresses.found.rend() - 1; ++it)
    waiting_.push_front({who.entrant, *it});
  entrants_[who.entrant].open = addresses.found.size();
  if (addresses.found.size() > 1) wake_.wake_up();
  co_return true;
}

/// io/dialer: TCP within one limit, then TLS within another.
task<race::dialled> race::dial(const bunraku::master& to, std::array<std::uint8_t, 4> address) {
  dialled out;
  descriptor socket(world_);
  world_.sends(packet::connect);
  if (names_.is_closed()) world_.fail("a connection of a process that was stopped");
  const host* at = world_.find(to);
  const bool nobody = at == nullptr || address[3] == 255;  // see site.cpp: an address with no host
  const auto c = nobody ? connecting{} : at->connect(world_.now());
  sleeper sleep(world_.time);
  const auto place = dials_.insert(dials_.end(), &sleep);
  const auto began = world_.now();
  const auto tcp_until = began + options_.connect_timeout;
  const auto tcp_end = std::min(c.tcp, c.how == connecting::end::refused ? c.ended : never);
  bool in_time = co_await sleep.until(std::min(tcp_end, tcp_until));
  if (in_time && tcp_end > tcp_until) out.error = errc::connect_timeout;
  else if (in_time && c.how == connecting::end::refused)
    out.error = make_error_code(boost::system::errc::connection_refused);
  if (in_time && !out.error) {
    out.reached = stage::tls;
    if (!is_over()) {
      const auto took = std::chrono::duration_cast<std::chrono::microseconds>(world_.now() - began);
      learned_.reached(to, service_, took, world_.now());
      if (told_connected_) told_connected_();
    }
    const auto tls_until = world_.now() + options_.tls_timeout;
    in_time = co_await sleep.until(std::min(c.ended, tls_until));
    if (in_time && c.ended > tls_until) out.error = errc::tls_timeout;
    else if (c.how == connecting::end::reset) out.error = make_error_code(boost::system::errc::connection_reset);
    else if (c.how == connecting::end::bad_certificate) out.error = errc::certificate_untrusted;
    else if (c.how == connecting::end::refuses_us) out.error = errc::refused_us;
  }
  dials_.erase(place);
  if (!in_time) out.error = errc::cancelled;
  world_.trace([&] {
    return "dial    " + to.to_string() + (address[3] == 255 ? " (dead address)" : "") + ": " +
           (out.error ? out.error.message() : "connected");
  });
  if (!out.error) out.value = link{std::move(socket), at, world_.now(), world_.now(), false, 0};
  co_return out;
}

void race::fail(std::size_t index, stage reached, error_code error, std::string reason) {
  if (is_over()) return;
  auto& e = entrants_[index];
  race_.failed(world_.now());
  wake_.wake_up();
  if (e.reason.empty() || reached >= e.reached) {
    e.reached = reached;
    e.error = error;
    e.reason = std::move(reason);
  }
  if (--e.open != 0) return;
  const auto why = fault_of(e.error);
  learned_.connect_failed(e.who, service_, why, e.reason, world_.now());
  using kind = bunraku::policy::health_event::kind;
  if (why == kind::connect_failed || why == kind::bad_certificate) names_.connect_failed(service_, e.who);
  failed_.emplace_back(e.who, e.reached, e.error, e.reason, since(world_.now(), e.began));
}

void race::settle(bunraku::plan& from) {
  for (auto& f : failed_) from.add(std::move(f));
  failed_.clear();
  if (!winner_) return;
  for (std::size_t i = 0; i != entrants_.size(); ++i) {
    auto& e = entrants_[i];
    if (i == winning_entrant_ || e.open == 0) continue;
    if (i < winning_entrant_) learned_.lost_race(e.who, service_, world_.now());
    else learned_.connect_failed(e.who, service_, bunraku::policy::health_event::kind::cancelled, {}, world_.now());
    from.give_back(e.who);
    from.add(bunraku::attempt(e.who, stage::connect, errc::connect_timeout, "not ready yet when another master was",
                              since(world_.now(), e.began)));
  }
}

}  // namespace sim
