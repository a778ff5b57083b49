#include "admin/control.hpp"

#include "admin/conversation.hpp"
#include "admin/unix_place.hpp"
#include "forward/end_wait.hpp"
#include "forward/unattended.hpp"

#include <bunraku/local.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <cstdlib>
#include <unistd.h>

namespace shim::admin {
namespace net = boost::asio;
using error_code = boost::system::error_code;
using unix_protocol = net::local::stream_protocol;
using bunraku::log_level;

struct control::shared {
  explicit shared(controlled d) : daemon(std::move(d)) {}
  std::function<void(std::string_view)> warn() const {
    return [say = daemon.say](std::string_view line) { say(log_level::warning, line); };
  }
  controlled daemon;
  std::size_t clients = 0;
};

struct control::listening {
  listening(unix_place p, const net::any_io_executor& executor, std::shared_ptr<shared> s)
      : place(std::move(p)), pause(executor), with(std::move(s)) {}
  void stop() noexcept {
    place.leave();
    forward::end_wait(pause);
  }
  unix_place place;
  net::steady_timer pause;
  std::shared_ptr<shared> with;
};

namespace {

net::awaitable<void> serve(std::shared_ptr<control::shared> with, unix_protocol::socket socket) {
  const counted one(with->clients);
  error_code error;
  const auto caller = bunraku::credentials_of(socket, error);
  const auto who = "uid " + std::to_string(caller.uid) + " pid " + std::to_string(caller.pid);
  conversation with_client(with->daemon, bunraku::plain_connection(std::move(socket), who), who, false);
  if (error || (caller.uid != 0 && caller.uid != ::geteuid())) {
    with->daemon.refused("control.refused client=\"" + who + "\" reason=\"neither root nor our user\"");
    co_await with_client.refuse({403, "forbidden", "Only root and the daemon's own user may use this socket.", {}});
  } else if (with->clients > control::most_clients) {
    co_await with_client.refuse({503, "busy", "Too many clients at once; try again.", {}});
  } else {
    co_await with_client.run();
  }
}

}  // namespace

std::string socket_path(const std::string& configured) {
  if (configured != "auto") return configured;
  const char* const given = std::getenv("RUNTIME_DIRECTORY");
  std::string directory = given == nullptr ? "" : given;
  directory = directory.substr(0, directory.find(':'));
  return (directory.starts_with('/') ? directory : "/run/bunraku") + "/control.sock";
}

net::awaitable<void> control::run(std::shared_ptr<listening> at) {
  boost::system::error_code ignored;
  // Asio would wait for one more caller after one that is gone already, with others in the queue.
  at->place.acceptor().set_option(net::socket_base::enable_connection_aborted(true), ignored);
  while (at->place.acceptor().is_open()) {
    error_code error;
    auto socket = co_await at->place.acceptor().async_accept(net::redirect_error(net::use_awaitable, error));
    if (!at->place.acceptor().is_open()) break;
    if (!error && at->with->clients < 2 * most_clients) {
      net::co_spawn(at->place.acceptor().get_executor(), serve(at->with, std::move(socket)),
                    forward::told(at->with->warn(), "the control socket"));
      continue;
    }
    if (!error || error == net::error::connection_aborted || error == net::error::interrupted) continue;
    at->pause.expires_after(std::chrono::seconds(1));  // no descriptors left: the kernel keeps the callers meanwhile
    co_await at->pause.async_wait(net::redirect_error(net::use_awaitable, error));
  }
}

control::control(net::any_io_executor executor, controlled daemon)
    : executor_(std::move(executor)), shared_(std::make_shared<shared>(std::move(daemon))) {}
control::~control() { close(); }

bunraku::problems control::open(const std::string& path, const std::string& where) {
  if (path == this->path() && (path.empty() || at_->place.stands())) return {};
  if (path.empty()) {
    close();
    return {};
  }
  std::string why;
  auto place = unix_place::claim(executor_, path, why);
  if (!place)
    return {{bunraku::severity::warning, where, "No control socket at " + path + ": " + why + ".",
             "The proxy works without it; `bunraku status`, `explain`, `drain` and `reload` do not."}};
  close();
  at_ = std::make_shared<listening>(std::move(*place), executor_, shared_);
  net::co_spawn(executor_, run(at_), forward::ends_the_process{});
  return {};
}

void control::close() noexcept {
  if (!at_) return;
  at_->stop();
  at_.reset();
}

std::string control::path() const { return at_ ? at_->place.path() : std::string(); }

}  // namespace shim::admin
