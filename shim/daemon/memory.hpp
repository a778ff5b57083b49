#pragma once
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>

namespace shim::daemon {

/// From now on up to 2 MiB of what was freed stay at hand. By itself malloc keeps 128 KiB: a catalog takes and frees
/// more, and each one had the kernel make its pages anew, a tenth of its CPU. Whoever calls this gives back when
/// nothing goes on.
void keep_memory_at_hand() noexcept;

/// What was freed goes back to the kernel. malloc keeps the pages between what is still in use, and reading the
/// configuration, keys and certificates leaves more free than it leaves in use. 0.1 to 0.3 ms: for when there is
/// nothing else to do.
void give_back_memory() noexcept;

/// The same for handshakes: each one holds up to 60 KiB on each side for its time, and those of many connections leave
/// twice as much free as the connections use from then on.
/// Threads: the loop's only. No timer once it is quiet.
class handshake_leftovers {
 public:
  explicit handshake_leftovers(boost::asio::io_context& loop) : timer_(loop) {}

  /// A connection begins. Once none has for a while, what they left is given back.
  void connection_began();

 private:
  static constexpr std::chrono::milliseconds quiet{200};
  void wait();

  boost::asio::steady_timer timer_;
  std::chrono::steady_clock::time_point last_{};
  bool waits_ = false;
};

}  // namespace shim::daemon
