#include "local/patience.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <array>

namespace shim::local {
namespace net = boost::asio;

namespace {
bool would_block(boost::system::error_code e) {
  return e == net::error::would_block || e == net::error::try_again || e == net::error::interrupted;
}
}  // namespace

net::awaitable<patience::error_code> patience::wait(tcp::socket& socket, tcp::socket::wait_type what,
                                                    time_point until) {
  if (until <= std::chrono::steady_clock::now()) co_return net::error::timed_out;
  const auto mine = ++current_;
  expired_ = false;
  timer_.expires_at(until);
  timer_.async_wait([self = shared_from_this(), mine, &socket](error_code cancelled) {
    if (cancelled || self->current_ != mine) return;
    self->expired_ = true;
    error_code ignored;
    socket.cancel(ignored);
  });
  error_code error;
  co_await socket.async_wait(what, net::redirect_error(net::use_awaitable, error));
  ++current_;
  timer_.cancel();
  if (error && expired_) error = net::error::timed_out;
  co_return error;
}

net::awaitable<patience::error_code> patience::read_some(tcp::socket& from, std::string& into, std::size_t most,
                                                         time_point until) {
  for (;;) {
    std::array<char, 4096> room;
    error_code error;
    const auto got = from.read_some(net::buffer(room.data(), std::min(room.size(), most)), error);
    if (!error) {
      into.append(room.data(), got);
      co_return error;
    }
    if (!would_block(error)) co_return error;
    error = co_await wait(from, tcp::socket::wait_read, until);
    if (error) co_return error;
  }
}

net::awaitable<patience::error_code> patience::write_all(tcp::socket& to, std::string_view bytes, time_point until) {
  while (!bytes.empty()) {
    error_code error;
    const auto put = to.write_some(net::buffer(bytes.data(), bytes.size()), error);
    if (!error) {
      bytes.remove_prefix(put);
      continue;
    }
    if (!would_block(error)) co_return error;
    error = co_await wait(to, tcp::socket::wait_write, until);
    if (error) co_return error;
  }
  co_return error_code{};
}

}  // namespace shim::local
