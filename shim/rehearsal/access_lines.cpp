#include "rehearsal/access_lines.hpp"

#include <cstdio>
#include <cstdlib>
#include <fstream>

namespace shim::rehearsal {
namespace {

using namespace std::chrono;

/// "2026-11-27T02:00:00.123+00:00", see event_log.cpp.
std::optional<system_clock::time_point> moment_of(const std::string& text) {
  int y = 0, m = 0, d = 0, hour = 0, minute = 0, second = 0, milli = 0, zone_hours = 0, zone_minutes = 0;
  char sign = '+';
  if (std::sscanf(text.c_str(), "%4d-%2d-%2dT%2d:%2d:%2d.%3d%c%2d:%2d", &y, &m, &d, &hour, &minute, &second, &milli,
                  &sign, &zone_hours, &zone_minutes) != 10)
    return std::nullopt;
  const auto zone = hours(zone_hours) + minutes(zone_minutes);
  const year_month_day date{year(y), month(static_cast<unsigned>(m)), day(static_cast<unsigned>(d))};
  if (!date.ok()) return std::nullopt;
  return sys_days(date) + hours(hour) + minutes(minute) + seconds(second) + milliseconds(milli) -
         (sign == '-' ? -zone : zone);
}

/// What stands behind " KEY=", up to the next space, or between quotes.
std::string value_of(std::string_view line, std::string_view key) {
  const auto at = line.find(" " + std::string(key) + "=");
  if (at == line.npos) return {};
  auto rest = line.substr(at + key.size() + 2);
  if (!rest.starts_with('"')) return std::string(rest.substr(0, rest.find(' ')));
  rest.remove_prefix(1);
  return std::string(rest.substr(0, rest.find('"')));
}

}  // namespace

std::optional<access_line> parse_access_line(std::string_view line) {
  const auto end = line.find(' ');
  if (end == line.npos || !line.contains(" exchange service=")) return std::nullopt;
  const auto ended = moment_of(std::string(line.substr(0, end)));
  if (!ended) return std::nullopt;
  access_line out;
  out.ended = *ended;
  out.took = microseconds(static_cast<std::int64_t>(1000 * std::strtod(value_of(line, "ms").c_str(), nullptr)));
  out.service = value_of(line, "service");
  out.master = value_of(line, "master");
  if (out.master == "-") out.master.clear();
  out.why = value_of(line, "failed");
  out.continued = value_of(line, "continued");
  out.status = static_cast<int>(std::strtol(value_of(line, "status").c_str(), nullptr, 10));
  out.bytes = std::strtoull(value_of(line, "down").c_str(), nullptr, 10);
  out.cut = value_of(line, "cut") == "yes";
  return out;
}

std::vector<access_line> access_lines::read_more() {
  std::vector<access_line> out;
  std::ifstream in(file_, std::ios::binary);
  in.seekg(read_);
  for (std::string line; std::getline(in, line) && !in.eof(); read_ = in.tellg())
    if (auto one = parse_access_line(line)) out.push_back(std::move(*one));
  return out;
}

}  // namespace shim::rehearsal
