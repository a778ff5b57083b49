#pragma once
#include "pool.hpp"
#include "resolver.hpp"
#include "task.hpp"
#include "world.hpp"

#include <bunraku/course.hpp>
#include <bunraku/plan.hpp>

#include <boost/system/error_code.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace sim {

/// What the agent sees of one exchange.
struct received {
  int status = 0;    ///< 0: nothing came
  bool own = false;  ///< the answer is the daemon's own error
  bool cut = false;  ///< the connection ended before the answer did
  std::uint64_t bytes = 0;
  content body;  ///< what the last bytes belong to
};

/// What the invariants want to know of an exchange under way and when it is over.
struct story {
  request what;
  time_point began, ended;
  received got;
  /// Each time a request was written to a master.
  struct sending {
    bunraku::master to;
    bool reused, stale, may_have_processed;
    std::optional<bunraku::mishap> mishap{};  ///< nothing: it was answered
  };
  std::vector<sending> sent;
  std::vector<bunraku::master> failed_to_connect;
  bool budget_denied = false;
  bool client_left = false;
  bool process_stopped = false;
  bool proof_failed = false;                    ///< another master's answer was another one
  std::optional<bunraku::master> answered_by;   ///< whose answer the client got
  std::optional<bunraku::master> failed_first;  ///< the first that was tried, when another one was tried after it
  bool doubts_not_found = false;                ///< one said 404, and another one was asked whether that is so
  std::uint32_t same_again = 0;                 ///< moves to the same master, and stale connections
  std::uint32_t rounds = 1;                     ///< it began anew after all masters were full
  boost::system::error_code no_connection;
  time_point deadline = never;
};

class exchange;

/// What all exchanges of a daemon share.
struct forwarding {
  resolver& with;
  pool& idle;
  std::uint64_t replay_bytes = 65u << 20;
  std::chrono::milliseconds stall{30000};
  std::chrono::milliseconds deadline{600000};
  std::vector<exchange*> under_way{};
};

/// One request with all its attempts and the one answer: shim/forward/exchange, step by step. It decides nothing that
/// `course`, the plan and the knowledge behind the resolver do not.
class exchange {
 public:
  /// `leaves_at`: the client goes away while this exchange waits for the so many-th time; 0: it stays.
  exchange(forwarding& shared, const request& what, std::chrono::milliseconds first_byte, unsigned leaves_at,
           story& told);
  exchange(const exchange&) = delete;
  exchange& operator=(const exchange&) = delete;
  ~exchange() { std::erase(shared_.under_way, this); }
  task<nothing> run();

  /// The client goes away. Nobody notices before something is written to it.
  void client_leaves() noexcept { told_story_.client_left = true; }
  void process_stops() noexcept { told_story_.process_stopped = true; }

 private:
  using error_code = boost::system::error_code;
  using outcome = bunraku::outcome::kind;
  enum class step : std::uint8_t { done, again, give_up };
  enum class ending : std::uint8_t { whole, client_left, broken };

  task<error_code> connect();
  task<step> attempt_once();
  task<error_code> send_request();
  task<error_code> read_head();
  task<step> judge_status();
  bool prefers_full(bunraku::mishap what) const;
  task<bool> wait_for_room();
  task<step> relay();
  task<ending> relay_body();
  task<bool> more_from_master();
  void break_off(error_code error);
  step take_back();
  bool may_go_on() const;
  step after_break();
  task<bool> go_on_elsewhere();
  task<step> ask_again(content first);
  task<bool> catch_up(content first);
  task<bool> ask_status();
  task<bool> fill(time_point when);
  step judge_silence(error_code error);
  bunraku::course::situation situation() const;
  bool may_repeat();
  void ask_same_again();
  bool to_client(int status, std::uint64_t until, const content& of);
  void begin_request();
  void answer_failure();
  void conclude();
  void leave_litter();
  void tell(outcome what, std::string reason = {});
  void tell_status(bunraku::mishap what);
  void note(bunraku::stage reached, error_code error, std::string reason, int status);
  time_point now() const noexcept { return shared_.with.of().now(); }
  world& w() noexcept { return shared_.with.of(); }

  forwarding& shared_;
  story& told_story_;
  request request_;
  bunraku::plan plan_;
  std::optional<link> up_;
  bunraku::master who_{"", 0, bunraku::source_kind::list};
  reply reply_;
  std::size_t next_piece_ = 0;
  std::uint64_t there_ = 0;  // bytes of the body that came from this master
  sleeper sleep_;
  unsigned waits_ = 0, leaves_at_;
  bool replayable_, reused_ = false, planned_ = false, owes_outcome_ = false, hangs_ = false;
  bool answer_begun_ = false, provable_ = false;
  struct kept_answer {
    bunraku::master who;
    int status;
    bool full;
    content body;
  };
  std::optional<kept_answer> kept_;
  bunraku::run_ticket ticket_;
  time_point began_, attempt_began_, sent_at_, heard_at_;
  bunraku::course course_;
};

}  // namespace sim
