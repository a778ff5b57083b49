#pragma once
#include "forward/byte_buffer.hpp"
#include "forward/deadlines.hpp"

#include <bunraku/connection.hpp>

#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <cstdint>
#include <limits>
#include <string_view>

namespace shim::forward {

/// A connection whose waits have a limit. Every operation first tries without waiting; the limit counts only from when
/// it has to wait, and ends it with `timed_out`.
class timed_stream {
 public:
  using error_code = boost::system::error_code;
  timed_stream(bunraku::connection stream, deadlines& all) : stream_(std::move(stream)), limit_(all, stream_) {}

  /// At least one more byte into `into`, whose capacity is grown to `capacity`. `no_buffer_space` when it is full.
  boost::asio::awaitable<error_code> fill(byte_buffer& into, std::chrono::milliseconds limit,
                                          std::size_t capacity = byte_buffer::usual);
  /// The same as fill_body_now, but waits.
  boost::asio::awaitable<error_code> fill_body(byte_buffer& into, std::uint64_t left, std::chrono::milliseconds limit);
  boost::asio::awaitable<error_code> write_all(std::string_view bytes, std::chrono::milliseconds limit);
  /// As much of `bytes` as goes without waiting, which is taken from them; an error unless that is all, `would_block`
  /// among them. A coroutine's frame costs more than a small write, so that those who write much try this first.
  error_code write_now(std::string_view& bytes) noexcept;
  /// What write_now has left when it said `would_block`.
  boost::asio::awaitable<error_code> write_rest(std::string_view bytes, std::chrono::milliseconds limit);
  /// What is there, without waiting: at least one byte, or an error, `would_block` among them.
  error_code fill_now(byte_buffer& into, std::size_t capacity = byte_buffer::usual);
  static constexpr std::uint64_t unknown = std::numeric_limits<std::uint64_t>::max();
  /// The same for a body of which `left` bytes are still to come, or an `unknown` number: if that is much, all that is
  /// there, up to byte_buffer::streaming or byte_buffer::bulk. What costs most of a body is waking its reader, once for
  /// each write.
  error_code fill_body_now(byte_buffer& into, std::uint64_t left);
  /// What is there of such a body behind the part of it in `into`. An error waits for the next read.
  void add_body_now(byte_buffer& into, std::uint64_t left);
  /// For callers of fill_now: so much came without waiting that others must have their turn.
  bool hogs() const noexcept { return without_waiting_ > 64; }
  boost::asio::awaitable<void> let_others_run();
  boost::asio::awaitable<error_code> wait(bunraku::direction which, std::chrono::milliseconds limit) {
    return wait_until(which, deadlines::clock::now() + limit);
  }
  boost::asio::awaitable<error_code> wait_until(bunraku::direction which, deadlines::clock::time_point limit);
  /// Waits until something can be read or written.
  boost::asio::awaitable<error_code> wait_either_until(deadlines::clock::time_point limit);

  bunraku::connection& stream() noexcept { return stream_; }
  /// `end_is_a_break`: an orderly end of the stream is told as `connection_reset`.
  void replace(bunraku::connection other, bool end_is_a_break = false) noexcept {
    stream_ = std::move(other);
    end_is_a_break_ = end_is_a_break;
    next_error_ = {};
  }
  /// Takes the connection out; is_open() is false then.
  bunraku::connection take() noexcept { return std::move(stream_); }

 private:
  bunraku::connection stream_;
  deadline limit_;
  unsigned without_waiting_ = 0;
  error_code next_error_;  // came behind bytes that were to be used first
  bool end_is_a_break_ = false;
};

}  // namespace shim::forward
