#pragma once
#include "world.hpp"

#include <bunraku/master.hpp>

#include <cstddef>
#include <list>
#include <optional>

namespace sim {

/// Idle connections: shim/forward/upstream_pool, with its one timer.
class pool {
 public:
  pool(world& of, duration idle_limit, std::size_t most)
      : world_(of), idle_limit_(idle_limit), most_(most), timer_(*this) {}

  std::optional<link> take(const bunraku::master& to);
  void put(const bunraku::master& to, link idle);
  void drop(const bunraku::master& to);
  void clear() {
    idle_.clear();
    timer_.clear();
  }
  std::size_t size() const noexcept { return idle_.size(); }

 private:
  struct entry {
    bunraku::master to;
    link stream;
    time_point since;
  };
  class sweeper final : public timeline::alarm {
   public:
    explicit sweeper(pool& own) noexcept : alarm(own.world_.time), own_(own) {}
    ~sweeper() override = default;

   private:
    void wake() override { own_.sweep(); }
    pool& own_;
  };
  void sweep();

  world& world_;
  duration idle_limit_;
  std::size_t most_;
  std::list<entry> idle_;  // oldest first
  sweeper timer_;
};

}  // namespace sim
