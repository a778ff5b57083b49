#include "admin/metrics.hpp"

#include <array>
#include <cmath>
#include <limits>
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>
#include <utility>

namespace shim::admin {
namespace {

using bunraku::health;
using bunraku::snapshot;
using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using labels = std::vector<ClientMetric::Label>;
using wall_time = std::chrono::system_clock::time_point;

constexpr std::array all_states{health::up,        health::suspect,  health::probation,
                                health::saturated, health::draining, health::down};

double in_seconds(std::chrono::microseconds d) { return std::chrono::duration<double>(d).count(); }
double unix_seconds(wall_time t) { return std::round(std::chrono::duration<double>(t.time_since_epoch()).count()); }

/// The families of one answer. What has no sample is left out.
class page {
 public:
  class family {
   public:
    explicit family(MetricFamily& f) : family_(f) {}
    void add(labels of, double value) {
      ClientMetric m;
      m.label = std::move(of);
      if (family_.type == MetricType::Counter) m.counter.value = value;
      else m.gauge.value = value;
      family_.metric.push_back(std::move(m));
    }
    void add(ClientMetric whole) { family_.metric.push_back(std::move(whole)); }

   private:
    MetricFamily& family_;
  };

  family counter(const char* name, const char* help) { return make(name, help, MetricType::Counter); }
  family gauge(const char* name, const char* help) { return make(name, help, MetricType::Gauge); }
  family histogram(const char* name, const char* help) { return make(name, help, MetricType::Histogram); }
  std::string text() {
    std::erase_if(families_, [](const MetricFamily& f) { return f.metric.empty(); });
    return prometheus::TextSerializer().Serialize(families_);
  }

