#include "admin/loopback.hpp"

#include "admin/conversation.hpp"
#include "forward/end_wait.hpp"
#include "forward/unattended.hpp"

#include <bunraku/local.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace shim::admin {
namespace net = boost::asio;
using error_code = boost::system::error_code;
using tcp = net::ip::tcp;

namespace {

constexpr int backlog = 16;

std::string text_of(const tcp::endpoint& at) {
  return bunraku::master(at.address().to_string(), at.port(), bunraku::source_kind::list).to_string();
}

}  // namespace

struct loopback::listening {
  listening(tcp::acceptor a, controlled d)
      : acceptor(std::move(a)), pause(acceptor.get_executor()), daemon(std::move(d)) {}
  std::function<void(std::string_view)> warn() const {
    return [say = daemon.say](std::string_view line) { say(bunraku::log_level::warning, line); };
  }
  tcp::acceptor acceptor;
  net::steady_timer pause;
  controlled daemon;
  std::size_t clients = 0;
};

namespace {

net::awaitable<void> serve(std::shared_ptr<loopback::listening> with, tcp::socket socket) {
  const counted one(with->clients);
  error_code error;
  const auto from = socket.remote_endpoint(error);
  const auto who = error ? std::string("?") : text_of(from);
  conversation with_client(with->daemon, bunraku::plain_connection(std::move(socket), who), who, true);
  if (with->clients > loopback::most_clients)
    co_await with_client.refuse({503, "busy", "Too many clients at once; try again.", {}});
  else co_await with_client.run();
}

}  // namespace

loopback::loopback(net::any_io_executor executor, controlled daemon)
    : executor_(std::move(executor)), daemon_(std::move(daemon)) {}
loopback::~loopback() { close(); }

net::awaitable<void> loopback::run(std::shared_ptr<listening> at) {
  boost::system::error_code ignored;
  at->acceptor.set_option(net::socket_base::enable_connection_aborted(true), ignored);  // as the control socket's
  while (at->acceptor.is_open()) {
    error_code error;
    auto socket = co_await at->acceptor.async_accept(net::redirect_error(net::use_awaitable, error));
    if (!at->acceptor.is_open()) break;
    if (!error && at->clients < 2 * most_clients) {
      net::co_spawn(at->acceptor.get_executor(), serve(at, std::move(socket)),
                    forward::told(at->warn(), "the status page"));
      continue;
    }
    if (!error || error == net::error::connection_aborted || error == net::error::interrupted) continue;
    at->pause.expires_after(std::chrono::seconds(1));  // no descriptors left: the kernel keeps the callers meanwhile
    co_await at->pause.async_wait(net::redirect_error(net::use_awaitable, error));
  }
}

bunraku::problems loopback::open(const std::string& address, std::uint16_t port, const std::string& where) {
  if (address.empty()) {
    close();
    return {};
  }
  if (at_ && address == address_ && port == port_) return {};
  const tcp::endpoint wanted(net::ip::make_address(address), port);
  tcp::acceptor acceptor(executor_);
  error_code error;
  acceptor.open(wanted.protocol(), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor.bind(wanted, error);
  if (!error) acceptor.listen(backlog, error);
  if (error)
    return {{bunraku::severity::warning, where,
             "No status page and metrics at " + text_of(wanted) + ": " + error.message() + ".",
             "The proxy works without them; see who has the port: ss -ltnp 'sport = :" + std::to_string(port) + "'."}};
  close();
  address_ = address;
  port_ = port;
  at_ = std::make_shared<listening>(std::move(acceptor), daemon_);
  net::co_spawn(executor_, run(at_), forward::ends_the_process{});
  return {};
}

void loopback::close() noexcept {
  if (!at_) return;
  error_code ignored;
  at_->acceptor.close(ignored);
  forward::end_wait(at_->pause);
  at_.reset();
}

std::string loopback::place() const {
  if (!at_) return {};
  error_code error;
  const auto at = at_->acceptor.local_endpoint(error);
  return error ? std::string() : text_of(at);
}

}  // namespace shim::admin
