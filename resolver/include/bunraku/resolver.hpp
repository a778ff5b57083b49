#pragma once
#include <bunraku/connection.hpp>
#include <bunraku/error.hpp>
#include <bunraku/identity.hpp>
#include <bunraku/options.hpp>
#include <bunraku/plan.hpp>
#include <bunraku/resolution.hpp>
#include <bunraku/run.hpp>

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>

#include <memory>
#include <string_view>
#include <utility>

namespace bunraku {

/// A connected stream and the master at its other end.
class connected {
 public:
  connected(connection stream, master who) : stream_(std::move(stream)), who_(std::move(who)) {}
  connected() : who_({}, 0, source_kind::list) {}
  connection& stream() noexcept { return stream_; }
  const master& who() const noexcept { return who_; }

 private:
  connection stream_;
  master who_;
};

/// Finds the masters of Puppet's services and connects to them as the agent.
///
/// A move-only handle on a shared implementation. Every operation holds a share: destroying the handle cancels what is
/// under way, and each handler still runs exactly once, with `errc::cancelled`.
/// Threads:  all calls on the executor's thread; one resolver per thread. Completions are posted there, never called
///           from within the initiating function.
/// Idle:     a resolver that nobody asks sends no packets and sets no timers.
class resolver {
 public:
  using executor_type = boost::asio::any_io_executor;

  /// `identity` may be null: then names resolve, and connecting fails with credentials_invalid.
  resolver(executor_type executor, resolver_options options, std::shared_ptr<const identity> identity);
  resolver(resolver&&) noexcept;
  resolver& operator=(resolver&&) noexcept;
  ~resolver();

  executor_type get_executor() const;

  /// What every source of the service says now. Signature: void(error_code, resolution); the error is only ever
  /// `cancelled`: what went wrong with a source is in its answer.
  template <class CompletionToken>
  auto async_resolve(service s, CompletionToken&& token) {
    return boost::asio::async_initiate<CompletionToken, void(boost::system::error_code, resolution)>(
        [](auto handler, resolver* self, service of) { self->start_resolve(of, std::move(handler)); }, token, this, s);
  }

  /// A plan for one request. Signature: void(error_code, plan). Errors: service_absent, no_masters, dns_*.
  template <class CompletionToken>
  auto async_plan(service s, CompletionToken&& token) {
    return boost::asio::async_initiate<CompletionToken, void(boost::system::error_code, plan)>(
        [](auto handler, resolver* self, service of) { self->start_plan(of, std::move(handler)); }, token, this, s);
  }
  /// The same at once, if everything it needs is known; else false and `into` is untouched.
  bool try_plan(service s, plan& into);

  /// Connects to the plan's next masters: a race in which the next address or master starts when the one before fails
  /// or takes longer than race_delay; the first whose TLS stands wins and the others are given up. Those that failed
  /// are in `from.attempts()`. Signature: void(error_code, connected). Errors: all_tried (see the attempts),
  /// credentials_invalid. `from` must live until completion.
  template <class CompletionToken>
  auto async_connect(plan& from, CompletionToken&& token) {
    return boost::asio::async_initiate<CompletionToken, void(boost::system::error_code, connected)>(
        [](auto handler, resolver* self, plan* p) { self->start_connect(*p, std::move(handler)); }, token, this, &from);
  }

  /// What a master made of a request. Masters that failed lately are tried behind the others of their priority, and
  /// those given up (three failures in a row, or a bad certificate) behind all others, until their time is over.
  void report(const master& who, service of, const outcome& what);

  /// A request of an agent came, and its exchange is over: exactly once each. Between them plans put the master of the
  /// run first. `target` as in find_endpoint.
  run_ticket begin_exchange(const endpoint& row, std::string_view target);
  void end_exchange(const run_ticket& ticket, const exchange_end& how);

  /// New options and identity, as after a reload: answers that are still asked for are kept, connections under way go
  /// on with what they began with.
  void replace(resolver_options options, std::shared_ptr<const identity> identity);

  const resolver_options& options() const noexcept;

 private:
  void start_resolve(service s, boost::asio::any_completion_handler<void(boost::system::error_code, resolution)> h);
  void start_plan(service s, boost::asio::any_completion_handler<void(boost::system::error_code, plan)> h);
  void start_connect(plan& p, boost::asio::any_completion_handler<void(boost::system::error_code, connected)> h);

  class impl;
  std::shared_ptr<impl> impl_;
};

}  // namespace bunraku
