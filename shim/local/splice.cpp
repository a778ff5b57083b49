#include "local/splice.hpp"

#include "forward/unattended.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace shim::local {
namespace net = boost::asio;

namespace {
/// Transfers without a wait before others get their turn.
constexpr unsigned turn = 32;

bool would_block(boost::system::error_code e) {
  return e == net::error::would_block || e == net::error::try_again || e == net::error::interrupted;
}

constexpr std::size_t scratch_bytes = 65'536;

}  // namespace

splice::splice(tcp::socket client, tcp::socket master, std::string for_client, std::vector<char>& scratch,
               tunnel_counts::traffic& totals)
    : client_(std::move(client)),
      master_(std::move(master)),
      timer_(client_.get_executor()),
      scratch_(scratch),
      up_{.from = client_, .to = master_, .from_name = "client", .to_name = "master", .total = totals.up},
      down_{.from = master_, .to = client_, .from_name = "master", .to_name = "client", .total = totals.down},
      touched_(clock::now()) {
  down_.pending = std::move(for_client);
  if (scratch_.empty()) scratch_.resize(scratch_bytes);
}

splice::~splice() {
  if (!over_) close(true);
}

net::awaitable<splice::result> splice::run(std::shared_ptr<splice> self, std::chrono::milliseconds idle) {
  // A fault in one direction breaks this tunnel, and its line in the log says so.
  const forward::told fault(
      [self](std::string_view line) {
        self->why_ = line;
        self->how_ = tunnel_end::cut;
        if (!self->over_) self->close(true);
        self->timer_.cancel();
      },
      "a tunnel");
  net::co_spawn(self->client_.get_executor(), pump(self, self->up_), fault);
  net::co_spawn(self->client_.get_executor(), pump(self, self->down_), fault);
  while (!self->over_ && !(self->up_.ended && self->down_.ended)) {
    const auto until = self->touched_ + idle;
    if (clock::now() >= until) {
      self->why_ = "limits.tunnel_idle is over";
      self->how_ = tunnel_end::idle;
      break;
    }
    self->timer_.expires_at(until);
    error_code woken;
    co_await self->timer_.async_wait(net::redirect_error(net::use_awaitable, woken));
  }
  if (!self->over_) self->close(false);
  co_return result{self->up_.bytes, self->down_.bytes, self->how_, std::move(self->why_)};
}

net::awaitable<void> splice::pump(std::shared_ptr<splice> self, direction& way) {
  unsigned without_waiting = 0;
  while (!self->over_) {
    const step next = self->move_some(way);
    if (next == step::over) break;
    if (next == step::moved) {
      if (++without_waiting < turn) continue;
      without_waiting = 0;
      co_await net::post(self->client_.get_executor(), net::use_awaitable);
      continue;
    }
    without_waiting = 0;
    const bool reading = next == step::wait_read;
    auto& socket = reading ? way.from : way.to;
    error_code error;
    co_await socket.async_wait(reading ? tcp::socket::wait_read : tcp::socket::wait_write,
                               net::redirect_error(net::use_awaitable, error));
    if (error && !self->over_) self->break_off(reading ? way.from_name : way.to_name, error);
  }
  self->timer_.cancel();
}

splice::step splice::move_some(direction& way) {
  if (!way.pending.empty()) return deliver_pending(way);
  error_code error;
  const auto got = way.from.read_some(net::buffer(scratch_), error);
  if (would_block(error)) return step::wait_read;
  if (error == net::error::eof) {
    way.ended = true;
    way.to.shutdown(tcp::socket::shutdown_send, error);
    return step::over;
  }
  if (error) {
    break_off(way.from_name, error);
    return step::over;
  }
  touched_ = clock::now();
  auto put = way.to.write_some(net::buffer(scratch_.data(), got), error);
  if (would_block(error)) put = 0;
  else if (error) {
    break_off(way.to_name, error);
    return step::over;
  }
  way.bytes += put;
  way.total += put;
  if (put < got) way.pending.assign(scratch_.data() + put, got - put);
  return step::moved;
}

splice::step splice::deliver_pending(direction& way) {
  error_code error;
  const auto put = way.to.write_some(net::buffer(way.pending.data() + way.used, way.pending.size() - way.used), error);
  if (would_block(error)) return step::wait_write;
  if (error) {
    break_off(way.to_name, error);
    return step::over;
  }
  touched_ = clock::now();
  way.bytes += put;
  way.total += put;
  way.used += put;
  if (way.used == way.pending.size()) {
    way.pending = {};
    way.used = 0;
  }
  return step::moved;
}

void splice::break_off(const char* side, error_code error) {
  if (over_) return;
  why_ = std::string(side) + ": " + error.message();
  how_ = tunnel_end::cut;
  close(true);
}

void splice::close(bool reset) {
  over_ = true;
  for (auto* socket : {&client_, &master_}) {
    error_code ignored;
    if (reset) socket->set_option(net::socket_base::linger(true, 0), ignored);
    socket->close(ignored);
  }
  timer_.cancel();
}

}  // namespace shim::local
