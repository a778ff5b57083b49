#pragma once
#include "engine/discovery.hpp"
#include "engine/observers.hpp"
#include "engine/upstream.hpp"
#include "io/dialer.hpp"
#include "policy/connect_race.hpp"
#include "policy/knowledge.hpp"

#include <bunraku/log.hpp>
#include <bunraku/options.hpp>
#include <bunraku/plan.hpp>
#include <bunraku/resolver.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>

#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <vector>

namespace bunraku::engine {

/// One race for a connection to the next masters of a plan. Pure timing is policy::connect_race's; this class starts
/// and ends the dials. Kept by shared_ptr: contestants that lost may still be unwinding when the race is over.
class connect_op : public std::enable_shared_from_this<connect_op> {
 public:
  /// Adds the next source's masters to the plan; false when there is none left.
  using extend_plan = std::function<boost::asio::awaitable<bool>(plan&)>;

  /// `tls` may be null: then the race is for TCP alone, and its winner is `result::plain`. So may `watched_by`.
  connect_op(boost::asio::any_io_executor executor, std::shared_ptr<discovery> names,
             std::shared_ptr<const upstream> tls, connect_options options, std::vector<master> never_dial,
             std::vector<std::string> within, std::shared_ptr<log_sink> log, policy::knowledge& learned,
             std::shared_ptr<const observers> watched_by = nullptr);

  struct result {
    boost::system::error_code error;
    connected value;
    std::optional<dialled> plain{};
  };
  boost::asio::awaitable<result> run(plan& from, extend_plan extend);
  /// Before run(): called whenever a TCP connection stands.
  void on_connected(std::function<void()> told) { told_connected_ = std::move(told); }
  /// Ends run() with `cancelled`.
  void cancel() noexcept;
  /// The same for a caller who does not wait for that: what is under way is over at once, and so told. `from` is
  /// run()'s plan.
  void give_up(plan& from);
  /// After run() was cancelled because it took too long: what led to `who` is asked for before its time is over, as it
  /// is when a dial fails.
  void doubt(const master& who);
  /// False while no address is known to dial.
  bool has_dialled() const noexcept { return dialled_; }
  const boost::asio::any_io_executor& executor() const noexcept { return executor_; }
  const std::shared_ptr<const observers>& watched_by() const noexcept { return watched_by_; }

 private:
  using clock = std::chrono::steady_clock;
  /// A master of this race: how many of its addresses are still in it, and how the last one failed.
  struct entrant {
    master who;
    clock::time_point began;
    std::size_t open = 1;
    stage reached = stage::resolve;
    boost::system::error_code error;
    std::string reason;
    bool own_fault = false;  // whatever the error says: this host could not ask for its addresses
  };
  struct contestant {
    std::size_t entrant;
    std::optional<boost::asio::ip::address> address;  // none: the master's addresses are still to be looked up
  };

  void start(contestant who);
  static boost::asio::awaitable<void> contest(std::shared_ptr<connect_op> self, contestant who);
  static boost::asio::awaitable<io::dial_result> dial(std::shared_ptr<connect_op> self, std::shared_ptr<io::dial> by,
                                                      master to);
  boost::asio::awaitable<bool> find_addresses(contestant& who);
  boost::asio::awaitable<fault> ask_observers(std::size_t entrant);
  boost::asio::awaitable<bool> play(fault injected, std::size_t entrant);
  boost::asio::awaitable<void> pause(std::chrono::milliseconds time);
  bool may_have_come_through(const fault& injected, std::size_t entrant);
  bool is_own_listener(const boost::asio::ip::address& address, std::uint16_t port) const;
  void fail(std::size_t entrant, stage reached, boost::system::error_code error, std::string reason);
  void settle(plan& from);
  void take_failed(plan& from);
  void add_unfinished(const entrant& e, boost::system::error_code error, std::string why);
  void take_winner(result& into);
  /// The number that what is learned is told under.
  service told_for() const noexcept;
  /// Whatever a contestant still brings is of no use, and who waits for run() may be gone.
  bool is_over() const noexcept { return over_ || cancelled_ || winner_ != nullptr; }

  boost::asio::any_io_executor executor_;
  std::shared_ptr<discovery> names_;
  std::shared_ptr<const upstream> tls_;
  connect_options options_;
  std::vector<master> never_dial_;
  std::vector<std::string> within_;
  std::shared_ptr<log_sink> log_;
  policy::knowledge&
      learned_;  // the resolver's, whose share run()'s caller holds; contestants that come too late do not touch it
  std::shared_ptr<const observers> watched_by_;
  service service_ = service::catalog;
  std::uint64_t numbering_ = 0;  // when `service_` was its number
  plan for_;                     // whom, and which request: only for observers

  policy::connect_race race_;
  boost::asio::steady_timer wake_;
  std::vector<entrant> entrants_;
  std::deque<contestant> waiting_;
  std::list<std::shared_ptr<io::dial>> dials_;
  std::list<boost::asio::steady_timer> pauses_;  // of faults
  std::vector<attempt> failed_;
  std::unique_ptr<io::stream> winner_;
  std::size_t winning_entrant_ = 0;
  boost::asio::ip::address address_of_winner_;
  bool cancelled_ = false, over_ = false, dialled_ = false;
  std::function<void()> told_connected_;
};

}  // namespace bunraku::engine
