#include "world.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

namespace sim {

std::optional<mutation> mutation_named(std::string_view name) noexcept {
  static constexpr std::array<std::string_view, 11> names{
      "none",         "report_twice",  "skip_master",     "same_master_twice",
      "mixed_bodies", "no_deadline",   "probe_when_idle", "blame_all",
      "leak",         "equal_weights", "all_at_once"};
  const auto found = std::ranges::find(names, name);
  if (found == names.end()) return std::nullopt;
  return static_cast<mutation>(found - names.begin());
}

host* world::find(const bunraku::master& who) noexcept {
  const auto found = std::ranges::find(hosts, who, &host::who);
  return found == hosts.end() ? nullptr : &*found;
}

void world::write(const std::string& line) const { std::printf("%12.6f  %s\n", seconds_of(time.now()), line.c_str()); }

void world::fail(std::string what) {
  if (failure_) return;
  char when[32];
  std::snprintf(when, sizeof when, "at %.6f s: ", seconds_of(time.now()));
  failure_ = when + std::move(what);
  trace([&] { return "BROKEN " + *failure_; });
}

void world::sends(packet what) {
  static constexpr const char* names[] = {"a DNS question", "a connection", "a request", "a status question"};
  ++packets[static_cast<std::size_t>(what)];
  if (may_send && !may_send(what)) fail(std::string(names[static_cast<std::size_t>(what)]) + " while idle");
}

}  // namespace sim
