#pragma once
#include <bunraku/error.hpp>

#include <boost/asio/any_completion_executor.hpp>
#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/append.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/steady_timer.hpp>

#include <algorithm>
#include <chrono>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <utility>

namespace bunraku::io {

/// Something that was begun for a caller, who may give it up.
class open_operation {
 public:
  virtual void abort(boost::system::error_code why) = 0;

 protected:
  ~open_operation() = default;
};

/// What an object's callers wait for now.
class open_operations {
 public:
  using list = std::list<open_operation*>;
  list::iterator insert(open_operation& op) { return all_.insert(all_.end(), &op); }
  void erase(list::iterator place) { all_.erase(place); }
  /// Each one completes, and none of their handlers runs before this returns.
  void abort_all() {
    while (!all_.empty()) all_.front()->abort(boost::asio::error::operation_aborted);
  }

 private:
  list all_;
};

/// The caller's side of an asynchronous operation: from the initiating function to the handler, which is posted through
/// its associated executor exactly once, whatever happens.
/// Model:   the work goes on in a coroutine that holds a share, and calls complete() in the end. The caller may be
///          gone by then: abort() (from the handler's cancellation slot, the limit, or the owner) completes at once,
///          and what the work brings later is dropped.
/// Threads: the loop's one, and so is whoever emits the handler's cancellation signal.
/// Owns:    the handler, with outstanding work on its executor. `errc::cancelled` reaches it as Asio's
///          operation_aborted.
template <class... Values>
class operation final : public open_operation, public std::enable_shared_from_this<operation<Values...>> {
 public:
  using error_code = boost::system::error_code;
  using handler_type = boost::asio::any_completion_handler<void(error_code, Values...)>;
  using cancellation_type = boost::asio::cancellation_type;

  operation(boost::asio::any_io_executor io, handler_type handler)
      : io_(std::move(io)),
        handler_(std::move(handler)),
        work_(boost::asio::prefer(boost::asio::get_associated_executor(*handler_, io_),
                                  boost::asio::execution::outstanding_work.tracked)) {}
  ~operation() { unlink(); }

  /// `accepted`: the kinds of cancellation that end it.
  void listen(cancellation_type accepted) {
    auto slot = boost::asio::get_associated_cancellation_slot(*handler_);
    if (!slot.is_connected()) return;
    slot.assign([weak = this->weak_from_this(), accepted](cancellation_type kind) {
      if ((kind & accepted) == cancellation_type::none) return;
      const auto self = weak.lock();
      if (self) self->abort_from_slot();
    });
    listens_ = true;
  }
  void belong_to(std::shared_ptr<open_operations> owner) {
    place_ = owner->insert(*this);
    owner_ = std::move(owner);
  }
  /// After this long it ends with `errc::deadline`.
  void end_within(std::chrono::milliseconds limit) {
    constexpr std::chrono::milliseconds longest = std::chrono::days(365);
    if (limit > longest) return;
    limit_.emplace(io_, limit);
    limit_->async_wait([weak = this->weak_from_this()](error_code error) {
      const auto self = weak.lock();
      if (self && !error) self->abort(errc::deadline);
    });
  }
  /// Called when it is aborted, before the handler is posted; may complete it with what is there.
  void on_abort(std::function<void(error_code)> what) { on_abort_ = std::move(what); }

  bool is_over() const noexcept { return !handler_; }

  void complete(error_code error, Values... values) {
    if (is_over()) return;
    unlink();
    limit_.reset();
    handler_type handler(std::move(*handler_));
    handler_.reset();
    if (listens_) boost::asio::get_associated_cancellation_slot(handler).clear();
    if (error == errc::cancelled) error = boost::asio::error::operation_aborted;
    boost::asio::post(io_, boost::asio::append(std::move(handler), error, std::move(values)...));
    work_.reset();
  }
  void abort(error_code why) override {
    if (is_over()) return;
    const auto self = this->shared_from_this();
    if (on_abort_) on_abort_(why);
    complete(why, Values()...);
  }

 private:
  void abort_from_slot() {
    listens_ = false;  // the slot's handler is running: it must not be cleared under its own feet
    abort(boost::asio::error::operation_aborted);
  }
  void unlink() {
    if (owner_) owner_->erase(place_);
    owner_.reset();
  }

  boost::asio::any_io_executor io_;
  std::optional<handler_type> handler_;  // none: it is over. Asio 1.26 can move-construct these, and nothing else
  std::optional<boost::asio::any_completion_executor> work_;
  std::optional<boost::asio::steady_timer> limit_;
  std::function<void(error_code)> on_abort_;
  std::shared_ptr<open_operations> owner_;
  open_operations::list::iterator place_;
  bool listens_ = false;
};

/// The kinds of cancellation that end an operation without effects outside of this process.
inline constexpr auto any_cancellation = boost::asio::cancellation_type::terminal |
                                         boost::asio::cancellation_type::partial |
                                         boost::asio::cancellation_type::total;
/// Of one that has sent packets to masters: it cannot be undone.
inline constexpr auto cancellation_with_effects =
    boost::asio::cancellation_type::terminal | boost::asio::cancellation_type::partial;

}  // namespace bunraku::io
