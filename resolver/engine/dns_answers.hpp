#pragma once
#include "io/ares_channel.hpp"
#include "policy/dns_message.hpp"
#include "policy/ttl_cache.hpp"
#include "policy/ttl_policy.hpp"

#include <bunraku/log.hpp>
#include <bunraku/options.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/system/error_code.hpp>

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace bunraku::engine {

/// What DNS said, or why it said nothing. `answer` counts only while `error` is not set.
struct dns_outcome {
  policy::dns_answer answer;
  boost::system::error_code error;
  std::string note;  ///< for people
  std::chrono::steady_clock::time_point expires;
};

/// The answers of DNS: asked once per name and type at a time, kept as their TTL says, failures too.
/// Threads: the executor's one thread. Always held by shared_ptr: questions under way keep it alive.
class dns_answers : public std::enable_shared_from_this<dns_answers> {
 public:
  using key = std::pair<std::string, policy::dns_type>;
  using outcome_ptr = std::shared_ptr<const dns_outcome>;
  using clock = std::chrono::steady_clock;

  /// A question under way; `outcome` is set when it is over, and then every timer in `waiting` is cancelled.
  struct flight {
    outcome_ptr outcome;
    std::vector<std::weak_ptr<boost::asio::steady_timer>> waiting;
  };

  dns_answers(boost::asio::any_io_executor executor, const dns_options& dns, std::shared_ptr<log_sink> log);

  /// Null if not known or out of date.
  outcome_ptr fresh(const key& question, clock::time_point now) const;

  /// The question under way, a new one if there is none; over at once when the answer is fresh.
  std::shared_ptr<flight> ask(const key& question);

  /// As `ask`, and waits. When the waiting coroutine is cancelled the outcome is errc::cancelled, and the question goes
  /// on for the others.
  static boost::asio::awaitable<outcome_ptr> wait(std::shared_ptr<dns_answers> self, key question);

  /// Other options from now on. Failures are forgotten, and so are answers that `keep` does not want; questions under
  /// way end as they began.
  void replace(const dns_options& dns, const std::function<bool(const key&)>& keep);

  /// Ends every question with errc::cancelled.
  void close();

  /// How long one question may take.
  std::chrono::milliseconds deadline() const noexcept { return channel_->deadline(); }

  const boost::asio::any_io_executor& executor() const noexcept { return executor_; }

 private:
  static boost::asio::awaitable<void> run(std::shared_ptr<dns_answers> self, key question, std::shared_ptr<flight> own);
  void finish(const key& question, flight& own, dns_outcome outcome, std::chrono::seconds ttl);
  void log_change(const key& question, const dns_outcome& now, std::chrono::seconds ttl) const;

  boost::asio::any_io_executor executor_;
  std::shared_ptr<log_sink> log_;
  policy::ttl_limits limits_;
  std::shared_ptr<io::ares_channel> channel_;
  std::vector<std::weak_ptr<io::ares_channel>> channels_;  ///< this one, and older ones with questions under way
  policy::ttl_cache<key, outcome_ptr> cache_;
  std::map<key, std::shared_ptr<flight>> flights_;
};

}  // namespace bunraku::engine
