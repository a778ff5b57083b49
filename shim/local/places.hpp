#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <utility>

namespace shim::local {

/// Who has the places that limits.connections gives. One connection takes one. Whoever showed the node's own key is who
/// all this is for, and may have every place; so that nobody else can keep it out:
/// - callers that have not shown yet what they want (half a handshake, half a head) give way, the oldest first, to new
///   ones when all places are taken;
/// - no other client has more than half of the places, and all of them together not more than three quarters. A client
///   is a user id on a Unix socket. Who uses a tunnel cannot be told, so all tunnels are one client.
class places {
 public:
  using client = std::uint64_t;
  static constexpr client tunnels = ~client{0};
  static constexpr client user(std::uint32_t uid) noexcept { return uid; }

  std::size_t most = 512;
  std::size_t taken() const noexcept { return taken_; }

  /// One place, from its caller's arrival on.
  class place {
   public:
    explicit place(places& of) : of_(&of) { ++of_->taken_; }
    ~place() { release(); }
    place(const place&) = delete;
    place& operator=(const place&) = delete;

    /// The caller has not shown yet what it wants: `give_up` ends it if somebody else needs the place. Not called
    /// again, and never after settle(). It is called from whoever comes, so it must only set things going.
    void wait(std::function<void()> give_up) {
      settle();
      if (lost_) return;
      waits_ = of_->waiting_.insert(of_->waiting_.end(), {this, std::move(give_up)});
      is_waiting_ = true;
    }
    void settle() noexcept {
      if (is_waiting_) of_->waiting_.erase(waits_);
      is_waiting_ = false;
    }
    /// It was told to give up.
    bool lost() const noexcept { return lost_; }

    /// It is this client's. False if that one has enough of them.
    bool belongs_to(client who) {
      const auto found = of_->clients_.find(who);
      const auto has = found == of_->clients_.end() ? 0 : found->second;
      if (has >= of_->most / 2 || of_->others_ >= of_->most - of_->most / 4) return false;
      ++of_->clients_[who];
      ++of_->others_;
      who_ = who;
      counts_ = true;
      return true;
    }

    void release() noexcept {
      settle();
      if (of_ != nullptr && !lost_) --of_->taken_;
      if (counts_) {
        const auto found = of_->clients_.find(who_);
        if (--found->second == 0) of_->clients_.erase(found);
        --of_->others_;
      }
      counts_ = false;
      of_ = nullptr;
    }

   private:
    friend class places;
    places* of_;
    std::list<std::pair<place*, std::function<void()>>>::iterator waits_{};
    bool is_waiting_ = false, lost_ = false, counts_ = false;
    client who_ = 0;
  };

  /// Is there room for one more? If all is taken, the oldest that waits gives way.
  bool make_room() {
    if (taken_ < most) return true;
    if (waiting_.empty()) return false;
    auto [oldest, give_up] = std::move(waiting_.front());
    waiting_.pop_front();
    oldest->is_waiting_ = false;
    oldest->lost_ = true;
    --taken_;
    give_up();
    return taken_ < most;
  }

 private:
  std::size_t taken_ = 0, others_ = 0;
  std::map<client, std::size_t> clients_;
  std::list<std::pair<place*, std::function<void()>>> waiting_;
};

}  // namespace shim::local