 private:
  family make(const char* name, const char* help, MetricType type) {
    families_.reserve(64);  // a family refers to its place here
    families_.push_back({name, help, type, {}});
    return family(families_.back());
  }
  std::vector<MetricFamily> families_;
};

std::string name_of_service(const snapshot& from, bunraku::service s) {
  for (const auto& each : from.services)
    if (each.service == s) return each.name;
  return std::string(bunraku::builtin_name(s));
}

void add_process(page& to, const snapshot& from, const daemon_facts& facts, wall_time wall) {
  to.gauge("bunraku_build_info", "Always 1; its label says which bunraku this is.")
      .add({{"version", facts.version}}, 1);
  const auto ago = std::chrono::duration_cast<std::chrono::system_clock::duration>(from.taken - facts.started);
  to.gauge("bunraku_start_time_seconds", "When the daemon started, in seconds since the epoch.")
      .add({}, unix_seconds(wall - ago));
  to.gauge("bunraku_local_connections", "Connections of local clients that are open.")
      .add({}, static_cast<double>(facts.connections));
  to.gauge("bunraku_open_exchanges", "Requests that are under way.").add({}, static_cast<double>(from.open_exchanges));
  to.gauge("bunraku_retry_budget", "Further attempts that may still be loaded onto masters.")
      .add({}, static_cast<double>(from.retries_left));
  to.gauge("bunraku_reload_successful", "1 if the last reload was taken, 0 if it was wrong and the old one is in use.")
      .add({}, facts.reload_failed ? 0 : 1);
  to.gauge("bunraku_credentials_refused",
           "1 if what is on disk of certificates, keys and CRLs is wrong, so that older ones are in use or none.")
      .add({}, facts.credentials_refused ? 1 : 0);
}

void add_times(page& to, const daemon_facts& facts) {
  auto ends = to.gauge("bunraku_certificate_not_after_timestamp_seconds",
                       "When a certificate in use ends: this node's, and the earliest of the CAs above it.");
  if (facts.certificate_ends) ends.add({{"certificate", "node"}}, unix_seconds(*facts.certificate_ends));
  if (facts.ca_ends) ends.add({{"certificate", "ca"}}, unix_seconds(*facts.ca_ends));
  if (facts.crl_ends)
    to.gauge("bunraku_crl_next_update_timestamp_seconds", "When the first of the CRLs in use is out of its time.")
        .add({}, unix_seconds(*facts.crl_ends));
}

void add_masters(page& to, const snapshot& from) {
  auto state = to.gauge("bunraku_master_state", "1 for the state that a master of a service is in, 0 for the others.");
  auto usable = to.gauge("bunraku_service_usable_masters", "Masters of a service that are not known to be down.");
  auto known = to.gauge("bunraku_service_masters", "Masters of a service that its sources name.");
  for (const auto& s : from.services) {
    std::size_t good = 0;
    for (const auto& c : s.candidates) {
      good += c.state != health::down && c.state != health::saturated;
      for (const auto each : all_states)
        state.add({{"service", s.name}, {"master", c.who.to_string()}, {"state", std::string(name_of(each))}},
                  c.state == each ? 1 : 0);
    }
    // Before a source was asked nobody can say how many there are.
    if (s.candidates.empty() && s.more_sources) continue;
    known.add({{"service", s.name}}, static_cast<double>(s.candidates.size()));
    usable.add({{"service", s.name}}, static_cast<double>(good));
  }
  auto outcomes = to.counter("bunraku_master_outcomes_total", "What became of what a master was asked.");
  auto first = to.gauge("bunraku_master_first_byte_seconds", "Moving mean from a request's end to its answer's begin.");
  for (const auto& m : from.masters) {
    if (m.service) {
      if (m.what.first_byte.count() != 0)
        first.add({{"service", name_of_service(from, *m.service)}, {"master", m.who.to_string()}},
                  in_seconds(m.what.first_byte));
      continue;
    }
    const auto& c = m.what.counts;
    const std::array<std::pair<const char*, std::uint64_t>, 6> each{{{"answered", c.answered},
                                                                     {"failed", c.failed},
                                                                     {"saturated", c.saturated},
                                                                     {"lost_race", c.lost_races},
                                                                     {"own_fault", c.own_faults},
                                                                     {"cancelled", c.cancelled}}};
    for (const auto& [what, count] : each)
      outcomes.add({{"master", m.who.to_string()}, {"outcome", what}}, static_cast<double>(count));
  }
}

void add_dns(page& to, const snapshot& from) {
  auto stale = to.gauge("bunraku_dns_answer_stale", "1 while an old answer serves because DNS does not give it now.");
  auto failed =
      to.gauge("bunraku_dns_answer_failed", "1 if nothing came of asking DNS last, and no old answer serves.");
  for (const auto& s : from.services)
    for (const auto& one : s.sources) {
      if (one.kind != bunraku::source_kind::srv || !one.known) continue;
      labels of{{"service", s.name}, {"record", one.answer.asked}};
      stale.add(of, one.answer.stale ? 1 : 0);
      failed.add(std::move(of), one.answer.state == bunraku::source_answer::status::failed ? 1 : 0);
    }
}

ClientMetric durations_of(const std::string& service, const history::service_totals& sums) {
  ClientMetric m;
  m.label = {{"service", service}};
  std::uint64_t so_far = 0;
  for (std::size_t i = 0; i != history::bounds.size(); ++i)
    m.histogram.bucket.push_back({so_far += sums.buckets[i], history::bounds[i]});
  m.histogram.bucket.push_back({sums.exchanges, std::numeric_limits<double>::infinity()});
  m.histogram.sample_count = sums.exchanges;
  m.histogram.sample_sum = in_seconds(sums.total);
  return m;
}

void add_exchanges(page& to, const history& so_far) {
  auto answers = to.counter("bunraku_exchanges_total",
                            "Requests of the agent that are over, by who answered and how; no master: bunraku itself "
                            "had to, or the client left.");
  for (const auto& [of, count] : so_far.answers())
    answers.add({{"service", of.service}, {"master", of.master}, {"code", std::to_string(of.status)}},
                static_cast<double>(count));
  auto times = to.histogram("bunraku_exchange_duration_seconds", "From a request's head to its answer's end.");
  auto bytes = to.counter("bunraku_exchange_body_bytes_total", "Of bodies, up to the masters and down from them.");
  auto attempts = to.counter("bunraku_attempts_total", "Connections tried and requests sent, the good ones included.");
  auto detours = to.counter("bunraku_failovers_total", "Requests that were answered after an attempt had failed.");
  auto lost =
      to.counter("bunraku_lost_seconds_total", "Spent on masters that did not answer, before the one that did.");
  auto cut = to.counter("bunraku_cut_answers_total", "Answers that broke off and could not be continued.");
  auto more = to.counter("bunraku_continued_answers_total", "Answers that another master brought to their end.");
  for (const auto& [service, sums] : so_far.services()) {
    const labels of{{"service", service}};
    times.add(durations_of(service, sums));
    bytes.add({{"service", service}, {"direction", "up"}}, static_cast<double>(sums.bytes_up));
    bytes.add({{"service", service}, {"direction", "down"}}, static_cast<double>(sums.bytes_down));
    attempts.add(of, static_cast<double>(sums.attempts));
    detours.add(of, static_cast<double>(sums.detours));
    lost.add(of, in_seconds(sums.lost));
    cut.add(of, static_cast<double>(sums.cut));
    more.add(of, static_cast<double>(sums.continued));
  }
}

void add_tunnels(page& to, const local::tunnel_counts& tunnels) {
  auto ended =
      to.counter("bunraku_tunnels_total",
                 "Tunnels (ways in connect and passthrough) that are over, by the master at their other end and "
                 "how they ended; no master: none was found.");
  for (const auto& [of, count] : tunnels.ended())
    ended.add(
        {{"way", of.way}, {"service", of.service}, {"master", of.master}, {"outcome", std::string(name_of(of.how))}},
        static_cast<double>(count));
  auto open = to.gauge("bunraku_open_tunnels", "Tunnels that stand.");
  auto bytes =
      to.counter("bunraku_tunnel_bytes_total", "Passed through tunnels, up to the masters and down from them.");
  auto detours = to.counter("bunraku_tunnel_failovers_total", "Tunnels that stood only after an attempt had failed.");
  for (const auto& [where, traffic] : tunnels.all()) {
    const labels of{{"way", where.way}, {"service", where.service}};
    open.add(of, static_cast<double>(traffic.open));
    detours.add(of, static_cast<double>(traffic.failovers));
    for (const auto& [direction, count] : {std::pair{"up", traffic.up}, std::pair{"down", traffic.down}})
      bytes.add({{"way", where.way}, {"service", where.service}, {"direction", direction}}, static_cast<double>(count));
  }
}

void add_runs(page& to, const snapshot& from, const history& so_far, wall_time wall) {
  const auto& sums = so_far.run_sums();
  auto runs = to.counter("bunraku_runs_total", "Agent runs that are over, by whether their report came.");
  runs.add({{"end", "reported"}}, static_cast<double>(sums.reported));
  runs.add({{"end", "unreported"}}, static_cast<double>(sums.unreported));
  to.counter("bunraku_run_moves_total", "How often a run as a whole went over to another master.")
      .add({}, static_cast<double>(sums.moves));
  to.counter("bunraku_run_unserved_exchanges_total", "Requests within runs that no master answered.")
      .add({}, static_cast<double>(sums.unserved));
  to.counter("bunraku_run_spared_seconds_total",
             "Estimate: what agents alone would have waited for silent masters (http_connect_timeout), less what was "
             "lost.")
      .add({}, in_seconds(sums.spared));
  if (so_far.runs().empty()) return;
  const auto& last = so_far.runs().front();
  const auto ago = std::chrono::duration_cast<std::chrono::system_clock::duration>(from.taken - last.last);
  to.gauge("bunraku_last_run_end_timestamp_seconds", "When the last run ended, in seconds since the epoch.")
      .add({}, unix_seconds(wall - ago));
  to.gauge("bunraku_last_run_duration_seconds", "How long the last run took.")
      .add({}, in_seconds(std::chrono::duration_cast<std::chrono::microseconds>(last.last - last.began)));
  to.gauge("bunraku_last_run_requests", "Requests of the last run.").add({}, static_cast<double>(last.requests));
  to.gauge("bunraku_last_run_failovers", "Requests of the last run that needed another master.")
      .add({}, static_cast<double>(last.failovers));
  to.gauge("bunraku_last_run_unserved", "Requests of the last run that no master answered.")
      .add({}, static_cast<double>(last.unserved));
  to.gauge("bunraku_last_run_lost_seconds", "What the last run spent on masters that did not answer.")
      .add({}, in_seconds(last.lost));
}

}  // namespace

std::string metrics_text(const snapshot& from, const daemon_facts& facts, const history& so_far, wall_time wall) {
  page to;
  add_process(to, from, facts, wall);
  add_times(to, facts);
  add_masters(to, from);
  add_dns(to, from);
  add_exchanges(to, so_far);
  if (facts.tunnels != nullptr) add_tunnels(to, *facts.tunnels);
  add_runs(to, from, so_far, wall);
  return to.text();
}

}  // namespace shim::admin
