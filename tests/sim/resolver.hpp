#pragma once
#include "names.hpp"
#include "policy/knowledge.hpp"
#include "race.hpp"
#include "task.hpp"
#include "world.hpp"

#include <bunraku/options.hpp>
#include <bunraku/plan.hpp>

#include <boost/system/error_code.hpp>

#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sim {

/// bunraku::resolver over simulated packets: engine/resolver's steps, and everything that is decided is policy's.
class resolver {
 public:
  resolver(world& of, std::string certname, std::vector<bunraku::service_options> services,
           const bunraku::connect_options& connect, const bunraku::policy::answer_rules& rules, answer_disk& disk,
           std::uint64_t seed);

  struct planned {
    boost::system::error_code error;
    bunraku::plan value;
  };
  bool try_plan(bunraku::service s, bunraku::plan& into);
  bool may_know_more(const bunraku::plan& of) const;
  task<planned> plan(bunraku::service s);
  task<race::result> connect(bunraku::plan& from);

  /// No error: it lives.
  task<boost::system::error_code> ask_status(bunraku::master who, bunraku::service of);

  void report(const bunraku::master& who, bunraku::service of, const bunraku::outcome& what);
  bunraku::run_ticket begin_exchange(const bunraku::endpoint& row, std::string_view target);
  void end_exchange(const bunraku::run_ticket& ticket, const bunraku::exchange_end& how);

  /// Other sources from now on; what is under way goes on.
  void reload(std::vector<bunraku::service_options> services);
  /// The handle is destroyed: everything under way ends with `cancelled`.
  void stop(bool killed);
  /// Nothing is under way.
  bool is_quiet() const noexcept { return racing_.empty() && asking_.empty() && names_.is_quiet(); }

  bunraku::policy::knowledge& learned() noexcept { return learned_; }
  names& named() noexcept { return names_; }
  world& of() noexcept { return world_; }

 private:
  task<boost::system::error_code> extend(bunraku::plan& p);
  task<bool> extend_further(bunraku::plan* p);
  /// engine/status_op: one question, on a connection of its own, each step within one limit.
  class status_op final : public timeline::alarm {
   public:
    struct result {
      bool connected = false, late = false, dialled = false, running = false;
      boost::system::error_code error;
    };
    status_op(world& of, std::shared_ptr<race> racing)
        : alarm(of.time), world_(of), racing_(std::move(racing)), sleep_(of.time) {}
    ~status_op() override = default;
    task<result> run(bunraku::master who, bunraku::service of, duration limit);
    void cancel() noexcept {
      cancelled_ = true;
      stop();
    }

   private:
    void wake() override {
      late_ = true;
      stop();
    }
    void stop() noexcept {
      racing_->cancel();
      sleep_.wake_up();
    }
    world& world_;
    std::shared_ptr<race> racing_;
    sleeper sleep_;
    void limit_step() { set(world_.now() + limit_); }
    duration limit_{0};
    bool late_ = false, cancelled_ = false;
  };
  struct question {
    bunraku::master who;
    std::vector<std::pair<sleeper*, boost::system::error_code*>> waiting;
  };
  task<std::optional<status_op::result>> put(bunraku::master who, bunraku::service of, duration limit);
  boost::system::error_code judge(const status_op::result& said, const bunraku::master& who, bunraku::service of);
  void arm_probes();
  void probe_due();
  detached probe(bunraku::policy::probe_wanted what);

  class prober final : public timeline::alarm {
   public:
    explicit prober(resolver& own) noexcept : alarm(own.world_.time), own_(own) {}
    ~prober() override = default;

   private:
    void wake() override { own_.probe_due(); }
    resolver& own_;
  };

  world& world_;
  std::string certname_;
  bunraku::connect_options connect_;
  bunraku::policy::knowledge learned_;
  names names_;
  prober probes_;
  std::list<std::shared_ptr<race>> racing_;
  std::list<std::shared_ptr<status_op>> asking_;
  std::list<question> questions_;
  std::uint64_t configurations_ = 0;
  bool stopped_ = false;
};

}  // namespace sim
