#include "local/listener.hpp"

#include "forward/end_wait.hpp"
#include "forward/unattended.hpp"
#include "log_value.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <fcntl.h>
#include <optional>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace shim::local {
namespace net = boost::asio;
using error_code = boost::system::error_code;

namespace {

/// Accepts until the acceptor is closed. One that cannot (no descriptors, no memory) waits 50 ms to 1 s and tries
/// again: the kernel keeps the callers meanwhile. At the bound this comes and goes with each caller, so the log has it
/// once a minute.
template <class Acceptor, class Welcome>
net::awaitable<void> accept_loop(Acceptor& acceptor, net::steady_timer& pause, listener_shared& shared,
                                 Welcome welcome) {
  using clock = std::chrono::steady_clock;
  std::chrono::milliseconds wait{0};
  auto next_word = clock::time_point::min();
  bool told = false;
  error_code ignored;
  // Asio would wait for one more caller after one that is gone already, with others in the queue.
  acceptor.set_option(net::socket_base::enable_connection_aborted(true), ignored);
  while (acceptor.is_open()) {
    error_code error;
    auto socket = co_await acceptor.async_accept(net::redirect_error(net::use_awaitable, error));
    // One that was accepted just before the acceptor was closed is nobody else's any more: it is served all the same.
    if (!error) {
      if (std::exchange(told, false)) shared.info("accepting again");
      wait = {};
      welcome(std::move(socket));
      continue;
    }
    if (!acceptor.is_open()) break;
    if (error == net::error::connection_aborted || error == net::error::interrupted) continue;
    if (wait.count() == 0 && clock::now() >= next_word) {
      shared.warn("cannot accept connections for now: " + error.message());
      told = true;
      next_word = clock::now() + std::chrono::minutes(1);
    }
    wait = std::clamp(wait * 2, std::chrono::milliseconds(50), std::chrono::milliseconds(1000));
    pause.expires_after(wait);
    co_await pause.async_wait(net::redirect_error(net::use_awaitable, error));
  }
}

template <class Listener>
void close_quietly(Listener& acceptor, net::steady_timer& pause) noexcept {
  error_code ignored;
  acceptor.close(ignored);
  forward::end_wait(pause);
}

}  // namespace

net::awaitable<void> terminate(listener_shared& shared, net::ip::tcp::socket client, std::string already_read) {
  std::optional<places::place> place(std::in_place, shared.sessions.room);
  error_code error;
  const auto from = client.remote_endpoint(error);
  const auto refused = [&](const std::string& reason) {
    shared.refused("refused client=" + from.address().to_string() + ":" + std::to_string(from.port()) +
                   " reason=" + log_value(reason));
  };
  if (shared.before_use) shared.before_use();
  if (!shared.tls) {
    refused("this node has no certificate yet, or its CA revoked it");
    co_return;
  }
  bunraku::local_tls current = *shared.tls;
  net::cancellation_signal give_up;
  place->wait([&give_up] { give_up.emit(net::cancellation_type::terminal); });
  auto [failed, reason, tls] =
      co_await current.async_accept(std::move(client), std::move(already_read), shared.handshake_limit,
                                    net::bind_cancellation_slot(give_up.slot(), net::as_tuple(net::use_awaitable)));
  if (failed) {
    refused(place->lost() ? std::string(gave_way) : reason);
    co_return;
  }
  place.reset();  // the session takes one itself
  co_await serve(shared.sessions, std::move(tls));
}

tcp_listener::tcp_listener(net::ip::tcp::acceptor acceptor, config::listen_at what, listener_shared& shared)
    : acceptor_(std::move(acceptor)), what_(std::move(what)), pause_(acceptor_.get_executor()), shared_(shared) {}

void tcp_listener::start() {
  net::co_spawn(acceptor_.get_executor(), run(shared_from_this()), forward::ends_the_process{});
}
void tcp_listener::stop() noexcept { close_quietly(acceptor_, pause_); }
net::ip::tcp::endpoint tcp_listener::address() const {
  error_code ignored;
  return acceptor_.local_endpoint(ignored);
}

