#pragma once
#include <bunraku/endpoint.hpp>
#include <bunraku/fault.hpp>
#include <bunraku/master.hpp>
#include <bunraku/outcome.hpp>
#include <bunraku/service.hpp>

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bunraku {

/// What a source that is not built in says of a service's masters.
struct source_reply {
  bool answered = false;  ///< else what it said last goes on
  std::vector<master> masters;
  std::chrono::milliseconds valid{1000};
  std::string note;  ///< why not, one sentence for people
};

/// A master that a plan may contain. Those of one group may change places, unless they are saturated, draining or down;
/// groups come in ascending order.
struct plan_candidate {
  master who;
  std::uint32_t group = 0;
  double load = 0;                         ///< by the service's probe, less is better
  std::chrono::milliseconds load_age{-1};  ///< negative: nothing is known
};
struct plan_question {
  std::string service;
  std::vector<plan_candidate> candidates;  ///< in the order in which they are tried otherwise
  bool probed = false;
};
struct plan_scores {
  enum class kind : std::uint8_t {
    none,    ///< nothing to say: the order stays
    scores,  ///< less comes first, within a group
    ask,     ///< those with a score other than 0 are to be probed first
  };
  kind what = kind::none;
  std::vector<std::int64_t> scores;  ///< one per candidate
};

struct probe_question {
  std::string path;  ///< empty: nothing to ask
  std::chrono::milliseconds keep{10000};
};
struct probe_answer {
  master who;
  int status = 0;  ///< 0: none in time
  std::string body;
};

/// What came of something, for those who watch.
struct seen {
  enum class kind : std::uint8_t { outcome, exchange };
  kind what = kind::outcome;
  outcome::kind result = outcome::kind::begun;
  std::string service, endpoint, host;
  std::uint16_t port = 0;
  int status = 0;
  std::chrono::microseconds first_byte{0};
  std::uint64_t bytes_up = 0, bytes_down = 0;
};

/// What a resolver asks of code that is not its own: see load_plugins for the usual way to have some. Whoever links
/// the library can also implement this in C++.
/// Threads: all functions are called on the resolver's thread, and must not block. A reply is invoked on `executor`
///          exactly once, never within the call, and in bounded time, whatever happens behind it; not at all only when
///          the object is destroyed or `stop` was called.
class extensions {
 public:
  template <class Reply>
  using handler = boost::asio::any_completion_handler<void(Reply)>;
  using executor_type = boost::asio::any_io_executor;

  virtual ~extensions() = default;

  /// Is anybody there who interferes? Asked before `interfere`, on the hot path.
  virtual bool interferes() const noexcept = 0;
  virtual void interfere(executor_type executor, moment when, handler<fault> reply) = 0;
  /// Is anybody there who watches?
  virtual bool watches() const noexcept = 0;
  virtual void see(seen what) = 0;

  /// `name` is whom to ask. An unknown name, or one without that kind, replies at once that there is nothing to say.
  virtual void masters(executor_type executor, const std::string& name, std::string service,
                       handler<source_reply> reply) = 0;
  virtual void score(executor_type executor, const std::string& name, plan_question what,
                     handler<plan_scores> reply) = 0;
  virtual void question(executor_type executor, const std::string& name, std::string service,
                        handler<probe_question> reply) = 0;
  virtual void judge(executor_type executor, const std::string& name, probe_answer what,
                     handler<std::optional<double>> reply) = 0;
};

}  // namespace bunraku
