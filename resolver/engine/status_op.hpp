#pragma once
#include "engine/connect_op.hpp"
#include "io/status_question.hpp"

#include <bunraku/master.hpp>
#include <bunraku/service.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <string>

namespace bunraku::engine {

/// One status question to one master on a connection of its own, made the way traffic makes its connections. Each step
/// (TCP, TLS, answer) has the limit for itself: what passes it by is a master from which nothing comes any more,
/// however far away it is. Kept by shared_ptr so that it can be cancelled from outside while it runs.
class status_op : public std::enable_shared_from_this<status_op> {
 public:
  struct result {
    bool connected = false;  ///< else `race` has reported why, unless the limit or a cancellation ended it
    bool late = false;       ///< the limit ended it
    bool dialled = false;    ///< it had an address; without one, being late says nothing about the master
    boost::system::error_code error;
    std::string reason;  ///< one sentence for people; empty when all is well
    int status = 0;
    bool running = false;
    std::string body{};
  };
  /// Puts the question on a connection that stands.
  using question = std::function<boost::asio::awaitable<io::status_answer>(connection&)>;

  /// `race` is fresh. `path` is what `ask` asks for, for observers.
  status_op(std::shared_ptr<connect_op> race, master who, service of, std::string path, question ask);

  boost::asio::awaitable<result> run(std::chrono::milliseconds limit);
  /// Ends run() with `cancelled`.
  void cancel() noexcept;
  const master& who() const noexcept { return who_; }

 private:
  void stop() noexcept;
  void limit_step();

  std::shared_ptr<connect_op> race_;
  master who_;
  service of_;
  std::string path_;
  question ask_;
  connected made_;
  boost::asio::steady_timer timer_;
  std::chrono::milliseconds limit_{0};
  unsigned steps_ = 0;  // which step the timer is for: an expiry that was already queued belongs to an older one
  bool late_ = false, cancelled_ = false, over_ = false;
};

}  // namespace bunraku::engine
