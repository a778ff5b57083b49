#pragma once
#include "forward/access_log.hpp"
#include "forward/answer_identity.hpp"
#include "forward/body_relay.hpp"
#include "forward/prefix_proof.hpp"
#include "forward/request_body.hpp"
#include "forward/timed_stream.hpp"
#include "forward/upstream_pool.hpp"
#include "http/agent_manners.hpp"
#include "http/head.hpp"

#include <bunraku/course.hpp>
#include <bunraku/endpoint.hpp>
#include <bunraku/resolver.hpp>
#include <bunraku/verdict.hpp>

#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

namespace shim::forward {

/// What all exchanges of a daemon share and a reload may replace between two of them.
struct forwarding {
  bunraku::resolver& resolver;
  upstream_pool& pool;
  deadlines& limits;
  http::limits heads{};
  std::size_t replay_bytes = 1 << 20;        ///< of a request body, kept in memory for another master
  std::size_t replay_file_bytes = 64 << 20;  ///< the same, of the rest of it, in a file
  const std::string replay_directory = forward::replay_directory();
  replay_use replay{};
  const proof_key proofs{};
  std::chrono::milliseconds stall{30000};      ///< without a byte of progress on either leg
  std::chrono::milliseconds deadline{600000};  ///< of an exchange until its answer begins
  std::vector<std::string> strip_headers{};    ///< the site's own, besides the built-in ones
  std::function<void(const exchange_record&)> record{};
  std::function<void(std::string_view)> warn{};
  bool files_fail = false;  ///< the last body that needed a file could not have it, and that was told
};

/// The client's side of one connection, with what is worth keeping from exchange to exchange.
struct client_side {
  timed_stream stream;
  byte_buffer in;     ///< received, not yet used
  byte_buffer up_in;  ///< of the master that is answering
  std::string out;    ///< being sent, either way
  void release() {
    in.release();
    up_in.release();
    out = {};
  }
};

/// Where a request goes.
struct destination {
  bunraku::service service = bunraku::service::catalog;
  std::string_view service_name;
  const bunraku::endpoint* endpoint = nullptr;
  std::chrono::milliseconds first_byte{60000};  ///< until the head of the answer, after the request was sent
  std::shared_ptr<const void> keeps_alive;      ///< what `service_name` lives in: a reload may come meanwhile
};

/// One request with all its attempts and the one answer.
class exchange {
 public:
  exchange(forwarding& shared, client_side& client, const http::request_head& request, const destination& to);

  /// Runs it. True when the client's connection may carry another request. `last` may
  /// become true while it runs (drain) and is read until the answer's head is written: tell the client to close.
  boost::asio::awaitable<bool> run(const bool& last);
  /// The client's own request was malformed or never came to its end; more of it may still be on its way.
  bool client_failed() const noexcept { return client_fault_ != 0 && !body_.complete(); }

 private:
  using error_code = boost::system::error_code;
  using clock = std::chrono::steady_clock;
  using outcome = bunraku::outcome::kind;
  enum class step { done, again, give_up };
  enum class ending { whole, client_left, broken };
  enum class arrival { bytes, end, broken };
  /// An answer that is delivered if no other master has a better one.
  struct kept_answer {
    bunraku::master who;
    int status;
    bool full;  // 503 or 429 with Retry-After
    std::string head;
    std::string body;  // decoded
  };
  static std::chrono::microseconds since(clock::time_point t);

  bool connect_now();
  void start_attempt();
  bool may_reuse();
  bool take_idle();
  boost::asio::awaitable<error_code> connect();
  boost::asio::awaitable<bool> may_use_idle();
  boost::asio::awaitable<void> let_interfere();
  boost::asio::awaitable<step> attempt_once();
  error_code send_now(std::string_view& left);
  boost::asio::awaitable<error_code> send_rest(std::string_view left);
  void sent(error_code error);
  boost::asio::awaitable<error_code> send_body();
  boost::asio::awaitable<error_code> write_rest(std::string_view bytes);
  boost::asio::awaitable<error_code> await_room();
  boost::asio::awaitable<std::optional<error_code>> read_head();
  error_code fill_head_now();
  boost::asio::awaitable<error_code> doubt_head();
  boost::asio::awaitable<bool> ask_status();
  void heard();
  bunraku::course::situation situation();
  const bunraku::service_options* own_service();
  bunraku::service told_for();
  boost::asio::awaitable<step> judge_status(bunraku::mishap what);
  boost::asio::awaitable<bool> keep_answer(bool full);
  bool prefers_full(bunraku::mishap what) const;
  boost::asio::awaitable<bool> wait_for_room();
  boost::asio::awaitable<void> deliver_kept();
  boost::asio::awaitable<step> relay();
  boost::asio::awaitable<ending> relay_body(body_relay& body);
  std::string_view with_head(std::string_view bytes);
  error_code to_client_now(std::string_view& bytes);
  boost::asio::awaitable<bool> to_client(std::string_view bytes);
  boost::asio::awaitable<arrival> more_from_master(const body_relay& body);
  void break_off(error_code error, std::string reason);
  step take_back();
  bool may_go_on();
  boost::asio::awaitable<bool> go_on_elsewhere(body_relay& body);
  boost::asio::awaitable<step> ask_again(const answer_identity& first, body_relay& body);
  boost::asio::awaitable<bool> catch_up(body_relay& body);
  step after_break();
  void cut_client();
  boost::asio::awaitable<void> answer(int status, std::string_view message);
  boost::asio::awaitable<void> answer_failure(error_code error);
  step judge_silence(error_code error);
  bool may_repeat();
  void ask_same_again();
  void conclude();
  void tell_attempts();
  void add_why(std::string_view what);
  void tell_what_was_not_kept();
  void tell(outcome what, std::string reason = {});
  void tell_status(bunraku::mishap what);
  std::optional<std::chrono::seconds> retry_after() const;
  std::optional<std::chrono::seconds> room_left() const;
  error_code blame_client(const request_body::failure& why);
  void note(bunraku::stage reached, error_code error, std::string reason, int status);
  error_code refuse_head(std::string_view why);

  forwarding& shared_;
  client_side& client_;
  const http::request_head& request_;
  destination to_;
  request_body body_;
  bunraku::plan plan_;
  timed_stream up_;
  std::uint64_t era_ = 0;  // of the pool, when up_ was asked for
  bunraku::master who_;
  http::response_head response_;
  std::string response_bytes_;             // the head that response_ views into
  std::string last_failure_;               // why the client's own request could not be read to its end
  std::string_view unheard_;               // why an answer of our own did not reach the client
  int client_fault_ = 0;                   // status for it
  const http::retry_after_manner manner_;  // of the client
  const bool* last_ = nullptr;
  bool reused_ = false, planned_ = false, keep_client_ = false;
  bool plays_ = false;             // up_ is a fault's
  bool owes_outcome_ = false;      // the resolver was told of an attempt, and not yet how it ended
  bool hangs_ = false;             // the master was asked how it is, and did not say
  bool doubts_not_found_ = false;  // some master said 404, and another one was asked whether that is so
  bool awaits_continue_ = false;   // the client waits for 100 before it sends its body
  bool answer_begun_ = false;      // the client has a part of an answer
  bool provable_ = false;          // and what it has of the body can be proven to be the begin of another one's
  std::optional<kept_answer> kept_;
  clock::time_point connected_at_;
  bunraku::run_ticket ticket_;
  std::chrono::microseconds learned_first_byte_{0};
  clock::time_point began_, attempt_began_, sent_at_, heard_at_;
  bunraku::course course_;
  exchange_record record_;
};

}  // namespace shim::forward
