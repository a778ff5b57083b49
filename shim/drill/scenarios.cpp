#include "config/keys.hpp"
#include "drill/step.hpp"

#include <algorithm>

namespace shim::drill {
namespace {

using namespace std::chrono_literals;

constexpr std::array<scenario, 10> table{{
    {fault::refused,
     "refused",
     "the first master refuses connections",
     "a stopped puppetserver must cost nobody a run",
     {true, 2000ms, true}},
    {fault::blackholed,
     "blackholed",
     "no packet of the first master comes back",
     "a host that is off, or a firewall; an agent alone waits two minutes",
     {true, 2000ms, true}},
    {fault::hung,
     "hung",
     "the first master takes requests and never answers",
     "a JVM that collects garbage, or waits for a database",
     {true, 10000ms, true}},
    {fault::full,
     "full",
     "the first master says 503 with Retry-After",
     "its queue is full; an agent alone sleeps, and asks the same one again",
     {true, 2000ms, true}},
    {fault::slow,
     "slow",
     "the first master answers a second and a half late",
     "it is overloaded and not dead; it must not be given up for that",
     {true, 5000ms, std::nullopt}},
    {fault::reset,
     "reset",
     "the first master's connections break while it answers",
     "a restart in the middle of a run; what was downloaded so far must not be lost, nor wrong",
     {true, 3000ms, true}},
    {fault::bad_certificate,
     "bad-certificate",
     "the first master shows a certificate that is out of its time",
     "an agent alone ends its run at once",
     {true, 2000ms, true}},
    {fault::all_gone,
     "all-gone",
     "every master refuses connections",
     "runs fail; they must fail quickly, and work again when the masters do",
     {false, 5000ms, std::nullopt}},
    {fault::dns_dead,
     "dns-dead",
     "no name server answers",
     "what DNS said last must serve",
     {true, 3000ms, std::nullopt}},
    {fault::dns_lies,
     "dns-lies",
     "SRV records name somebody who is no master",
     "whoever forges DNS must get nobody to believe him; requests may fail",
     {false, 10000ms, std::nullopt}},
}};

}  // namespace

const std::array<scenario, 10>& scenarios() noexcept { return table; }

const scenario& row_of(fault what) noexcept { return *std::ranges::find(table, what, &scenario::what); }

std::string name_of(const step& one) {
  const auto& row = row_of(one.what);
  return is_about_dns(one.what) ? std::string(row.name) : one.service + "-" + std::string(row.name);
}

std::vector<step> all_steps(const std::vector<std::string>& services) {
  std::vector<step> out;
  for (const auto& service : services)
    for (const auto& row : table)
      if (!is_about_dns(row.what)) out.push_back({row.what, service, 3000ms, row.expect, {}});
  if (services.empty()) return out;
  const auto catalog = std::ranges::find(services, "catalog");
  for (const auto& row : table)
    if (is_about_dns(row.what))
      out.push_back({row.what, catalog == services.end() ? services.front() : *catalog, 3000ms, row.expect, {}});
  return out;
}

std::optional<std::string> choose(const std::vector<std::string>& wanted, const std::vector<std::string>& services,
                                  std::vector<step>& into) {
  const auto all = all_steps(services);
  if (wanted.empty()) {
    into = all;
    return std::nullopt;
  }
  for (const auto& word : wanted) {
    bool known = false;
    for (const auto& one : all) {
      if (name_of(one) != word && one.service != word && row_of(one.what).name != word) continue;
      if (is_about_dns(one.what) && one.service == word) continue;
      known = true;
      const bool there = std::ranges::any_of(into, [&](const step& s) { return name_of(s) == name_of(one); });
      if (!there) into.push_back(one);
    }
    if (known) continue;
    std::vector<std::string> names;
    for (const auto& one : all) names.push_back(name_of(one));
    std::vector<std::string_view> views(names.begin(), names.end());
    const auto meant = config::nearest(word, views);
    return "There is no scenario `" + word.substr(0, 64) + "`." +
           (meant.empty() ? std::string() : " Did you mean `" + std::string(meant) + "`?") +
           " `bunraku drill --list` names them all.";
  }
  return std::nullopt;
}

}  // namespace shim::drill
