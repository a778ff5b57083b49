#pragma once
#include <bunraku/extensions.hpp>

#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <utility>

namespace bunraku::engine {

/// Waits for what `start(handler)` makes an extension reply.
template <class Reply, class Start>
boost::asio::awaitable<Reply> reply_of(Start start) {
  auto reply = co_await boost::asio::async_initiate<const boost::asio::use_awaitable_t<>, void(Reply)>(
      [](auto handler, Start begin) { begin(extensions::handler<Reply>(std::move(handler))); },
      boost::asio::use_awaitable, std::move(start));
  co_return reply;
}

}  // namespace bunraku::engine
