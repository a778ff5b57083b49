#include "admin/control.hpp"
#include "cli/verbs.hpp"
#include "doctor/finding.hpp"
#include "examine/examine.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <iostream>

namespace shim::cli {
namespace {

namespace json = boost::json;
using doctor::finding;
using doctor::gravity;

constexpr int format_version = 1;

std::size_t count(const std::vector<finding>& found, gravity level) {
  return static_cast<std::size_t>(std::ranges::count(found, level, &finding::level));
}

std::string counted(std::size_t n, const char* one) { return std::to_string(n) + " " + one + (n == 1 ? "" : "s"); }

/// What comes from masters, DNS and files must not move a terminal's cursor.
std::string printable(std::string_view text) {
  std::string out(text);
  for (auto& c : out)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  return out;
}

void print(std::ostream& to, const std::vector<finding>& found, const doctor::facts& of) {
  for (const auto& f : found) {
    to << name_of(f.level) << ": " << printable(f.where) << '\n';
    to << "    " << printable(f.what) << '\n';
    to << "    why:  " << printable(f.why) << '\n';
    if (!f.fix.empty()) to << "    fix:  " << printable(f.fix) << '\n';
    to << "    (" << f.check.str() << ")\n\n";
  }
  to << "looked at " << counted(of.services.size(), "service") << " and " << counted(of.masters.size(), "master")
     << ": " << counted(count(found, gravity::error), "error") << ", "
     << counted(count(found, gravity::warning), "warning") << ", " << counted(count(found, gravity::note), "note")
     << '\n';
}

json::object to_json(const std::vector<finding>& found, const doctor::facts& of) {
  json::array all, masters;
  for (const auto& f : found)
    all.push_back({{"severity", name_of(f.level)},
                   {"check", f.check.str()},
                   {"where", f.where},
                   {"what", f.what},
                   {"why", f.why},
                   {"fix", f.fix}});
  for (const auto& m : of.masters) masters.emplace_back(m.name);
  return {{"version", format_version},
          {"certname", of.site ? json::value(of.site->certname) : json::value(nullptr)},
          {"errors", count(found, gravity::error)},
          {"warnings", count(found, gravity::warning)},
          {"masters", std::move(masters)},
          {"findings", std::move(all)}};
}

/// `--list`: what it looks for.
void list(bool as_json) {
  if (as_json) {
    json::array all;
    for (const auto& row : doctor::all_checks) all.push_back({{"check", row.name}, {"finds", row.finds}});
    std::cout << json::serialize(json::object{{"version", format_version}, {"checks", std::move(all)}}) << '\n';
    return;
  }
  for (const auto& row : doctor::all_checks) std::cout << row.name << "\n    " << row.finds << '\n';
}

}  // namespace

int doctor(const invocation& with) {
  if (with.list) {
    list(with.json);
    return good;
  }
  auto socket = with.socket;
  if (socket.empty()) {
    const auto reading = daemon::read_configuration(with);
    socket = admin::socket_path(reading.sketch ? reading.sketch->admin.socket : "auto");
  }
  const auto facts = examine::gather(with, socket);
  const auto found = doctor::diagnose(facts);
  if (with.json) std::cout << json::serialize(to_json(found, facts)) << '\n';
  else print(std::cout, found, facts);
  if (count(found, gravity::error) != 0) return not_done;
  return count(found, gravity::warning) != 0 ? bad_news : good;
}

}  // namespace shim::cli
