#pragma once
#include "policy/random.hpp"
#include "timeline.hpp"

#include <bunraku/service.hpp>

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace sim {

/// What can be wrong with a master for a while.
enum class fault : std::uint8_t {
  // Of the whole host or process.
  refuse,           ///< no process: connections are refused, and those that were there are reset as it begins
  blackhole,        ///< no packet comes through, either way
  stop,             ///< SIGSTOP: the kernel accepts and acknowledges, nobody answers until it ends
  hang_in_tls,      ///< new connections are accepted and nothing more; old ones work
  bad_certificate,  ///< new connections show one that must not be accepted
  refuses_us,       ///< new connections are told that our certificate is not accepted
  // Of the requests to one service, or to all; status questions are answered.
  hang,             ///< no answer
  hang_after_head,  ///< the head and `number` bytes, and no more
  reset_answer,     ///< `number` bytes of the body, and a reset
  reset_request,    ///< a reset while the request is being read
  close_idle,       ///< closes a connection that it kept as soon as the next request comes
  unavailable,      ///< 503
  saturated,        ///< 503 with Retry-After: `number` seconds
  error_500,
  garbage,       ///< something that is not HTTP
  slow,          ///< everything takes `number` times as long
  status_error,  ///< it serves, and its status says that it does not
  last = status_error
};
constexpr std::size_t fault_kinds = static_cast<std::size_t>(fault::last) + 1;
std::string_view name_of(fault f) noexcept;
constexpr bool is_of_host(fault f) noexcept { return f <= fault::refuses_us; }

struct window {
  time_point from, to;
  fault what;
  std::optional<bunraku::service> only;  ///< nothing: all services
  std::uint32_t number = 0;
  bool holds(time_point t) const noexcept { return from <= t && t < to; }
};
using windows = std::vector<window>;

/// A fault that begins at `from`, of a kind and length drawn by chance.
window draw_fault(bunraku::policy::random& chance, time_point from);

inline bool one_in(bunraku::policy::random& chance, std::uint64_t n) { return chance.below(n) == 0; }
/// Uniform within [least, most].
inline duration between(bunraku::policy::random& chance, duration least, duration most) {
  return least +
         duration(static_cast<duration::rep>(chance.below(static_cast<std::uint64_t>((most - least).count()) + 1)));
}
template <class T>
T one_of(bunraku::policy::random& chance, std::initializer_list<T> from) {
  return *(from.begin() + static_cast<std::ptrdiff_t>(chance.below(from.size())));
}

}  // namespace sim
