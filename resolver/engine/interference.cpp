#include "io/stream.hpp"

#include <bunraku/fault.hpp>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include <algorithm>
#include <array>
#include <memory>
#include <sys/socket.h>
#include <unistd.h>

namespace bunraku {
namespace net = boost::asio;
using local = net::local::stream_protocol;
constexpr auto as_tuple = net::as_tuple(net::use_awaitable);

namespace {

/// The other end of the stream that the caller gets: it plays the fault. Held by its coroutines, and over when the
/// caller closes its end.
class player : public std::enable_shared_from_this<player> {
 public:
  player(local::socket end, connection real, fault what)
      : end_(std::move(end)), real_(std::move(real)), what_(std::move(what)), wait_(end_.get_executor()) {}

  void begin() {
    const auto executor = end_.get_executor();
    switch (what_.what) {
      case fault::kind::status: return net::co_spawn(executor, answer(shared_from_this()), net::detached);
      case fault::kind::reset:
        if (what_.at_byte == 0) return net::co_spawn(executor, take_and_end(shared_from_this()), net::detached);
        [[fallthrough]];
      case fault::kind::delay:
        net::co_spawn(executor, there(shared_from_this()), net::detached);
        return net::co_spawn(executor, back(shared_from_this()), net::detached);
      default: return net::co_spawn(executor, swallow(shared_from_this()), net::detached);
    }
  }

 private:
  using share = std::shared_ptr<player>;

  void end() {
    boost::system::error_code ignored;
    end_.close(ignored);
    wait_.cancel();
    if (real_.is_open()) real_.close();
  }

  /// A master that takes a request and says nothing.
  static net::awaitable<void> swallow(share self) {
    std::array<char, 16384> piece;
    for (;;) {
      auto [error, n] = co_await self->end_.async_read_some(net::buffer(piece), as_tuple);
      if (error) break;
    }
    self->end();
  }
  /// One that dies over a request.
  static net::awaitable<void> take_and_end(share self) {
    std::array<char, 16384> piece;
    co_await self->end_.async_read_some(net::buffer(piece), as_tuple);
    self->end();
  }
  /// One that answers without having read more than came at once. It reads on, so that a large request does not stop
  /// the client before it sees the answer.
  static net::awaitable<void> answer(share self) {
    std::array<char, 16384> piece;
    auto [error, n] = co_await self->end_.async_read_some(net::buffer(piece), as_tuple);
    if (error) co_return self->end();
    const auto& what = self->what_;
    const std::string text = "HTTP/1.1 " + std::to_string(what.status) + " Injected\r\n" + what.headers +
                             "Content-Length: " + std::to_string(what.body.size()) + "\r\nConnection: close\r\n\r\n" +
                             what.body;
    auto [failed, written] = co_await net::async_write(self->end_, net::buffer(text), as_tuple);
    if (failed) co_return self->end();
    co_await swallow(self);
  }

  static net::awaitable<void> there(share self) {
    std::array<char, 16384> piece;
    for (;;) {
      auto [error, n] = co_await self->end_.async_read_some(net::buffer(piece), as_tuple);
      if (error) break;
      auto [failed, written] = co_await net::async_write(self->real_, net::buffer(piece, n), as_tuple);
      if (failed) co_return;  // its answer, if there is one, still comes back
    }
    self->end();
  }
  static net::awaitable<void> back(share self) {
    std::array<char, 16384> piece;
    const bool resets = self->what_.what == fault::kind::reset;
    std::uint64_t left = resets ? self->what_.at_byte : ~std::uint64_t{0};
    for (bool first = true; left != 0; first = false) {
      const auto most = std::min<std::uint64_t>(piece.size(), left);
      auto [error, n] = co_await self->real_.async_read_some(net::buffer(piece, most), as_tuple);
      if (first && !resets) {
        self->wait_.expires_after(self->what_.delay);
        co_await self->wait_.async_wait(as_tuple);
      }
      if (error) break;
      auto [failed, written] = co_await net::async_write(self->end_, net::buffer(piece, n), as_tuple);
      if (failed) break;
      left -= n;
    }
    self->end();
  }

  local::socket end_;
  connection real_;
  fault what_;
  net::steady_timer wait_;
};

bool is_played_on_a_stream(fault::kind what) noexcept {
  return what == fault::kind::hang || what == fault::kind::reset || what == fault::kind::status ||
         what == fault::kind::delay;
}

}  // namespace

bool fits(fault::kind what, moment::kind when) noexcept {
  switch (what) {
    case fault::kind::none: return false;
    case fault::kind::dns_silent:
    case fault::kind::dns_lie: return when == moment::kind::lookup;
    case fault::kind::refuse:
    case fault::kind::blackhole:
    case fault::kind::bad_certificate: return when == moment::kind::connect;
    case fault::kind::hang:
    case fault::kind::reset:
    case fault::kind::status: return when == moment::kind::request;
    case fault::kind::delay: return when != moment::kind::lookup;
  }
  return false;
}

connection interfere(connection real, const fault& with) {
  if (!real.is_open() || !is_played_on_a_stream(with.what)) return real;
  const auto executor = real.get_executor();
  local::socket ours(executor), theirs(executor);
  boost::system::error_code error;
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) return real;
  ours.assign(local(), ends[0], error);
  if (error) ::close(ends[0]);
  boost::system::error_code failed;
  theirs.assign(local(), ends[1], failed);
  if (failed) ::close(ends[1]);
  if (!error && !failed) ours.non_blocking(true, error);
  if (error || failed) return real;
  auto peer = real.peer();
  io::stream::socket_type plain(std::move(ours));
  connection made(std::make_unique<io::stream>(std::move(plain), nullptr, std::move(peer)));
  std::make_shared<player>(std::move(theirs), std::move(real), with)->begin();
  return made;
}

}  // namespace bunraku
