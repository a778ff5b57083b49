#include "io/handshake.hpp"

#include "io/tls_context.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <utility>

namespace bunraku::io {
namespace net = boost::asio;

net::awaitable<handshake_result> shake_hands(stream& on) {
  boost::system::error_code error;
  while (!on.handshake(error)) {
    if (error != net::error::would_block) break;
    const auto wants = on.handshake_wants();
    on.readable_again();
    co_await on.socket().async_wait(
        wants == direction::read ? net::socket_base::wait_read : net::socket_base::wait_write,
        net::redirect_error(net::use_awaitable, error));
    if (error) break;
  }
  if (!error) co_return handshake_result{};
  if (error.category() == boost::system::system_category())
    co_return handshake_result{error, error.message() + " during the TLS handshake"};
  auto failure = explain_failure(on.ssl());
  co_return handshake_result{failure.code, std::move(failure.text)};
}

}  // namespace bunraku::io
