#include "fleet_member.hpp"

#include <bunraku/endpoint.hpp>
#include <bunraku/plan.hpp>
#include <bunraku/resolution.hpp>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

namespace sim {
namespace {

using bunraku::service;
using bunraku::source_kind;
using bunraku::policy::dns_answer;
using bunraku::policy::dns_decision;
using bunraku::policy::dns_outcome;
using bunraku::policy::dns_outcome_ptr;
using bunraku::policy::dns_type;
using kind = bunraku::policy::health_event::kind;

constexpr auto run_interval = std::chrono::minutes(30);

struct part_of_run {
  std::string_view method, target;
  duration least, most;  // since the one before
};
/// A run as the most of them are: nothing changed.
constexpr auto run = std::to_array<part_of_run>({
    {"GET", "/puppet/v3/file_metadatas/plugins?recurse=false&environment=production", 0s, 0s},
    {"GET", "/puppet/v3/file_metadatas/pluginfacts?recurse=true&environment=production", 20ms, 100ms},
    {"GET", "/puppet/v3/file_metadatas/plugins?recurse=true&environment=production", 20ms, 200ms},
    {"POST", "/puppet/v3/catalog/node?environment=production", 2s, 12s},
    {"GET", "/puppet/v3/file_metadata/modules/a/a?environment=production", 2s, 8s},
    {"GET", "/puppet/v3/file_metadata/modules/a/b?environment=production", 50ms, 3s},
    {"GET", "/puppet/v3/file_metadata/modules/a/c?environment=production", 50ms, 3s},
    {"GET", "/puppet/v3/file_metadata/modules/b/a?environment=production", 50ms, 3s},
    {"GET", "/puppet/v3/file_metadata/modules/b/b?environment=production", 50ms, 3s},
    {"GET", "/puppet/v3/file_content/modules/b/b?environment=production", 50ms, 3s},
    {"GET", "/puppet/v3/file_metadata/modules/c/a?environment=production", 50ms, 3s},
    {"PUT", "/puppet/v3/report/node?environment=production", 500ms, 5s},
});

const std::string generic = "_x-puppet._tcp.example.com";
const std::string files = "_x-puppet-fileserver._tcp.example.com";
const std::string reports = "_x-puppet-report._tcp.example.com";

dns_outcome_ptr outcome(dns_answer::status state, std::chrono::seconds ttl) {
  dns_outcome o;
  o.answer.state = state;
  o.answer.ttl = ttl;
  return std::make_shared<const dns_outcome>(std::move(o));
}

}  // namespace

fleet_site::fleet_site(mutation how) : broken(how) {
  const bool equal_weights = broken == mutation::equal_weights;
  constexpr std::array<std::uint16_t, 5> weights{10, 15, 20, 25, 30};
  for (std::size_t i = 0; i < weights.size(); ++i)
    masters.emplace_back("compile" + std::to_string(i + 1) + ".example.com", std::uint16_t{8140}, source_kind::srv,
                         std::uint16_t{10}, weights[i]);
  for (const auto& m : masters)
    told.emplace_back(m.host(), m.port(), m.source(), m.priority(), equal_weights ? std::uint16_t{10} : m.weight());
}

std::size_t fleet_site::number_of(const bunraku::master& m) const noexcept {
  return static_cast<std::size_t>(std::ranges::find(masters, m) - masters.begin());
}

fleet_member::fleet_member(std::string_view certname, std::uint64_t seed, time_point first_run)
    : learned_(certname, bunraku::policy::random(seed)),
      book_({}, 64),
      chance_(seed + 1),
      run_began_(first_run),
      next_request_(first_run) {}

void fleet_member::step(time_point now, const fleet_site& site, fleet_load& load, fleet_counts& counts) {
  auto& sent = site.is_lost(fleet_site::lost, now) ? counts.loss : counts.calm;
  if (next_probe_ <= now) probe(now, site, sent);
  if (next_request_ <= now) request(now, site, load, counts, sent);
  const auto due = learned_.next_probe(now);
  next_probe_ = due ? std::max(*due, now + 1ms) : never;
}

void fleet_member::ask_dns(const bunraku::policy::dns_question& question, bool exists, time_point now,
                           const fleet_site& site, packets& sent) {
  // What is said is the same for all; when it is asked again is each one's own decision.
  static const auto found = outcome(dns_answer::status::found, std::chrono::seconds(300));
  static const auto missing = outcome(dns_answer::status::no_such_name, std::chrono::seconds(300));
  const bool known = book_.decide(question, now).what == dns_decision::action::serve;
  if (known && site.broken != mutation::no_answer_kept) return;
  sent.dns_questions += question.second == dns_type::srv ? 1 : 2;  // A and AAAA
  book_.learn(question, exists ? found : missing, now, chance_);
}

void fleet_member::find_masters(service s, time_point now, const fleet_site& site, packets& sent) {
  if (s == service::files) ask_dns({files, dns_type::srv}, false, now, site, sent);
  if (s == service::report) ask_dns({reports, dns_type::srv}, false, now, site, sent);
  ask_dns({generic, dns_type::srv}, true, now, site, sent);
}

bool fleet_member::connects(const bunraku::master& to, service s, time_point now, const fleet_site& site,
                            packets& sent) {
  ask_dns({to.host(), dns_type::a}, true, now, site, sent);
  if (!site.is_lost(site.number_of(to), now)) return true;
  ++sent.failed_connections;
  if (site.broken == mutation::no_failure_kept) return false;
  learned_.trying(to, s, now);
  // Who does not answer loses the race against the next one, which puts nothing in doubt.
  if (site.blackhole) {
    learned_.lost_race(to, s, now);
    return false;
  }
  learned_.connect_failed(to, s, kind::connect_failed, "refused", now);
  book_.doubt({generic, dns_type::srv});
  book_.doubt({to.host(), dns_type::a});
  return false;
}

void fleet_member::request(time_point now, const fleet_site& site, fleet_load& load, fleet_counts& counts,
                           packets& sent) {
  const auto& part = run[at_];
  const auto& row = bunraku::find_endpoint(part.method, part.target);
  ++counts.requests;
  const auto ticket = learned_.begin_exchange(row, part.target, now);
  find_masters(row.service, now, site, sent);
  if (site.broken == mutation::asks_status_often) ++sent.probes;
  bunraku::source_answer from;
  from.state = bunraku::source_answer::status::answered;
  from.masters = site.told;
  bunraku::plan plan(row.service);
  learned_.add_in_order(plan, from, now);
  const bunraku::master* answered = nullptr;
  std::optional<bunraku::master> failed_first;
  while (answered == nullptr && plan.front() != nullptr) {
    const auto& to = plan.take_front();
    if (plan.front() != nullptr) ask_dns({plan.front()->host(), dns_type::a}, true, now, site, sent);
    if (!connects(to, row.service, now, site, sent)) {
      if (!failed_first) failed_first = to;
      if (site.broken == mutation::skip_master) break;
      continue;
    }
    load.count(site.number_of(to), now);
    learned_.report(to, row.service, bunraku::outcome(bunraku::outcome::kind::begun), now);
    bunraku::outcome said(bunraku::outcome::kind::answered);
    said.set_first_byte(std::chrono::milliseconds(20)).set_endpoint(row);
    learned_.report(to, row.service, said, now);
    answered = &to;
  }
  if (answered == nullptr) ++counts.unserved;
  learned_.end_exchange(ticket,
                        {.row = row,
                         .of = row.service,
                         .answered_by = answered,
                         .failed_first = failed_first ? &*failed_first : nullptr,
                         .status = 200},
                        now);
  while (learned_.take_finished(now)) {
  }
  if (++at_ == run.size()) {
    at_ = 0;
    run_began_ += run_interval;
    next_request_ = run_began_;
  } else {
    const auto span = static_cast<std::uint64_t>((run[at_].most - run[at_].least).count());
    next_request_ = now + run[at_].least + duration(static_cast<duration::rep>(chance_.below(span + 1)));
  }
}

void fleet_member::probe(time_point now, const fleet_site& site, packets& sent) {
  for (const auto& wanted : learned_.take_due_probes(now)) {
    ++sent.probes;
    ask_dns({wanted.who.host(), dns_type::a}, true, now, site, sent);
    const bool lost = site.is_lost(site.number_of(wanted.who), now);
    learned_.probe_told(wanted.who, wanted.of, lost ? kind::connect_failed : kind::probe_answered,
                        lost ? "no connection" : "", now);
  }
}

}  // namespace sim
