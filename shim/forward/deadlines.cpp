#include "forward/deadlines.hpp"

#include <algorithm>

namespace shim::forward {

void deadlines::arm(clock::time_point when) {
  armed_ = when + grain;
  timer_.expires_at(armed_);
  timer_.async_wait([this](boost::system::error_code error) {
    if (!error) sweep();
  });
}

void deadlines::sweep() {
  const auto now = clock::now();
  if (now < armed_) return;  // an expiry that was queued before the timer was moved
  armed_ = clock::time_point::max();
  auto earliest = clock::time_point::max();
  for (deadline* d = first_; d != nullptr; d = d->next_) {
    if (d->when_ <= now) {
      d->when_ = clock::time_point::max();
      d->expired_ = true;
      if (d->watched_.is_open()) d->watched_.cancel();  // completions are posted: the list does not change under us
    } else {
      earliest = std::min(earliest, d->when_);
    }
  }
  if (earliest != clock::time_point::max()) arm(earliest);
}

deadline::deadline(deadlines& all, bunraku::connection& watched) noexcept : all_(all), watched_(watched) {
  next_ = all_.first_;
  if (next_ != nullptr) next_->previous_ = this;
  all_.first_ = this;
}

deadline::~deadline() {
  if (previous_ != nullptr) previous_->next_ = next_;
  else all_.first_ = next_;
  if (next_ != nullptr) next_->previous_ = previous_;
}

}  // namespace shim::forward
