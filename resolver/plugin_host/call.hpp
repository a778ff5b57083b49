#pragma once
#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/append.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

namespace bunraku::plugin_host {

/// A question that the loop's thread waits for and another thread answers.
class waiting_call {
 public:
  virtual ~waiting_call() = default;
  /// On the loop's thread: nobody waits any more, and nothing of the loop's is touched from now on.
  virtual void abandon() noexcept = 0;
};

/// The caller's side is the handler, on the loop's thread; deliver() is for the other one. Whichever of the answer and
/// the limit comes first is what the handler gets, once.
template <class Reply>
class call final : public waiting_call, public std::enable_shared_from_this<call<Reply>> {
 public:
  using handler_type = boost::asio::any_completion_handler<void(Reply)>;
  using late_hook = std::function<void()>;

  call(boost::asio::any_io_executor loop, handler_type handler, Reply fallback)
      : loop_(std::move(loop)), handler_(std::move(handler)), fallback_(std::move(fallback)) {}

  /// After `limit` the handler gets the fallback, and `late` is called before it. `over` is called before the handler
  /// in any case, which may forget this call.
  void begin(std::chrono::milliseconds limit, late_hook late, late_hook over) {
    late_ = std::move(late);
    over_ = std::move(over);
    limit_.emplace(loop_, limit);
    limit_->async_wait([self = this->shared_from_this()](boost::system::error_code error) {
      if (error || !self->handler_) return;
      self->late_();
      self->finish(std::move(self->fallback_));
    });
  }
  /// Nobody is to be asked: the fallback, but not from within this function.
  void decline() {
    boost::asio::post(loop_, [self = this->shared_from_this()] { self->finish(std::move(self->fallback_)); });
  }

  /// Is it still worth answering?
  bool is_wanted() const {
    const std::lock_guard lock(mutex_);
    return !abandoned_;
  }
  void deliver(Reply reply) {
    const std::lock_guard lock(mutex_);
    if (abandoned_) return;
    boost::asio::post(
        loop_, [self = this->shared_from_this(), r = std::move(reply)]() mutable { self->finish(std::move(r)); });
  }

  void abandon() noexcept override {
    {
      const std::lock_guard lock(mutex_);
      abandoned_ = true;
    }
    limit_.reset();
    late_ = over_ = nullptr;
    handler_.reset();
  }

 private:
  void finish(Reply reply) {
    if (!handler_) return;
    const auto self = this->shared_from_this();
    handler_type handler(std::move(*handler_));
    if (over_) over_();
    abandon();
    auto executor = boost::asio::get_associated_executor(handler, loop_);
    boost::asio::dispatch(executor, boost::asio::append(std::move(handler), std::move(reply)));
  }

  boost::asio::any_io_executor loop_;
  std::optional<handler_type> handler_;  // Asio 1.26 can move-construct these, and nothing else
  Reply fallback_;
  late_hook late_, over_;
  std::optional<boost::asio::steady_timer> limit_;
  mutable std::mutex mutex_;
  bool abandoned_ = false;
};

}  // namespace bunraku::plugin_host
