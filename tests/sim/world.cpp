#include "world.hpp"

#include <algorithm>
#include <cstdio>

namespace sim {

host* world::find(const bunraku::master& who) noexcept {
  const auto found = std::ranges::find(hosts, who, &host::who);
  return found == hosts.end() ? nullptr : &*found;
}

std::uint64_t world::salt() noexcept {
  static std::uint64_t ever = 0;
  if (broken == mutation::unrepeatable) salt_ += ++ever;
  return ++salt_ * 0x9e3779b97f4a7c15 ^ seed_;
}

void world::write(const std::string& line) const { std::printf("%12.6f  %s\n", seconds_of(time.now()), line.c_str()); }

void world::fail(std::string what) {
  if (failure_ || what.find(expected) == std::string::npos) return;
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
