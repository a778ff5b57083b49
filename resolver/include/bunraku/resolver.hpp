#pragma once
#include <bunraku/connection.hpp>
#include <bunraku/dialled.hpp>
#include <bunraku/error.hpp>
#include <bunraku/identity.hpp>
#include <bunraku/options.hpp>
#include <bunraku/plan.hpp>
#include <bunraku/resolution.hpp>
#include <bunraku/run.hpp>
#include <bunraku/snapshot.hpp>

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
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

  /// The same race for TCP connections alone, for callers that bring their own TLS or pass on another's: needs no
  /// identity. Who finds that the master does not speak TLS (or does) reports it, and dials the same plan again for the
  /// next master. Signature: void(error_code, std::optional<dialled>), there without an error. Errors: as
  /// async_connect's, without credentials_invalid.
  template <class CompletionToken>
  auto async_dial(plan& from, CompletionToken&& token) {
    return boost::asio::async_initiate<CompletionToken, void(boost::system::error_code, std::optional<dialled>)>(
        [](auto handler, resolver* self, plan* p) { self->start_dial(*p, std::move(handler)); }, token, this, &from);
  }

  /// What a master made of a request. Masters that failed lately are tried behind the others of their priority, and
  /// those given up (three failures in a row, or a bad certificate) behind all others, until their time is over.
  void report(const master& who, service of, const outcome& what);

  /// When to ask whether a master that owes an answer still lives: this long after the request's last byte. Learned per
  /// row from the answers that came (a compilation takes its time); `asked` says how often it was asked already for
  /// this request and said that it lives.
  std::chrono::microseconds overdue_after(const endpoint& row, std::uint32_t asked) const;
  /// Asks a master for its status on a fresh connection, with `connect_options::status_limit` for everything.
  /// Signature: void(error_code). No error: it lives (it answered HTTP, whatever the status), or nothing can be said
  /// because the fault is ours: go on waiting. An error: refused, reset, a certificate that must not be accepted, or no
  /// answer in time: it hangs, plans avoid it from now on. `cancelled`: the resolver is gone. Questions to one master
  /// at the same time share one connection.
  template <class CompletionToken>
  auto async_ask_status(const master& who, service of, CompletionToken&& token) {
    return boost::asio::async_initiate<CompletionToken, void(boost::system::error_code)>(
        [](auto handler, resolver* self, master m, service s) {
          self->start_ask_status(std::move(m), s, std::move(handler));
        },
        token, this, who, of);
  }
  /// May this process send a further attempt of a request to a master? If so, it is charged. What never reached a
  /// master (no connection) loads nobody and is not to be charged. Requests and time fill the budget again.
  bool spend_retry();
  std::uint32_t retries_left() const;

  /// A request of an agent came, and its exchange is over: exactly once each. Between them plans put the master of the
  /// run first. `target` as in find_endpoint.
  run_ticket begin_exchange(const endpoint& row, std::string_view target);
  void end_exchange(const run_ticket& ticket, const exchange_end& how);
  /// Who compiled the catalog of this run: whom a 404 for a file is to be believed from. Null if unknown; valid until
  /// the next end_exchange.
  const master* catalog_master(const run_ticket& ticket) const;

  /// The operator wants no new runs on this master, for so long (0: until undrain). The run that is with it stays;
  /// otherwise it is used only when nobody else is left. Kept by replace(), and lost with the process.
  void drain(const master& who, std::chrono::seconds lasts);
  /// False if it was not drained.
  bool undrain(const master& who);

  /// Everything known now. Sends nothing and changes nothing.
  bunraku::snapshot snapshot() const;

  /// New options and identity, as after a reload: answers that are still asked for are kept, connections under way go
  /// on with what they began with.
  void replace(resolver_options options, std::shared_ptr<const identity> identity);

  const resolver_options& options() const noexcept;

 private:
  void start_resolve(service s, boost::asio::any_completion_handler<void(boost::system::error_code, resolution)> h);
  void start_plan(service s, boost::asio::any_completion_handler<void(boost::system::error_code, plan)> h);
  void start_ask_status(master who, service s, boost::asio::any_completion_handler<void(boost::system::error_code)> h);
  void start_connect(plan& p, boost::asio::any_completion_handler<void(boost::system::error_code, connected)> h);
  void start_dial(plan& p,
                  boost::asio::any_completion_handler<void(boost::system::error_code, std::optional<dialled>)> h);

  class impl;
  std::shared_ptr<impl> impl_;
};

}  // namespace bunraku
