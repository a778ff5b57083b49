#include "daemon.hpp"

namespace sim {

daemon::process::process(world& of, const site& about, std::uint64_t seed)
    : with(of, about.certname, about.services, {}, {}, seed),
      idle(of, 20s, 32),
      shared{with, idle, about.replay_bytes} {}

daemon::daemon(world& of, const site& about, std::uint64_t seed) : world_(of), site_(about), seed_(seed) {
  processes_.emplace_back(of, about, seed);
}

void daemon::restart(duration wall_error) {
  auto& old = processes_.back();
  old.with.stop();
  old.idle.clear();
  processes_.emplace_back(world_, site_, seed_ + processes_.size());
  with().named().remember(old.with.named(), wall_error);
}

}  // namespace sim
