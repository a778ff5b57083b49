// What observers inject while a master is dialled.
#include "engine/connect_op.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace bunraku::engine {
namespace net = boost::asio;

namespace {

std::string words(const char* what, const fault& injected) {
  return std::string(what) + " (injected by " + injected.by + ")";
}

}  // namespace

net::awaitable<fault> connect_op::ask_observers(std::size_t entrant) {
  auto injected = co_await watched_by_->ask(watched_by_->about(moment::kind::connect, for_, entrants_[entrant].who));
  co_return injected;
}

/// Plays what happens instead of a dial, or before it. False: there is to be none.
net::awaitable<bool> connect_op::play(fault injected, std::size_t entrant) {
  switch (injected.what) {
    case fault::kind::refuse:
      fail(entrant, stage::connect, make_error_code(boost::system::errc::connection_refused),
           words("Connection refused", injected));
      co_return false;
    case fault::kind::blackhole:
      dialled_ = true;
      co_await pause(options_.connect_timeout);
      if (!is_over()) fail(entrant, stage::connect, errc::connect_timeout, words("no answer", injected));
      co_return false;
    case fault::kind::delay: co_await pause(injected.delay); co_return true;
    default: co_return true;
  }
}

/// False: TLS stands, but its certificate is to be taken for a bad one.
bool connect_op::may_have_come_through(const fault& injected, std::size_t entrant) {
  if (injected.what != fault::kind::bad_certificate || !tls_) return true;
  fail(entrant, stage::tls, injected.certificate,
       words(make_error_code(injected.certificate).message().c_str(), injected));
  return false;
}

/// Until the time is over, or the race.
net::awaitable<void> connect_op::pause(std::chrono::milliseconds time) {
  const auto place = pauses_.emplace(pauses_.end(), executor_, time);
  boost::system::error_code ended;
  co_await place->async_wait(net::redirect_error(net::use_awaitable, ended));
  pauses_.erase(place);
}

}  // namespace bunraku::engine
