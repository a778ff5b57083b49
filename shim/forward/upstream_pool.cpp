#include "forward/upstream_pool.hpp"

#include "forward/end_wait.hpp"

#include <iterator>

namespace shim::forward {

upstream_pool::upstream_pool(const boost::asio::any_io_executor& executor, std::chrono::milliseconds idle_limit,
                             std::size_t most)
    : idle_limit_(idle_limit), most_(most), timer_(executor) {}

std::optional<bunraku::connection> upstream_pool::take(const bunraku::master& to, clock::time_point now) {
  const auto oldest = now - idle_limit_;
  for (auto it = idle_.rbegin(); it != idle_.rend();) {
    if (it->to != to) {
      ++it;
      continue;
    }
    if (it->since < oldest) break;  // all further ones are older still
    auto stream = std::move(it->stream);
    it = std::make_reverse_iterator(idle_.erase(std::next(it).base()));
    if (stream.idle_and_alive()) return stream;
  }
  return std::nullopt;
}

void upstream_pool::put(const bunraku::master& to, bunraku::connection idle, std::uint64_t era) {
  if (most_ == 0 || era != era_) return idle.close();
  while (idle_.size() >= most_) idle_.pop_front();
  idle_.push_back({to, std::move(idle), clock::now()});
  if (!armed_) arm();
}

void upstream_pool::drop(const bunraku::master& to) noexcept {
  std::erase_if(idle_, [&](const entry& each) { return each.to == to; });
}

void upstream_pool::clear() noexcept {
  ++era_;
  for (auto& each : idle_) each.stream.close();
  idle_.clear();
  end_wait(timer_);
  armed_ = false;
}

void upstream_pool::arm() {
  armed_ = true;
  timer_.expires_at(idle_.front().since + idle_limit_);
  timer_.async_wait([this](boost::system::error_code error) {
    if (!error) sweep();
  });
}

void upstream_pool::sweep() {
  armed_ = false;
  const auto oldest = clock::now() - idle_limit_;
  while (!idle_.empty() && idle_.front().since <= oldest) idle_.pop_front();
  if (!idle_.empty()) arm();
  else if (when_idle_) when_idle_();
}

}  // namespace shim::forward