net::awaitable<void> tcp_listener::run(std::shared_ptr<tcp_listener> self) {
  const auto greet = [&self](net::ip::tcp::socket socket) {
    if (!self->shared_.sessions.room.make_room()) {
      self->shared_.refused("refused a connection: limits.connections are in use");
      return;
    }
    net::co_spawn(self->acceptor_.get_executor(), self->welcome(std::move(socket)),
                  forward::told(self->shared_.warn, "a listener"));
  };
  co_await accept_loop(self->acceptor_, self->pause_, self->shared_, greet);
}

/// What is awaited later must not need this listener: a reload may have taken it away by then.
net::awaitable<void> tcp_listener::welcome(net::ip::tcp::socket client) const {
  switch (what_.way) {
    case config::listen_at::way_in::connect: return serve_connect(shared_, std::move(client));
    case config::listen_at::way_in::passthrough: return serve_passthrough(shared_, what_, std::move(client));
    default: return terminate(shared_, std::move(client), {});
  }
}

unix_listener::unix_listener(net::local::stream_protocol::acceptor acceptor, std::vector<std::uint32_t> allowed_uids,
                             std::string path, listener_shared& shared)
    : acceptor_(std::move(acceptor)),
      pause_(acceptor_.get_executor()),
      allowed_(std::move(allowed_uids)),
      path_(std::move(path)),
      shared_(shared) {
  struct stat about{};
  if (::lstat(path_.c_str(), &about) != 0) return;
  device_ = about.st_dev;
  inode_ = about.st_ino;
}

unix_listener::~unix_listener() {
  struct stat about{};
  if (owns_file_ && ::lstat(path_.c_str(), &about) == 0 && about.st_dev == device_ && about.st_ino == inode_)
    ::unlink(path_.c_str());
}

bool unix_listener::set_mode(unsigned mode) const {
  if (!owns_file_) return true;
  const int file = ::open(path_.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC);
  struct stat about{};
  const bool ours = file >= 0 && ::fstat(file, &about) == 0 && about.st_dev == device_ && about.st_ino == inode_;
  // A socket's descriptor of this kind takes no fchmod.
  const bool done = ours && ::chmod(("/proc/self/fd/" + std::to_string(file)).c_str(), static_cast<mode_t>(mode)) == 0;
  if (file >= 0) ::close(file);
  return done;
}

void unix_listener::start() {
  net::co_spawn(acceptor_.get_executor(), run(shared_from_this()), forward::ends_the_process{});
}
void unix_listener::stop() noexcept { close_quietly(acceptor_, pause_); }

net::awaitable<void> unix_listener::run(std::shared_ptr<unix_listener> self) {
  const auto greet = [&self](net::local::stream_protocol::socket socket) {
    auto& shared = self->shared_;
    error_code error;
    const auto caller = bunraku::credentials_of(socket, error);
    const auto who = "uid " + std::to_string(caller.uid) + " pid " + std::to_string(caller.pid);
    if (error || std::ranges::find(self->allowed_, caller.uid) == self->allowed_.end()) {
      shared.refused(
          "refused client=\"" + who + "\" reason=" +
          log_value("its uid may not use " + self->path_ + " (see users of this [[listen]] in bunraku.toml)"));
      return;
    }
    if (shared.before_use) shared.before_use();
    if (!shared.sessions.room.make_room()) {
      shared.refused("refused a connection: limits.connections are in use");
      return;
    }
    net::co_spawn(self->acceptor_.get_executor(),
                  serve(shared.sessions, bunraku::plain_connection(std::move(socket), who), places::user(caller.uid)),
                  forward::told(shared.warn, "a socket's session"));
  };
  co_await accept_loop(self->acceptor_, self->pause_, self->shared_, greet);
}

}  // namespace shim::local
