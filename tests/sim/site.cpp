#include "site.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace sim {
namespace {

using bunraku::master;
using bunraku::service;
using bunraku::source;
using bunraku::source_kind;
using bunraku::policy::random;
using bunraku::policy::srv_record;

constexpr std::uint16_t port = 8140;
constexpr std::array<const char*, 4> own_names{"_x-puppet-ca._tcp.sim.test", "_x-puppet._tcp.sim.test",
                                               "_x-puppet-fileserver._tcp.sim.test", "_x-puppet-report._tcp.sim.test"};

std::string host_name(std::size_t i) { return "m" + std::to_string(i + 1) + ".sim.test"; }

void draw_hosts(world& into, random& chance) {
  const auto count = 1 + chance.below(5);
  for (std::size_t i = 0; i < count; ++i) {
    host h;
    h.who = master(host_name(i), port, source_kind::srv);
    h.round_trip = one_of<duration>(chance, {200us, 1ms, 5ms, 40ms, 100ms, 300ms, 700ms});
    h.speed = static_cast<std::uint32_t>(1 + chance.below(3));
    into.hosts.push_back(std::move(h));
    const std::array<std::uint8_t, 4> alive{10, 0, static_cast<std::uint8_t>(i), 1};
    auto dead = alive;
    dead[3] = dead_address;
    auto& addresses = into.dns.addresses[host_name(i)];
    addresses.push_back(alive);
    if (one_in(chance, 12)) addresses.insert(addresses.begin() + static_cast<std::ptrdiff_t>(chance.below(2)), dead);
  }
}

std::vector<srv_record> draw_records(const world& in, random& chance) {
  std::vector<srv_record> records;
  for (const auto& h : in.hosts) {
    if (one_in(chance, 5)) continue;
    const auto priority = one_of<std::uint16_t>(chance, {10, 10, 10, 20});
    const auto weight = one_of<std::uint16_t>(chance, {0, 1, 10, 10, 100, 65535});
    records.push_back({priority, weight, h.who.port(), h.who.host()});
  }
  if (records.empty()) records.push_back({10, 10, in.hosts.front().who.port(), in.hosts.front().who.host()});
  return records;
}

void draw_zones(world& into, random& chance, time_point last) {
  name_server::zone first{
      .from = beginning, .srv = {}, .ttl = one_of<std::chrono::seconds>(chance, {0s, 5s, 60s, 300s, 3600s})};
  first.srv[own_names[1]] = draw_records(into, chance);
  for (const auto i : {0, 2, 3})
    if (one_in(chance, 3)) first.srv[own_names[static_cast<std::size_t>(i)]] = draw_records(into, chance);
  into.dns.zones.push_back(first);
  while (one_in(chance, 4)) {
    auto next = into.dns.zones.back();
    next.from = between_times(chance, next.from, last);
    for (auto& [name, records] : next.srv)
      if (one_in(chance, 2)) records = draw_records(into, chance);
    into.dns.zones.push_back(std::move(next));
  }
  std::ranges::sort(into.dns.zones, {}, &name_server::zone::from);
}

std::vector<bunraku::service_options> draw_services(const world& in, random& chance) {
  std::vector<bunraku::service_options> services;
  const bool list_too = one_in(chance, 3);
  for (std::size_t i = 0; i < own_names.size(); ++i) {
    bunraku::service_options s{std::string(bunraku::builtin_name(static_cast<service>(i))), {}};
    if (i == 0) s.sources.push_back(source::srv({own_names[0]}));
    else if (i == 1) s.sources.push_back(source::srv({own_names[1]}));
    else s.sources.push_back(source::srv({own_names[i], own_names[1]}));
    if (i == 0 || list_too) {
      std::vector<master> listed;
      for (std::size_t k = 0; k <= chance.below(2) && k < in.hosts.size(); ++k)
        listed.emplace_back(host_name(k), port, source_kind::list);
      s.sources.push_back(source::list(std::move(listed), "the simulation"));
    }
    services.push_back(std::move(s));
  }
  return services;
}

void draw_faults_of(host& h, random& chance, const std::vector<time_point>& runs, std::uint64_t most) {
  for (auto n = chance.below(most + 1); n > 0; --n) {
    const auto near = runs[chance.below(runs.size())];
    auto from = near + between(chance, -30s, 60s);
    auto w = draw_fault(chance, std::max(from, beginning));
    (is_of_host(w.what) ? h.faults : h.request_faults).push_back(w);
  }
  std::ranges::sort(h.faults, {}, &window::from);
  windows apart;
  for (auto& w : h.faults)
    if (apart.empty() || w.from >= apart.back().to) apart.push_back(w);
  h.faults = std::move(apart);
}

/// What an operator does is mostly done in the middle of a run.
time_point draw_moment(random& chance, const std::vector<time_point>& runs) {
  if (one_in(chance, 4)) return between_times(chance, beginning, runs.back() + 60s);
  return runs[chance.below(runs.size())] + between(chance, 0s, 20s);
}

std::vector<site::drain> draw_drains(const world& in, random& chance, const std::vector<time_point>& runs) {
  std::vector<site::drain> drains;
  for (const auto& h : in.hosts) {
    if (!one_in(chance, 8)) continue;
    const auto from = draw_moment(chance, runs);
    drains.push_back({h.who, from, from + one_of<duration>(chance, {10s, 300s, 3600s}), one_in(chance, 2)});
  }
  return drains;
}

known_masters masters_of(const world& in, const std::vector<source>& sources) {
  known_masters known;
  // The first of its names that every version of the zone has: those before it never have been there, see draw_zones.
  for (const auto& name : sources.front().owner_names()) {
    known.owner_names.push_back(name);
    const auto& first = in.dns.zones.front().srv;
    const auto found = first.find(name);
    if (found == first.end()) continue;
    for (const auto& r : found->second) {
      const auto has = [&](const name_server::zone& z) {
        return std::ranges::any_of(z.srv.find(name)->second, [&](const srv_record& o) { return o.target == r.target; });
      };
      if (std::ranges::all_of(in.dns.zones, has)) known.always.emplace_back(r.target, r.port, source_kind::srv);
    }
    return known;
  }
  known.owner_names.clear();
  if (sources.size() > 1) known.always = sources.back().masters();
  return known;
}

}  // namespace

