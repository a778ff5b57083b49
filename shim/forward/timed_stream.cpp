#include "forward/timed_stream.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <utility>

namespace shim::forward {
namespace net = boost::asio;

namespace {

/// How much is relayed at once of a body of which `left` bytes are to come. What is of most use for 100 MiB would cost
/// a catalog of 300 KB more in fresh pages than in wake-ups.
constexpr std::size_t piece_of(std::uint64_t left) noexcept {
  if (left <= byte_buffer::usual) return byte_buffer::usual;
  return left < (1 << 20) ? byte_buffer::streaming : byte_buffer::bulk;
}

}  // namespace

/// A stream that never blocks would keep the only thread to itself.
net::awaitable<void> timed_stream::let_others_run() {
  without_waiting_ = 0;
  co_await net::post(stream_.get_executor(), net::use_awaitable);
}

net::awaitable<timed_stream::error_code> timed_stream::wait_until(bunraku::direction which,
                                                                  deadlines::clock::time_point limit) {
  without_waiting_ = 0;
  limit_.set(limit);
  auto [error] = co_await stream_.async_wait(which, net::as_tuple(net::deferred));  // use_awaitable has another frame
  if (error && limit_.expired()) error = net::error::timed_out;
  limit_.clear();
  co_return error;
}

net::awaitable<timed_stream::error_code> timed_stream::wait_either_until(deadlines::clock::time_point limit) {
  limit_.set(limit);
  auto [error] = co_await stream_.async_wait_either(net::as_tuple(net::deferred));
  if (error && limit_.expired()) error = net::error::timed_out;
  limit_.clear();
  co_return error;
}

timed_stream::error_code timed_stream::fill_now(byte_buffer& into, std::size_t capacity) {
  if (next_error_) return std::exchange(next_error_, error_code{});
  char* room = into.room(capacity);
  if (room == nullptr) return net::error::no_buffer_space;
  error_code error;
  const auto n = stream_.read_some(room, into.room_size(), error);
  if (!error) {
    into.filled(n);
    ++without_waiting_;
  } else if (end_is_a_break_ && error == net::error::eof) {
    error = net::error::connection_reset;
  }
  return error;
}

timed_stream::error_code timed_stream::fill_body_now(byte_buffer& into, std::uint64_t left) {
  const auto piece = left == unknown ? byte_buffer::usual : piece_of(left);
  const auto error = fill_now(into, piece);
  if (!error && (piece > byte_buffer::usual || into.size() >= byte_buffer::usual)) add_body_now(into, left);
  return error;
}

void timed_stream::add_body_now(byte_buffer& into, std::uint64_t left) {
  const auto piece = left == unknown ? byte_buffer::streaming : piece_of(left);
  while (!next_error_ && into.size() < std::min<std::uint64_t>(left, piece)) next_error_ = fill_now(into, piece);
  if (next_error_ == net::error::would_block) next_error_ = {};
}

net::awaitable<timed_stream::error_code> timed_stream::fill(byte_buffer& into, std::chrono::milliseconds limit,
                                                            std::size_t capacity) {
  for (;;) {
    // Most heads are far shorter than the longest that is allowed.
    auto error = fill_now(into, into.size() < byte_buffer::usual ? byte_buffer::usual : capacity);
    if (!error && hogs()) co_await let_others_run();
    if (error != net::error::would_block) co_return error;
    error = co_await wait(bunraku::direction::read, limit);
    if (error) co_return error;
  }
}

net::awaitable<timed_stream::error_code> timed_stream::fill_body(byte_buffer& into, std::uint64_t left,
                                                                 std::chrono::milliseconds limit) {
  for (;;) {
    auto error = fill_body_now(into, left);
    if (!error && hogs()) co_await let_others_run();
    if (error != net::error::would_block) co_return error;
    error = co_await wait(bunraku::direction::read, limit);
    if (error) co_return error;
  }
}

net::awaitable<timed_stream::error_code> timed_stream::write_all(std::string_view bytes,
                                                                 std::chrono::milliseconds limit) {
  auto error = write_now(bytes);
  if (error == net::error::would_block) error = co_await write_rest(bytes, limit);
  co_return error;
}

net::awaitable<timed_stream::error_code> timed_stream::write_rest(std::string_view bytes,
                                                                  std::chrono::milliseconds limit) {
  for (;;) {
    auto error = co_await wait(bunraku::direction::write, limit);
    if (!error) error = write_now(bytes);
    if (error != net::error::would_block) co_return error;
  }
}

timed_stream::error_code timed_stream::write_now(std::string_view& bytes) noexcept {
  error_code error;
  while (!bytes.empty() && !error) bytes.remove_prefix(stream_.write_some(bytes.data(), bytes.size(), error));
  return error;
}

}  // namespace shim::forward
