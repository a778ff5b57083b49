#include "admin/status_document.hpp"

#include "admin/request.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <ctime>
#include <map>

namespace shim::admin {
namespace {

namespace json = boost::json;
using bunraku::snapshot;
using bunraku::source_answer;
using steady = snapshot::time_point;

/// From the steady clock to the clock on the wall.
class wall_times {
 public:
  wall_times(steady taken, std::chrono::system_clock::time_point wall) : taken_(taken), wall_(wall) {}

  /// Adds `name` as UTC and `name`_seconds, both counted so that they are positive for what is meant.
  void past(json::object& into, std::string_view name, steady when) const { add(into, name, when, taken_ - when); }
  void future(json::object& into, std::string_view name, steady when) const { add(into, name, when, when - taken_); }

  static std::string utc(std::chrono::system_clock::time_point when) {
    const std::time_t seconds = std::chrono::system_clock::to_time_t(when);
    std::tm parts{};
    std::array<char, 32> out{};
    if (::gmtime_r(&seconds, &parts) == nullptr) return {};
    return {out.data(), std::strftime(out.data(), out.size(), "%Y-%m-%dT%H:%M:%SZ", &parts)};
  }

 private:
  void add(json::object& into, std::string_view name, steady when, steady::duration apart) const {
    into[name] = utc(wall_ + std::chrono::duration_cast<std::chrono::system_clock::duration>(when - taken_));
    into[std::string(name) + "_seconds"] = std::round(std::chrono::duration<double>(apart).count() * 1000) / 1000;
  }
  steady taken_;
  std::chrono::system_clock::time_point wall_;
};

std::string_view word_for(source_answer::status s) {
  switch (s) {
    case source_answer::status::answered: return "answered";
    case source_answer::status::empty: return "empty";
    case source_answer::status::absent: return "absent";
    case source_answer::status::failed: return "failed";
  }
  return {};
}

json::object json_of(const snapshot::record& r, const wall_times& at) {
  json::object o{{"state", bunraku::name_of(r.state)}};
  at.past(o, "since", r.since);
  if (r.until) at.future(o, "until", *r.until);
  o["failures_in_a_row"] = r.failures;
  o["own_faults_in_a_row"] = r.own_faults;
  if (!r.reason.empty()) o["last_failure"] = r.reason;
  if (r.first_byte.count() != 0) o["first_byte_ms"] = static_cast<double>(r.first_byte.count()) / 1000;
  o["share"] = r.share;
  o["answered"] = r.counts.answered;
  o["failed"] = r.counts.failed;
  o["saturated"] = r.counts.saturated;
  o["lost_races"] = r.counts.lost_races;
  o["own_faults"] = r.counts.own_faults;
  o["cancelled"] = r.counts.cancelled;
  return o;
}

json::object json_of(const snapshot::source_view& s) {
  json::object o{{"source", bunraku::name_of(s.kind)}, {"names", json::value_from(s.names)}, {"known", s.known}};
  if (!s.known) return o;
  const auto& a = s.answer;
  o["state"] = word_for(a.state);
  o["asked"] = a.asked;
  o["masters"] = a.masters.size();
  if (s.kind == bunraku::source_kind::srv) {
    o["fresh"] = s.fresh;
    o["ttl_left"] = a.ttl_left.count();
    o["age"] = a.age.count();
    o["stale"] = a.stale;
    o["from_disk"] = a.from_disk;
  }
  if (a.error) o["error"] = a.error.message();
  if (!a.note.empty()) o["note"] = a.note;
  return o;
}

json::object json_of(const snapshot::candidate& c, std::size_t place, const snapshot::service_view& of,
                     const wall_times& at) {
  json::object o{{"place", place}, {"master", c.who.to_string()}, {"source", bunraku::name_of(c.who.source())}};
  o["record"] = of.sources[c.source].answer.asked;
  if (c.who.source() == bunraku::source_kind::srv) {
    o["priority"] = c.who.priority();
    o["weight"] = c.who.weight();
  }
  o["state"] = bunraku::name_of(c.state);
  if (c.until) at.future(o, "until", *c.until);
  if (c.state == bunraku::health::probation) o["trial_is_free"] = c.trial_is_free;
  o["share"] = c.share;
  o["why"] = bunraku::name_of(c.why);
  o["why_text"] = bunraku::text_of(c.why);
  o["pinned"] = of.pinned && *of.pinned == c.who;
  if (c.load) o["load"] = *c.load;
  if (c.whole) o["whole"] = json_of(*c.whole, at);
  if (c.own) o["own"] = json_of(*c.own, at);
  return o;
}

json::object json_of(const snapshot::service_view& s, const wall_times& at) {
  json::array sources, candidates;
  for (const auto& one : s.sources) sources.push_back(json_of(one));
  for (const auto& one : s.candidates) candidates.push_back(json_of(one, candidates.size() + 1, s, at));
  json::object o{{"service", s.name}};
  if (!s.policy.empty()) o["policy"] = s.policy;
  if (!s.probe.empty()) o["probe"] = s.probe;
  o["pinned"] = s.pinned ? json::value(s.pinned->to_string()) : json::value(nullptr);
  o["more_sources"] = s.more_sources;
  o["sources"] = std::move(sources);
  o["candidates"] = std::move(candidates);
  return o;
}

std::string service_name(const snapshot& from, bunraku::service s) {
  for (const auto& each : from.services)
    if (each.service == s) return each.name;
  return "unknown";  // a reload took it away
}

json::object json_of(const snapshot::run_view& run, const snapshot& from, const wall_times& at) {
  json::object o{{"id", run.id}};
  at.past(o, "began", run.began);
  at.past(o, "last_request", run.last);
  if (!run.transaction_uuid.empty()) o["transaction_uuid"] = run.transaction_uuid;
  o["requests"] = run.requests;
  o["unserved"] = run.unserved;
  o["failovers"] = run.failovers;
  o["moves"] = run.moves;
  o["bytes_up"] = run.bytes_up;
  o["bytes_down"] = run.bytes_down;
  o["lost_seconds"] = std::chrono::duration<double>(run.lost).count();
  o["spared_seconds"] = std::chrono::duration<double>(run.spared).count();
  json::array used;
  for (const auto& u : run.used)
    used.push_back(json::object{
        {"service", service_name(from, u.service)}, {"master", u.who.to_string()}, {"answers", u.answers}});
  o["used"] = std::move(used);
  return o;
}

json::object lasting(const std::string& file, std::chrono::sys_seconds until,
                     std::chrono::system_clock::time_point wall) {
  const auto left = std::chrono::floor<std::chrono::seconds>(until - wall);
  return {{"file", file}, {"not_after", wall_times::utc(until)}, {"not_after_seconds", left.count()}};
}

json::object json_of(const credentials_facts& c, std::chrono::system_clock::time_point wall) {
  auto certificate = lasting(c.certificate_file, c.not_after, wall);
  certificate["serial"] = c.serial;
  certificate["not_before"] = wall_times::utc(c.not_before);
  json::object o{{"leg", c.leg}, {"certificate", std::move(certificate)}};
  o["ca"] = lasting(c.ca_file, c.ca_not_after, wall);
  o["crl"] = c.crl_next_update ? json::value(lasting(c.crl_file, *c.crl_next_update, wall)) : json::value(nullptr);
  o["problems"] = to_json(c.warnings);
  return o;
}

/// One object for each way in and service that tunnels went through, and one for each way without a service: those that
/// came to nothing before it was known which they wanted.
json::array json_of(const local::tunnel_counts& tunnels) {
  std::map<local::tunnel_counts::place, json::object> by_place;
  const auto at = [&](const std::string& way, const std::string& service) -> json::object& {
    auto& one = by_place[{way, service}];
    if (!one.empty()) return one;
    one = {{"way", way}, {"service", service.empty() ? json::value(nullptr) : json::value(service)}, {"open", 0}};
    for (const auto end : local::all_tunnel_ends) one[local::name_of(end)] = 0;
    for (const char* count : {"failovers", "bytes_up", "bytes_down"}) one[count] = 0;
    one["masters"] = json::array();
    return one;
  };
  for (const auto& [where, traffic] : tunnels.all()) {
    auto& one = at(where.way, where.service);
    one["open"] = traffic.open;
    one["failovers"] = traffic.failovers;
    one["bytes_up"] = traffic.up;
    one["bytes_down"] = traffic.down;
  }
  for (const auto& [ended, count] : tunnels.ended()) {
    auto& one = at(ended.way, ended.service);
    auto& sum = one[local::name_of(ended.how)];
    sum = sum.to_number<std::uint64_t>() + count;
    if (ended.master.empty()) continue;
    auto& masters = one["masters"].get_array();
    const auto known = std::ranges::find_if(
        masters, [&](const json::value& m) { return m.at("master").get_string() == ended.master; });
    if (known != masters.end()) known->at("tunnels") = known->at("tunnels").to_number<std::uint64_t>() + count;
    else masters.push_back(json::object{{"master", ended.master}, {"tunnels", count}});
  }
  json::array all;
  for (auto& [where, one] : by_place) all.push_back(std::move(one));
  return all;
}

}  // namespace

json::object to_json(const snapshot& from, const daemon_facts& facts, std::chrono::system_clock::time_point wall) {
  const wall_times at(from.taken, wall);
  json::object o{{"version", protocol_version}, {"bunraku", facts.version}, {"pid", facts.pid}};
  o["certname"] = facts.certname;
  o["time"] = wall_times::utc(wall);
  at.past(o, "started", facts.started);
  o["config"] = facts.config_file;
  o["listen"] = facts.listen;
  o["sandbox"] = facts.sandbox;
  o["connections"] = facts.connections;
  o["stopping"] = facts.stopping;
  o["reload_failed"] = facts.reload_failed;
  const auto ends = [&](const char* name, const auto& when) {
    o[name] = when ? json::value(wall_times::utc(*when)) : json::value(nullptr);
  };
  ends("certificate_ends", facts.certificate_ends);
  ends("ca_ends", facts.ca_ends);
  ends("crl_ends", facts.crl_ends);
  json::array credentials;
  for (const auto& c : facts.credentials) credentials.push_back(json_of(c, wall));
  o["credentials"] = std::move(credentials);
  o["credentials_refused"] = facts.credentials_refused
                                 ? json::value(to_json(bunraku::problems{*facts.credentials_refused}).front())
                                 : json::value(nullptr);
  o["credentials_watched"] = facts.credentials_watched;
  o["open_exchanges"] = from.open_exchanges;
  o["tunnels"] = facts.tunnels != nullptr ? json_of(*facts.tunnels) : json::array();
  o["retries_left"] = from.retries_left;
  o["run"] = from.run ? json::value(json_of(*from.run, from, at)) : json::value(nullptr);
  json::array services, masters;
  for (const auto& s : from.services) services.push_back(json_of(s, at));
  for (const auto& m : from.masters) {
    json::object one{{"master", m.who.to_string()}};
    one["service"] = m.service ? json::value(service_name(from, *m.service)) : json::value(nullptr);
    for (auto& field : json_of(m.what, at)) one[field.key()] = std::move(field.value());
    masters.push_back(std::move(one));
  }
  o["services"] = std::move(services);
  o["masters"] = std::move(masters);
  return o;
}

void add_history(json::object& to, const snapshot& from, const history& so_far,
                 std::chrono::system_clock::time_point wall) {
  const wall_times at(from.taken, wall);
  json::array runs, exchanges;
  for (const auto& run : so_far.runs()) {
    auto one = json_of(run, from, at);
    one["reported"] = run.reported;
    one["seconds"] = std::chrono::duration<double>(run.last - run.began).count();
    runs.push_back(std::move(one));
  }
  for (const auto& e : so_far.exchanges()) {
    json::object one;
    at.past(one, "ended", e.ended);
    one["service"] = e.service;
    one["endpoint"] = e.endpoint;
    one["method"] = e.method;
    one["master"] = e.master.empty() ? json::value(nullptr) : json::value(e.master);
    one["status"] = e.status;
    one["attempts"] = e.attempts;
    one["bytes_up"] = e.bytes_up;
    one["bytes_down"] = e.bytes_down;
    one["seconds"] = std::chrono::duration<double>(e.total).count();
    one["lost_seconds"] = std::chrono::duration<double>(e.lost).count();
    one["own_answer"] = e.own_answer;
    one["cut"] = e.cut;
    one["continued"] = e.continued;
    if (!e.why.empty()) one["why"] = e.why;
    exchanges.push_back(std::move(one));
  }
  to["runs"] = std::move(runs);
  to["exchanges"] = std::move(exchanges);
}

json::array to_json(const bunraku::problems& found) {
  json::array out;
  for (const auto& p : found)
    out.push_back(json::object{{"severity", p.level() == bunraku::severity::error ? "error" : "warning"},
                               {"where", p.where()},
                               {"what", p.what()},
                               {"fix", p.fix()}});
  return out;
}

}  // namespace shim::admin
