#include "engine/handshake_turns.hpp"

#include "io/end_wait.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <utility>

namespace bunraku::engine {
namespace net = boost::asio;

namespace {

/// A session's way is one round trip; below this a busy loop may be what takes so long.
constexpr std::chrono::milliseconds least_grace{10};

}  // namespace

handshake_turns::turn::turn(std::shared_ptr<handshake_turns> of, std::string master, std::uint64_t number)
    : of_(std::move(of)), master_(std::move(master)), number_(number), began_(clock::now()) {}

handshake_turns::turn::turn(turn&& other) noexcept
    : of_(std::move(other.of_)), master_(std::move(other.master_)), number_(other.number_), began_(other.began_) {}

handshake_turns::turn& handshake_turns::turn::operator=(turn&& other) noexcept {
  std::swap(of_, other.of_);
  std::swap(master_, other.master_);
  std::swap(number_, other.number_);
  std::swap(began_, other.began_);
  return *this;
}

handshake_turns::turn::~turn() {
  if (of_) of_->ended(master_, number_, std::nullopt);
}

void handshake_turns::turn::succeeded() noexcept {
  if (const auto of = std::move(of_)) of->ended(master_, number_, clock::now() - began_);
}

net::awaitable<handshake_turns::turn> handshake_turns::wait(std::shared_ptr<handshake_turns> self, std::string master,
                                                            net::steady_timer& wake, std::chrono::milliseconds limit) {
  if (self->places_.size() >= most_masters && !self->places_.contains(master)) co_return turn();
  const auto end = clock::now() + limit;
  for (;;) {
    auto& at = self->places_[master];
    if (at.gives_none) co_return turn();
    if (at.leader == 0) {
      at.leader = ++self->last_number_;
      co_return turn(self, std::move(master), at.leader);
    }
    const auto until = std::min(end, at.session_due.value_or(end));
    if (clock::now() >= until) {
      if (until < end) {
        at.gives_none = true;
        at.leader = 0;
        at.session_due.reset();
      }
      self->forget(master);
      co_return turn();
    }
    wake.expires_at(until);
    const auto mine = at.waiting.insert(at.waiting.end(), {.wake = &wake});
    boost::system::error_code error;
    co_await wake.async_wait(net::redirect_error(net::use_awaitable, error));
    const auto woken = mine->woken;
    at.waiting.erase(mine);  // `at` stays while anybody waits there
    if (woken == waiter::why::session_came || (error && woken == waiter::why::cancelled)) {
      self->forget(master);
      co_return turn();
    }
  }
}

/// What says nothing any more.
void handshake_turns::forget(const std::string& master) noexcept {
  const auto found = places_.find(master);
  if (found == places_.end()) return;
  const auto& at = found->second;
  if (at.leader == 0 && !at.gives_none && at.waiting.empty()) places_.erase(found);
}

void handshake_turns::wake(place& all, waiter::why what) noexcept {
  for (auto& each : all.waiting) {
    each.woken = what;
    io::end_wait(*each.wake);
  }
}

void handshake_turns::session_came(const std::string& master) noexcept {
  const auto found = places_.find(master);
  if (found == places_.end()) return;
  auto& at = found->second;
  wake(at, waiter::why::session_came);
  at.leader = 0;
  at.session_due.reset();
  at.gives_none = false;
  forget(master);
}

/// `took`: nothing when it failed.
void handshake_turns::ended(const std::string& master, std::uint64_t number,
                            std::optional<clock::duration> took) noexcept {
  const auto found = places_.find(master);
  if (found == places_.end() || found->second.leader != number) return;
  auto& at = found->second;
  if (took) at.session_due = clock::now() + std::max<clock::duration>(*took, least_grace);
  else at.leader = 0;
  wake(at, waiter::why::look_again);
  forget(master);
}

}  // namespace bunraku::engine