time_point between_times(random& chance, time_point least, time_point most) {
  return least + between(chance, 0s, std::max<duration>(most - least, 0s));
}

site draw_site(world& into, random& chance) {
  site s;
  s.certname = "agent" + std::to_string(chance.below(1000)) + ".sim.test";
  auto at = beginning + between(chance, 1s, 100s);
  for (auto n = 1 + chance.below(3); n > 0; --n) {
    s.runs.push_back(at);
    at += one_of<duration>(chance, {120s, 600s, 1800s, 1800s});
  }
  draw_hosts(into, chance);
  draw_zones(into, chance, s.runs.back() + 60s);
  s.services = draw_services(into, chance);
  s.restarts = one_in(chance, 6);
  while (s.restarts && one_in(chance, 2)) {
    constexpr duration day = 24h;
    s.clock_jumps.push_back({between_times(chance, beginning, s.runs.back()),
                             one_of<duration>(chance, {-3600s, 3600s, 2 * day, -400 * day, 400 * day})});
  }
  if (one_in(chance, 10)) s.replay_bytes = 100'000;
  while (one_in(chance, 5)) s.reloads.push_back({draw_moment(chance, s.runs), draw_services(into, chance)});
  std::ranges::sort(s.reloads, {}, &site::reload::at);
  if (one_in(chance, 3)) s.drains = draw_drains(into, chance, s.runs);

  for (auto& h : into.hosts)
    for (auto n = chance.below(3); n > 0; --n)
      h.deployments.push_back(between_times(chance, s.runs.front(), s.runs.back() + 60s));
  const auto mode = chance.below(8);  // 0: nothing goes wrong; 1 to 5: one host stays well; else: anything
  const auto spared = mode <= 5 ? chance.below(into.hosts.size()) : into.hosts.size();
  for (std::size_t i = 0; mode != 0 && i < into.hosts.size(); ++i)
    if (i != spared) draw_faults_of(into.hosts[i], chance, s.runs, mode == 1 ? 1 : 5);
  if (one_in(chance, 3)) {
    for (auto n = 1 + chance.below(3); n > 0; --n) {
      // What the first run is to learn, it should mostly get the chance to learn.
      const auto run = chance.below(s.runs.size());
      const auto least = run == 0 && !one_in(chance, 4) ? duration(5s) : duration(-60s);
      into.dns.faults.push_back(draw_dns_fault(chance, std::max(s.runs[run] + between(chance, least, 60s), beginning)));
    }
  }
  return s;
}

const std::vector<bunraku::service_options>& site::services_at(time_point now) const {
  const auto after = std::ranges::upper_bound(reloads, now, {}, &reload::at);
  return after == reloads.begin() ? services : std::prev(after)->services;
}

known_masters masters_of(const world& in, const site& of, service s) {
  auto known = masters_of(in, of.services[index_of(s)].sources);
  for (const auto& each : of.reloads) {
    const auto now = masters_of(in, each.services[index_of(s)].sources).always;
    std::erase_if(known.always, [&](const master& who) { return std::ranges::find(now, who) == now.end(); });
  }
  return known;
}

}  // namespace sim
