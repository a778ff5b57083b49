// What observers inject into an exchange.
#include "forward/exchange.hpp"

#include <bunraku/fault.hpp>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace shim::forward {
namespace net = boost::asio;
using kind = bunraku::moment::kind;

/// A fault of dialling must be met also where no dial would be needed.
net::awaitable<bool> exchange::may_use_idle() {
  error_code error;
  const auto who = *plan_.front();
  const auto injected = co_await shared_.resolver.async_interfere(kind::connect, plan_, who,
                                                                  net::redirect_error(net::use_awaitable, error));
  co_return !injected;
}

/// From here on the stream to the master behaves as the fault has it. A connection that took part is not kept: what
/// comes back into the pool would be the fault's.
net::awaitable<void> exchange::let_interfere() {
  error_code error;
  const auto injected = co_await shared_.resolver.async_interfere(kind::request, plan_, who_,
                                                                  net::redirect_error(net::use_awaitable, error));
  if (!injected) co_return;
  record_.injected = injected.by;
  const bool breaks = injected.what == bunraku::fault::kind::reset;
  up_.replace(bunraku::interfere(up_.take(), injected), breaks);
  plays_ = true;
}

}  // namespace shim::forward
