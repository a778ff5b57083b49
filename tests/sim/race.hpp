#pragma once
#include "names.hpp"
#include "policy/connect_race.hpp"
#include "policy/knowledge.hpp"
#include "task.hpp"
#include "world.hpp"

#include <bunraku/options.hpp>
#include <bunraku/plan.hpp>

#include <boost/system/error_code.hpp>

#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace sim {

/// engine/connect_fault's judgement, of the errors that there are here.
bunraku::policy::health_event::kind fault_of(boost::system::error_code error) noexcept;

/// One race for a connection to the next masters of a plan: engine/connect_op, step by step.
class race : public std::enable_shared_from_this<race> {
 public:
  using extend_plan = std::function<task<bool>(bunraku::plan&)>;
  race(world& of, names& named, const bunraku::connect_options& options, bunraku::policy::knowledge& learned);

  struct result {
    boost::system::error_code error;
    link value;
    bunraku::master who{"", 0, bunraku::source_kind::list};
  };
  task<result> run(bunraku::plan& from, extend_plan extend);
  void cancel() noexcept;
  bool has_dialled() const noexcept { return dialled_; }
  /// Before run(): called whenever a TCP connection stands.
  void on_connected(std::function<void()> told) { told_connected_ = std::move(told); }

 private:
  struct entrant {
    bunraku::master who;
    time_point began;
    std::size_t open = 1;
    bunraku::stage reached = bunraku::stage::resolve;
    boost::system::error_code error;
    std::string reason;
  };
  struct contestant {
    std::size_t entrant;
    std::optional<std::array<std::uint8_t, 4>> address;
  };
  struct dialled {
    std::optional<link> value;
    bunraku::stage reached = bunraku::stage::connect;
    boost::system::error_code error;
  };

  void start(contestant who);
  static detached contest(std::shared_ptr<race> self, contestant who);
  task<bool> find_addresses(contestant& who);
  task<dialled> dial(const bunraku::master& to, std::array<std::uint8_t, 4> address);
  void fail(std::size_t entrant, bunraku::stage reached, boost::system::error_code error, std::string reason);
  void settle(bunraku::plan& from);
  bool is_over() const noexcept { return over_ || cancelled_ || winner_; }

  world& world_;
  names& names_;
  bunraku::connect_options options_;
  bunraku::policy::knowledge& learned_;
  bunraku::service service_ = bunraku::service::catalog;
  bunraku::policy::connect_race race_;
  sleeper wake_;
  std::vector<entrant> entrants_;
  std::deque<contestant> waiting_;
  std::list<sleeper*> dials_;
  std::vector<bunraku::attempt> failed_;
  std::optional<link> winner_;
  std::size_t winning_entrant_ = 0;
  bool cancelled_ = false, over_ = false, dialled_ = false;
  std::function<void()> told_connected_;
};

}  // namespace sim
