#include "engine/status_op.hpp"

#include <bunraku/error.hpp>

namespace bunraku::engine {
namespace net = boost::asio;

status_op::status_op(std::shared_ptr<connect_op> race, master who, service of, io::status_wanted wanted)
    : race_(std::move(race)), who_(std::move(who)), of_(of), wanted_(wanted), timer_(race_->executor()) {}

void status_op::stop() noexcept {
  race_->cancel();
  if (made_.stream().is_open()) made_.stream().cancel();
}

void status_op::cancel() noexcept {
  cancelled_ = true;
  stop();
}

net::awaitable<status_op::result> status_op::run(std::chrono::milliseconds limit) {
  const auto self = shared_from_this();
  timer_.expires_after(limit);
  timer_.async_wait([self](boost::system::error_code error) {
    if (error || self->over_) return;
    self->late_ = true;
    self->stop();
  });

  result out;
  plan only(of_);
  only.append({who_});
  auto raced = co_await race_->run(only, [](plan&) -> net::awaitable<bool> { co_return false; });
  out.error = raced.error;
  out.dialled = race_->has_dialled();
  if (!raced.error) {
    out.connected = true;
    made_ = std::move(raced.value);
    // The limit may have passed between the race's end and here: then there was nobody to cancel.
    if (late_ || cancelled_) {
      out.error = errc::cancelled;
    } else {
      const auto said = co_await io::ask_status(made_.stream(), who_, of_, wanted_);
      out.error = said.error;
      out.status = said.status;
      out.running = said.running;
    }
  }
  over_ = true;
  timer_.cancel();
  if (made_.stream().is_open()) made_.stream().close();
  out.late = late_ && !cancelled_;
  if (cancelled_) out.error = errc::cancelled;
  else if (late_) out.reason = "no answer to a status question within " + std::to_string(limit.count()) + " ms";
  else if (!only.attempts().empty()) {
    out.error = only.attempts().back().error();
    out.reason = only.attempts().back().reason();
  } else if (out.error) out.reason = "no answer to a status question: " + out.error.message();
  co_return out;
}

}  // namespace bunraku::engine
