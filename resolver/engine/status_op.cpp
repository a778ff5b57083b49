#include "engine/status_op.hpp"

#include <bunraku/error.hpp>

namespace bunraku::engine {
namespace net = boost::asio;

status_op::status_op(std::shared_ptr<connect_op> race, master who, service of, std::string path, question ask)
    : race_(std::move(race)),
      who_(std::move(who)),
      of_(of),
      path_(std::move(path)),
      ask_(std::move(ask)),
      timer_(race_->executor()) {}

void status_op::stop() noexcept {
  race_->cancel();
  if (made_.stream().is_open()) made_.stream().cancel();
}

void status_op::cancel() noexcept {
  cancelled_ = true;
  stop();
}

void status_op::limit_step() {
  timer_.expires_after(limit_);
  timer_.async_wait([self = shared_from_this(), mine = ++steps_](boost::system::error_code error) {
    if (error || self->over_ || self->steps_ != mine) return;
    self->late_ = true;
    self->stop();
  });
}

net::awaitable<status_op::result> status_op::run(std::chrono::milliseconds limit) {
  limit_ = limit;
  limit_step();
  race_->on_connected([raw = this] {  // which the race does not outlive
    if (!raw->late_ && !raw->cancelled_) raw->limit_step();
  });
  result out;
  plan only(of_);
  only.append({who_});
  const auto watched_by = race_->watched_by();
  if (watched_by) only.set_request(0, "GET", path_.substr(0, path_.find('?')));
  auto raced = co_await race_->run(only, [](plan&) -> net::awaitable<bool> { co_return false; });
  out.error = raced.error;
  out.dialled = race_->has_dialled();
  if (!raced.error) {
    out.connected = true;
    made_ = std::move(raced.value);
    if (watched_by) {
      const auto injected = co_await watched_by->ask(watched_by->about(moment::kind::request, only, who_));
      if (injected) made_.stream() = interfere(std::move(made_.stream()), injected);
    }
    // The limit may have passed between the race's end and here: then there was nobody to cancel.
    if (late_ || cancelled_) {
      out.error = errc::cancelled;
    } else {
      limit_step();
      auto said = co_await ask_(made_.stream());
      out.error = said.error;
      out.status = said.status;
      out.running = said.running;
      out.body = std::move(said.body);
    }
  }
  over_ = true;
  timer_.cancel();
  if (made_.stream().is_open()) made_.stream().close();
  out.late = late_ && !cancelled_;
  if (out.late && out.dialled && !out.connected) race_->doubt(who_);
  if (cancelled_) out.error = errc::cancelled;
  else if (late_)
    out.reason = "no answer to a status question within " + std::to_string(limit.count()) + " ms of waiting for it";
  else if (!only.attempts().empty()) {
    out.error = only.attempts().back().error();
    out.reason = only.attempts().back().reason();
  } else if (out.error) out.reason = "no answer to a status question: " + out.error.message();
  co_return out;
}

}  // namespace bunraku::engine
