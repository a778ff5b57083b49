#pragma once
#include "engine/status_op.hpp"
#include "policy/knowledge.hpp"

#include <bunraku/options.hpp>

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <vector>

namespace bunraku::engine {

/// All status questions of a resolver: those that an overdue answer causes, and the probes of masters that failed.
/// Model:   whether and whom to probe is knowledge's; this class waits for the moment and puts the question.
/// Idle:    its one timer is armed only while a run is on and a probe will be due in it.
/// Threads: the loop's only. Kept by shared_ptr: a question under way holds a share, and with it what it reports to.
class status_questions : public std::enable_shared_from_this<status_questions> {
 public:
  using clock = std::chrono::steady_clock;
  using handler = boost::asio::any_completion_handler<void(boost::system::error_code)>;
  /// A fresh race with these options; null without an identity. Not called after stop().
  using new_race = std::function<std::shared_ptr<connect_op>(const connect_options&)>;

  status_questions(boost::asio::any_io_executor executor, std::shared_ptr<policy::knowledge> learned, new_race make,
                   connect_options options);

  /// See resolver::async_ask_status.
  void ask(master who, service of, handler done);
  /// GETs something small of a master, in the time for which it is dialled, and `most` at most. Nothing if there is no
  /// identity to ask with, or nobody left who would want to know.
  boost::asio::awaitable<std::optional<status_op::result>> get(master who, service of, std::string path,
                                                               std::chrono::milliseconds most);
  /// Call when anything was learned, or a run began or ended: arms, moves or disarms the timer.
  void plan_probes(clock::time_point now);
  void replace(connect_options options) { options_ = options; }
  /// Ends all of them with `cancelled`.
  void stop() noexcept;

 private:
  struct question {
    master who;
    std::vector<handler> waiting;
  };

  boost::asio::awaitable<std::optional<status_op::result>> put(master who, service of, std::string path,
                                                               status_op::question ask,
                                                               std::chrono::milliseconds limit);
  boost::asio::awaitable<std::optional<status_op::result>> put(master who, service of, io::status_wanted wanted,
                                                               std::chrono::milliseconds limit);
  static boost::asio::awaitable<void> answer_for(std::shared_ptr<status_questions> self, master who, service of);
  static boost::asio::awaitable<void> probe(std::shared_ptr<status_questions> self, master who, service of);
  boost::system::error_code judge(const status_op::result& said, const master& who, service of);
  void begin_due_probes();

  boost::asio::any_io_executor executor_;
  std::shared_ptr<policy::knowledge> learned_;
  new_race make_;
  connect_options options_;
  std::list<std::shared_ptr<status_op>> under_way_;
  std::list<question> questions_;
  boost::asio::steady_timer timer_;
  std::optional<clock::time_point> armed_for_;
  bool stopped_ = false;
};

}  // namespace bunraku::engine
