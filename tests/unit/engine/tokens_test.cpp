// Every asynchronous operation of resolver and stream, with every completion token.
#include "unit/engine/resolver_fixture.hpp"

#include <boost/asio/bind_executor.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>

#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <tuple>
#include <type_traits>

namespace bunraku {
namespace {

static_assert(!std::is_copy_constructible_v<resolver> && !std::is_copy_assignable_v<resolver>);
static_assert(std::is_nothrow_move_constructible_v<resolver> && std::is_nothrow_move_assignable_v<resolver>);

class Tokens : public ResolverTest {
 protected:
  bool run_until(const std::function<bool()>& over) {
    io_.restart();
    while (!over())
      if (io_.run_one_for(std::chrono::seconds(60)) == 0) return false;
    return true;
  }
  template <class Future>
  auto get(Future made) {
    EXPECT_TRUE(run_until([&] { return made.wait_for(std::chrono::seconds(0)) == std::future_status::ready; }));
    return made.get();
  }

  template <class Begin>
  static net::awaitable<void> awaited(Begin begin, int& ended) {
    co_await begin(net::use_awaitable);
    auto later = begin(net::deferred);
    co_await std::move(later)(net::use_awaitable);
    const auto with_error = co_await begin(net::as_tuple(net::use_awaitable));
    EXPECT_FALSE(std::get<0>(with_error)) << std::get<0>(with_error).message();
    auto both = begin(net::as_tuple(net::deferred));
    const auto late = co_await std::move(both)(net::use_awaitable);
    EXPECT_FALSE(std::get<0>(late)) << std::get<0>(late).message();
    ended += 4;
  }

  /// `begin` takes a token and starts the operation with it; that must succeed each time.
  template <class Begin>
  void with_each_token(const char* name, Begin begin) {
    SCOPED_TRACE(name);
    int ended = 0;
    const auto callback = [&ended](error_code error, const auto&...) {
      EXPECT_FALSE(error) << error.message();
      ++ended;
    };
    begin(callback);
    auto later = begin(net::deferred);
    std::move(later)(callback);
    ASSERT_TRUE(run_until([&] { return ended == 2; }));
    EXPECT_NO_THROW((void)get(begin(net::use_future)));
    net::co_spawn(io_, awaited(begin, ended), [](std::exception_ptr e) {
      if (e) std::rethrow_exception(e);
    });
    ASSERT_TRUE(run_until([&] { return ended == 6; }));
  }
};

TEST_F(Tokens, EachOperationOfAResolverTakesThemAll) {
  answers_ = true;
  const auto who = serving("good1.test");
  auto r = make({list({who})});
  std::deque<plan> plans;
  const auto new_plan = [&]() -> plan& {
    plans.emplace_back(service::catalog);
    EXPECT_TRUE(r.try_plan(service::catalog, plans.back()));
    return plans.back();
  };
  const std::chrono::minutes limit(1);
  with_each_token("resolve", [&](auto token) { return r.async_resolve(service::catalog, token); });
  with_each_token("resolve within", [&](auto token) { return r.async_resolve(service::catalog, limit, token); });
  with_each_token("plan", [&](auto token) { return r.async_plan(service::catalog, token); });
  with_each_token("plan within", [&](auto token) { return r.async_plan(service::catalog, limit, token); });
  with_each_token("connect", [&](auto token) { return r.async_connect(service::catalog, token); });
  with_each_token("connect within", [&](auto token) { return r.async_connect(service::catalog, limit, token); });
  with_each_token("connect by plan", [&](auto token) { return r.async_connect(new_plan(), token); });
  with_each_token("connect by plan within", [&](auto token) { return r.async_connect(new_plan(), limit, token); });
  with_each_token("dial", [&](auto token) { return r.async_dial(new_plan(), token); });
  with_each_token("dial within", [&](auto token) { return r.async_dial(new_plan(), limit, token); });
  with_each_token("status", [&](auto token) { return r.async_ask_status(who, service::catalog, token); });
}

TEST_F(Tokens, EachOperationOfAStreamTakesThemAll) {
  answers_ = true;
  auto r = make({list({serving("good1.test")})});
  auto made = get(r.async_connect(service::catalog, net::use_future));
  auto& stream = made.stream();
  // A write takes what is given; the answer to the whole request is then read in pieces of one byte.
  const std::string request = "GET / HTTP/1.1\r\nX: 234567890\r\n\r\n";
  std::size_t sent = 0;
  with_each_token("write", [&](auto token) {
    sent += 4;
    return stream.async_write_some(net::buffer(request.data() + sent - 4, 4), token);
  });
  with_each_token("wait for writing", [&](auto token) { return stream.async_wait(direction::write, token); });
  get(net::async_write(stream, net::buffer(request.substr(sent)), net::use_future));
  with_each_token("wait for reading", [&](auto token) { return stream.async_wait(direction::read, token); });
  with_each_token("wait for either", [&](auto token) { return stream.async_wait_either(token); });
  char byte = 0;
  with_each_token("read", [&](auto token) { return stream.async_read_some(net::buffer(&byte, 1), token); });
  EXPECT_NE(byte, 0);
}

TEST_F(Tokens, AStrandOfManyThreadsIsAsGoodAsAThread) {
  answers_ = true;
  net::thread_pool pool(3);
  const auto strand = net::make_strand(pool.get_executor());
  const auto options = make({list({refusing("good2.test"), serving("good1.test")})}).options();
  auto r = std::make_unique<resolver>(strand, options, identity_);
  const auto requests = [](resolver& with) -> net::awaitable<void> {
    for (int i = 0; i != 5; ++i) {
      auto to = co_await with.async_connect(service::catalog, net::use_awaitable);
      co_await net::async_write(to.stream(), net::buffer("GET / HTTP/1.1\r\n\r\n", 18), net::use_awaitable);
      char byte = 0;
      co_await to.stream().async_read_some(net::buffer(&byte, 1), net::use_awaitable);
      EXPECT_EQ(byte, 'H');
      with.report(to.who(), service::catalog, bunraku::outcome(bunraku::outcome::kind::answered));
    }
  };
  int ended = 0;
  const auto count = [&ended](const std::exception_ptr& thrown) {
    EXPECT_FALSE(thrown);
    ++ended;
  };
  // The end is told here, where the masters run: nothing else would wake this thread then.
  for (int i = 0; i != 3; ++i) net::co_spawn(strand, requests(*r), net::bind_executor(io_, count));
  EXPECT_TRUE(run_until([&] { return ended == 3; }));
  net::post(strand, [gone = std::move(r)]() mutable { gone.reset(); });
  pool.join();
}

}  // namespace
}  // namespace bunraku
