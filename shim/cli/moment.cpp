#include "cli/moment.hpp"

namespace shim::cli {
namespace {

/// Takes as many digits as there are in `pattern`; everything else in it must be there as it is.
bool take(std::string_view& text, std::string_view pattern, unsigned& value) noexcept {
  if (text.size() < pattern.size()) return false;
  value = 0;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] != '9') {
      if (text[i] != pattern[i]) return false;
    } else {
      if (text[i] < '0' || text[i] > '9') return false;
      value = value * 10 + static_cast<unsigned>(text[i] - '0');
    }
  }
  text.remove_prefix(pattern.size());
  return true;
}

}  // namespace

std::optional<std::chrono::sys_seconds> read_moment(std::string_view text) noexcept {
  using namespace std::chrono;
  unsigned y = 0, m = 0, d = 0, hour = 0, minute = 0, second = 0;
  if (!take(text, "9999", y) || !take(text, "-99", m) || !take(text, "-99", d) || y < 1950) return std::nullopt;
  const year_month_day date{year(static_cast<int>(y)), month(m), day(d)};
  if (!date.ok()) return std::nullopt;
  if (text.empty()) return sys_days(date);
  const bool is_iso = text.front() == 'T';
  if (!take(text, is_iso ? "T99" : " 99", hour) || !take(text, ":99", minute) || !take(text, ":99", second) ||
      text != (is_iso ? "Z" : "") || hour > 23 || minute > 59 || second > 59)
    return std::nullopt;
  return sys_days(date) + hours(hour) + minutes(minute) + seconds(second);
}

}  // namespace shim::cli
