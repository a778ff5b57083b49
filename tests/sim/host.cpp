#include "host.hpp"

#include "policy/random.hpp"
#include "policy/stable_hash.hpp"

#include <algorithm>

namespace sim {
namespace {

using bunraku::service;

/// A keep-alive connection is closed by puppetserver's Jetty after this.
constexpr duration idle_close = 30s;
/// What the kernels between two processes take although nobody reads it.
constexpr std::uint64_t socket_buffers = 128 * 1024;
constexpr duration per_megabyte = 20ms;

/// How long the work for a request takes the fastest of masters.
duration usual_work(const bunraku::endpoint& row, bunraku::policy::random& chance) {
  if (row.name == "catalog") return between(chance, 400ms, 4s);
  if (row.name == "report") return between(chance, 30ms, 400ms);
  if (row.name == "node") return between(chance, 20ms, 100ms);
  return between(chance, 3ms, 40ms);
}

std::uint64_t usual_length(const bunraku::endpoint& row, std::uint64_t thing) {
  if (row.name == "catalog") return 20'000 + thing % 400'000;
  if (row.name == "file_content") return thing % 7 == 0 ? 20'000'000 : thing % 30'000;
  if (row.name == "report") return 2 + thing % 40;
  return 100 + thing % 5000;
}

}  // namespace

std::uint32_t host::version(time_point t) const noexcept {
  return static_cast<std::uint32_t>(std::ranges::count_if(deployments, [&](time_point d) { return d <= t; }));
}

const window* host::host_fault(time_point t) const noexcept {
  const auto found = std::ranges::find_if(faults, [&](const window& w) { return w.holds(t); });
  return found == faults.end() ? nullptr : &*found;
}

const window* host::request_fault(time_point t, service of) const noexcept {
  const auto hits = [&](const window& w) { return w.holds(t) && (!w.only || *w.only == of); };
  const auto found = std::ranges::find_if(request_faults, hits);
  return found == request_faults.end() ? nullptr : &*found;
}

time_point host::work(time_point t, duration takes) const noexcept {
  for (const auto& w : faults) {
    if (w.to <= t || (w.what != fault::refuse && w.what != fault::stop && w.what != fault::blackhole)) continue;
    if (w.from > t + takes) break;
    if (w.what == fault::refuse) return never;
    if (w.from > t) takes -= w.from - t;
    t = w.to;
  }
  return t + takes;
}

time_point host::dies_after(time_point since) const noexcept {
  for (const auto& w : faults)
    if (w.what == fault::refuse && w.to > since) return std::max(since, w.from);
  return never;
}

connecting host::connect(time_point now) const {
  const auto arrives = now + round_trip / 2;
  const window* const w = host_fault(arrives);
  connecting c;
  if (w && w->what == fault::refuse) return {never, now + round_trip, connecting::end::refused};
  auto begun = arrives;
  if (w && w->what == fault::blackhole) {
    // The kernel sends its SYN again after 1, 3 and 7 seconds.
    for (const duration again : {1s, 3s, 7s, 15s})
      if (begun < w->to) begun = arrives + again;
    if (begun < w->to) return c;
  }
  c.tcp = begun + round_trip / 2;
  const window* const then = host_fault(c.tcp);
  const auto dies = dies_after(begun);
  if (then && then->what == fault::hang_in_tls) return c;
  const auto shaken = work(begun, round_trip + 4ms * speed);
  if (shaken > dies) return {c.tcp, dies + round_trip / 2, connecting::end::reset};
  c.ended = shaken + round_trip / 2;
  c.how = connecting::end::ready;
  if (then && then->what == fault::bad_certificate) c.how = connecting::end::bad_certificate;
  if (then && then->what == fault::refuses_us) c.how = connecting::end::refuses_us;
  return c;
}

reply host::serve(const request& what, time_point now, time_point since, bool kept, std::uint64_t salt) const {
  reply r;
  const auto dies = dies_after(since);
  const auto there = now + round_trip / 2 + per_megabyte * static_cast<std::int64_t>(what.body) / 1'000'000;
  if (dies != never) r.broken = std::max(dies, now) + round_trip / 2;
  const bool closed_idle = kept && now - since > idle_close;
  const window* const w = request_fault(there, what.of);
  if (closed_idle || (kept && w && w->what == fault::close_idle)) {
    r.broken = std::min(r.broken, now + round_trip);
    return r;
  }
  if (w && w->what == fault::reset_request) {
    r.broken = std::min(r.broken, std::max(now + round_trip, w->from + round_trip / 2));
    if (what.body < 1000) r.taken = now;  // it was small enough to be gone before the reset came
    return r;
  }
  const auto read = work(now + round_trip / 2, there - now);  // by the process
  r.taken = what.body <= socket_buffers ? now : read == never ? never : read + round_trip / 2;
  if (read >= dies) return r;
  const bool shed = w && w->what == fault::saturated;
  r.may_have_processed = !shed;
  if (w && w->what == fault::hang) return r;
  bunraku::policy::random chance(salt);
  if (w && (w->what == fault::saturated || w->what == fault::unavailable || w->what == fault::error_500 ||
            w->what == fault::garbage)) {
    r.status = w->what == fault::error_500 ? 500 : 503;
    if (shed) r.retry_after = std::chrono::seconds(w->number);
    r.readable = w->what != fault::garbage;
    r.declared = 20;
    r.body = {.thing = salt, .version = 0, .length = 20, .common = 0};
    const auto done = work(read, 3ms);
    if (done >= dies) return r;
    r.head = done + round_trip / 2;
    r.pieces.push_back({r.head, 20});
    return r;
  }
  answer_with(r, what, read, salt, w && w->what == fault::slow ? w->number : 1);
  if (w && (w->what == fault::hang_after_head || w->what == fault::reset_answer)) {
    std::erase_if(r.pieces, [&](const reply::piece& p) { return p.until > w->number; });
    const auto last = r.pieces.empty() ? r.head : r.pieces.back().at;
    if (w->number != 0 && w->number < r.body.length && last != never) r.pieces.push_back({last, w->number});
    const bool cuts = w->what == fault::reset_answer && w->number < r.body.length && last != never;
    if (cuts) r.broken = std::min(r.broken, last + 1us);
    // A body that is shorter than that is whole, and so is an empty one.
  }
  return r;
}

void host::answer_with(reply& r, const request& what, time_point started, std::uint64_t salt,
                       std::uint32_t factor) const {
  bunraku::policy::random chance(salt);
  const auto done = work(started, usual_work(*what.row, chance) * speed * factor);
  const auto dies = r.broken == never ? never : r.broken - round_trip / 2;
  if (done >= dies) return;
  r.head = done + round_trip / 2;
  if (needs_new_code(what) && version(done) == 0) {
    r.status = 404;
    r.declared = 60;
    r.body = {.thing = salt, .version = 0, .length = 60, .common = 0};
    r.pieces.push_back({r.head, 60});
    return;
  }
  const auto thing = bunraku::policy::stable_hash(what.target);
  const auto length = what.method == "HEAD" ? 0 : usual_length(*what.row, thing);
  r.body = {.thing = thing, .version = version(done), .length = length, .common = length / 2};
  const bool chunked = what.row->name == "file_content" ? thing % 3 == 0 : thing % 2 == 0;
  if (!chunked || length == 0) r.declared = length;
  constexpr std::uint64_t most = 6;
  const std::uint64_t count = length == 0 ? 0 : 1 + chance.below(most);
  auto at = done;
  for (std::uint64_t i = 1; i <= count; ++i) {
    at = work(at, per_megabyte * static_cast<std::int64_t>(factor * length / count) / 1'000'000);
    if (at >= dies) return;
    r.pieces.push_back({at + round_trip / 2, length * i / count});
  }
}

bool needs_new_code(const request& what) noexcept {
  return what.row->not_found_may_be_lag && what.target.find("/new/") != std::string::npos;
}

bool host::able(service of, time_point from, time_point to) const noexcept {
  const auto spoils = [&](const window& w) {
    if (w.from > to || w.to < from || (w.only && *w.only != of)) return false;
    if (w.what == fault::slow) return of == service::catalog && w.number > 10;  // it may take half of the deadline
    return w.what != fault::close_idle && w.what != fault::status_error;
  };
  return std::ranges::none_of(faults, spoils) && std::ranges::none_of(request_faults, spoils);
}

}  // namespace sim
