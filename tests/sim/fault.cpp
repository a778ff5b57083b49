#include "fault.hpp"

#include <array>

namespace sim {

std::string_view name_of(fault f) noexcept {
  static constexpr std::array<std::string_view, fault_kinds> names{
      "refuse",    "blackhole",       "stop",         "hang_in_tls",   "bad_certificate", "refuses_us",
      "hang",      "hang_after_head", "reset_answer", "reset_request", "close_idle",      "unavailable",
      "saturated", "error_500",       "garbage",      "slow",          "status_error"};
  return names[static_cast<std::size_t>(f)];
}

window draw_fault(bunraku::policy::random& chance, time_point from) {
  window w{.from = from, .to = from, .what = static_cast<fault>(chance.below(fault_kinds)), .only = {}, .number = 0};
  w.to += one_of<duration>(chance, {1s, 5s, 20s, 60s, 300s, 1800s, std::chrono::hours(24)});
  if (!is_of_host(w.what) && one_in(chance, 2)) w.only = static_cast<bunraku::service>(chance.below(4));
  switch (w.what) {
    case fault::hang_after_head:
    case fault::reset_answer: w.number = one_of<std::uint32_t>(chance, {0, 1, 1000, 20'000, 1'000'000}); break;
    case fault::saturated: w.number = one_of<std::uint32_t>(chance, {0, 1, 10, 300, 1800, 4'000'000'000}); break;
    case fault::slow: w.number = one_of<std::uint32_t>(chance, {3, 10, 40}); break;
    default: break;
  }
  return w;
}

}  // namespace sim
