#include "daemon.hpp"

#include <algorithm>

namespace sim {

daemon::process::process(world& of, const site& about, answer_disk& disk, std::uint64_t seed)
    : with(of, about.certname, about.services_at(of.now()), {}, {}, disk, seed),
      idle(of, 20s, 32),
      shared{with, idle, about.replay_bytes} {}

daemon::daemon(world& of, const site& about, std::uint64_t seed) : world_(of), site_(about), seed_(seed) {
  processes_.emplace_back(of, about, disk_, seed);
}

void daemon::restart(end how) {
  auto& old = processes_.back();
  old.with.stop(how != end::orderly);
  old.idle.clear();
  for (auto* each : old.shared.under_way) each->process_stops();
  restarted_ = world_.now();
  if (how == end::file_damaged) disk_.text.resize(disk_.text.size() / 2);
  processes_.emplace_back(world_, site_, disk_, seed_ + processes_.size());
}

bool daemon::has_restless_leftovers() const {
  if (world_.now() <= restarted_) return false;
  return std::ranges::any_of(processes_,
                             [&](const process& p) { return &p != &processes_.back() && !p.with.is_quiet(); });
}

void daemon::clients_leave() {
  for (auto& each : processes_)
    for (auto* of : each.shared.under_way) of->client_leaves();
}

}  // namespace sim
