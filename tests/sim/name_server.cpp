#include "name_server.hpp"

#include "fault.hpp"

#include <algorithm>
#include <array>

namespace sim {
namespace {

using bunraku::policy::dns_answer;
using bunraku::policy::dns_type;
using failure = bunraku::policy::dns_outcome::failure;

}  // namespace

std::string_view name_of(dns_fault f) noexcept {
  static constexpr std::array<std::string_view, dns_fault_kinds> names{"silent",    "servfail", "nxdomain", "empty",
                                                                       "malformed", "flapping", "ttl_0",    "ttl_huge"};
  return names[static_cast<std::size_t>(f)];
}

const name_server::zone& name_server::zone_at(time_point t) const noexcept {
  const auto after = std::ranges::find_if(zones, [&](const zone& z) { return z.from > t; });
  return after == zones.begin() ? zones.front() : *std::prev(after);
}

const name_server::fault_window* name_server::fault_at(time_point t, dns_type type) const noexcept {
  const auto hits = [&](const fault_window& w) {
    return w.from <= t && t < w.to && (!w.srv_alone || type == dns_type::srv);
  };
  const auto found = std::ranges::find_if(faults, hits);
  return found == faults.end() ? nullptr : &*found;
}

dns_answer name_server::truth(const bunraku::policy::dns_question& question, time_point t) const {
  dns_answer a;
  const auto& now = zone_at(t);
  const auto& [name, type] = question;
  a.ttl = now.ttl;
  if (const auto found = now.srv.find(name); type == dns_type::srv && found != now.srv.end()) a.srv = found->second;
  if (const auto found = addresses.find(name); type == dns_type::a && found != addresses.end()) a.a = found->second;
  const bool any = !a.srv.empty() || !a.a.empty();
  a.state = any ? dns_answer::status::found : dns_answer::status::no_data;
  if (!any) a.ttl = std::chrono::seconds(60);
  return a;
}

name_server::said name_server::ask(const bunraku::policy::dns_question& question, time_point now) {
  ++questions_;
  said s{{truth(question, now), failure::none, {}}, now + round_trip, true};
  const auto* const w = fault_at(now, question.second);
  if (w == nullptr) return s;
  const auto fail = [&](failure why) {
    s.outcome = {{}, why, std::string(name_of(w->what))};
    s.truthful = false;
  };
  const auto deny = [&](dns_answer::status how) {
    s.truthful = s.outcome.answer.state != dns_answer::status::found;
    s.outcome.answer = {};
    s.outcome.answer.state = how;
  };
  switch (w->what) {
    case dns_fault::silent:
      fail(failure::silence);
      s.at = now + lookup_deadline;
      break;
    case dns_fault::servfail: fail(failure::refusal); break;
    case dns_fault::malformed: fail(failure::malformed); break;
    case dns_fault::nxdomain: deny(dns_answer::status::no_such_name); break;
    case dns_fault::empty: deny(dns_answer::status::no_data); break;
    case dns_fault::flapping:
      if (questions_ % 2 == 0) deny(dns_answer::status::no_such_name);
      break;
    case dns_fault::ttl_0: s.outcome.answer.ttl = std::chrono::seconds(0); break;
    case dns_fault::ttl_huge: s.outcome.answer.ttl = std::chrono::seconds(std::int64_t{1} << 31); break;
  }
  return s;
}

bool name_server::has(const bunraku::policy::dns_question& question) const {
  const auto& [name, type] = question;
  return type == dns_type::srv ? zones.front().srv.contains(name) : addresses.contains(name);
}

bool name_server::able(time_point from, time_point to) const noexcept {
  return std::ranges::none_of(faults, [&](const fault_window& w) {
    return w.from <= to && w.to >= from && w.what != dns_fault::ttl_0 && w.what != dns_fault::ttl_huge;
  });
}

name_server::fault_window draw_dns_fault(bunraku::policy::random& chance, time_point from) {
  name_server::fault_window w{from, from, static_cast<dns_fault>(chance.below(dns_fault_kinds)), one_in(chance, 3)};
  w.to += one_of<duration>(chance, {2s, 30s, 120s, 1800s, std::chrono::hours(24)});
  return w;
}

}  // namespace sim
