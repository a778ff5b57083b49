#pragma once
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

namespace shim::local {

/// Operations on a plain non-blocking socket that end by a given time with `timed_out`. One at a time. The socket must
/// live until the operation is over. Kept by shared_ptr: an expiry that is queued already holds it.
class patience : public std::enable_shared_from_this<patience> {
 public:
  using tcp = boost::asio::ip::tcp;
  using error_code = boost::system::error_code;
  using time_point = std::chrono::steady_clock::time_point;

  explicit patience(const boost::asio::any_io_executor& executor) : timer_(executor) {}

  /// Appends at least one byte and at most `most`. `eof` when the peer has ended its direction.
  boost::asio::awaitable<error_code> read_some(tcp::socket& from, std::string& into, std::size_t most,
                                               time_point until);
  boost::asio::awaitable<error_code> write_all(tcp::socket& to, std::string_view bytes, time_point until);

 private:
  boost::asio::awaitable<error_code> wait(tcp::socket& socket, tcp::socket::wait_type what, time_point until);

  boost::asio::steady_timer timer_;
  unsigned current_ = 0;  // an expiry that was queued before its wait ended belongs to an older one
  bool expired_ = false;
};

}  // namespace shim::local
