#pragma once
#include <bunraku/connection.hpp>
#include <bunraku/dialled.hpp>
#include <bunraku/error.hpp>
#include <bunraku/fault.hpp>
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
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace bunraku {

/// A connected stream and the master at its other end.
class connected {
 public:
  connected(connection stream, master who) : stream_(std::move(stream)), who_(std::move(who)) {}
  explicit connected(std::vector<attempt> tried) : connected() { tried_ = std::move(tried); }
  connected() : who_({}, 0, source_kind::list) {}
  connection& stream() noexcept { return stream_; }
  const master& who() const noexcept { return who_; }
  /// Who was tried before it, or in vain: of async_connect(service) alone, the others have a plan that tells.
  const std::vector<attempt>& tried() const noexcept { return tried_; }
  void set_tried(std::vector<attempt> tried) { tried_ = std::move(tried); }

 private:
  connection stream_;
  master who_;
  std::vector<attempt> tried_;
};

/// Finds the masters of Puppet's services and connects to them as the agent.
///
/// A move-only handle on a shared implementation; moved from, it can be assigned to and destroyed. An operation belongs
/// to the implementation, also one that was deferred and is launched when the handle was moved or is gone.
///
/// Tokens:   any completion token; all signatures begin with an error_code. Handlers run through their associated
///           executor (the resolver's by default), posted, never within the initiating function; that executor has
///           outstanding work until then. The handler's allocator serves its own storage and its completion.
/// Cancels:  by the handler's cancellation slot, by cancel(), by the handle's destruction: the operation completes at
///           once with boost::asio::error::operation_aborted. Each handler runs exactly once. async_resolve, async_plan
///           and async_ask_status take every kind of cancellation; the connecting ones terminal and partial, since
///           packets cannot be unsent. A question to DNS that is under way goes on, and its answer is kept.
/// Limits:   an operation that is given a limit ends with `errc::deadline` after it; 0 or less: unless what it needs is
///           known already. Without one the options' limits bound each step, and so the whole.
/// Blocks:   never on the network. The local files of `dns_options` are read, as they are needed, on this thread, and
///           `store_file` is written on it: when answers change, every 10 s at most, and once an hour, with an fsync
///           for the file and one for its directory. A disk that takes a second for that holds everything up for two.
/// Services: one beyond `options().services` has no sources, so nobody serves it.
/// Threads:  all calls on the executor's thread, destruction and emitting a cancellation signal too; one resolver per
///           thread. Of several threads' loop (net::thread_pool) a strand: then within that strand.
/// Idle:     a resolver that nobody asks sends no packets and sets no timers.
/// Fork:     as with all of Asio, a child's loop has its parent's epoll set: calls there take its parent's events,
///           and ending things changes what that waits for. Either the child leaves loop, resolver and
///           connections alone until exec or _exit and makes its own, or io_context::notify_fork is called around the
///           fork, with no operation under way (both would go on with the same connection). Connections are the
///           parent's either way: the child must not use them. bunraku.h tells a child so by itself.
/// Exec:     closes all descriptors that were opened here.
class resolver {
 public:
  using executor_type = boost::asio::any_io_executor;

  /// `identity` may be null: then names resolve, and connecting fails with credentials_invalid.
  resolver(executor_type executor, resolver_options options, std::shared_ptr<const identity> identity);
  resolver(resolver&&) noexcept;
  resolver& operator=(resolver&&) noexcept;
  ~resolver();

  executor_type get_executor() const;

  static constexpr std::chrono::milliseconds no_limit = std::chrono::milliseconds::max();

  /// What every source of the service says now. Signature: void(error_code, resolution); the error is only ever
  /// operation_aborted or `deadline`: what went wrong with a source is in its answer.
  template <class CompletionToken>
  auto async_resolve(service s, std::chrono::milliseconds limit, CompletionToken&& token) {
    return boost::asio::async_initiate<CompletionToken, void(boost::system::error_code, resolution)>(
        [share = impl_](auto handler, service of, std::chrono::milliseconds within) {
          start_resolve(share, of, within, std::move(handler));
        },
        token, s, limit);
  }
  template <class CompletionToken>
  auto async_resolve(service s, CompletionToken&& token) {
    return async_resolve(s, no_limit, std::forward<CompletionToken>(token));
  }

  /// A plan for one request. Signature: void(error_code, plan). Errors: service_absent, no_masters, dns_*.
  template <class CompletionToken>
  auto async_plan(service s, std::chrono::milliseconds limit, CompletionToken&& token) {
    return boost::asio::async_initiate<CompletionToken, void(boost::system::error_code, plan)>(
        [share = impl_](auto handler, service of, std::chrono::milliseconds within) {
          start_plan(share, of, within, std::move(handler));
        },
        token, s, limit);
  }
  template <class CompletionToken>
  auto async_plan(service s, CompletionToken&& token) {
    return async_plan(s, no_limit, std::forward<CompletionToken>(token));
  }
  /// The same at once, if everything it needs is known; else false and `into` is untouched.
  bool try_plan(service s, plan& into);
  /// Has its service a source that was not asked for it yet? async_connect asks those when all its masters were tried.
  bool may_know_more(const plan& of) const;

  /// Connects to the plan's next masters: a race in which the next address or master starts when the one before fails
  /// or takes longer than race_delay; the first whose TLS stands wins and the others are given up. Those that failed
  /// are in `from.attempts()`. Signature: void(error_code, connected). Errors: all_tried (see the attempts),
  /// credentials_invalid. `from` must live until completion, and nobody may look at it before.
  template <class CompletionToken>
  auto async_connect(plan& from, std::chrono::milliseconds limit, CompletionToken&& token) {
    return boost::asio::async_initiate<CompletionToken, void(boost::system::error_code, connected)>(
        [share = impl_](auto handler, plan* p, std::chrono::milliseconds within) {
          start_connect(share, p->service(), p, within, std::move(handler));
        },
        token, &from, limit);
  }
  template <class CompletionToken>
  auto async_connect(plan& from, CompletionToken&& token) {
    return async_connect(from, no_limit, std::forward<CompletionToken>(token));
  }
  /// The same for whoever needs one connection and no second choice: plans, and connects. Signature: void(error_code,
  /// connected), where `tried()` tells of those that failed, also when there is no connection. Errors: of both. What
  /// became of the connection is to be reported: until then the master counts as one that somebody is trying.
  template <class CompletionToken>
  auto async_connect(service s, std::chrono::milliseconds limit, CompletionToken&& token) {
    return boost::asio::async_initiate<CompletionToken, void(boost::system::error_code, connected)>(
        [share = impl_](auto handler, service of, std::chrono::milliseconds within) {
          start_connect(share, of, nullptr, within, std::move(handler));
        },
        token, s, limit);
  }
  template <class CompletionToken>
  auto async_connect(service s, CompletionToken&& token) {
    return async_connect(s, no_limit, std::forward<CompletionToken>(token));
  }

  /// The same race for TCP connections alone, for callers that bring their own TLS or pass on another's: needs no
  /// identity. Who finds that the master does not speak TLS (or does) reports it, and dials the same plan again for the
  /// next master. Signature: void(error_code, std::optional<dialled>), there without an error. Errors: as
  /// async_connect's, without credentials_invalid.
  template <class CompletionToken>
  auto async_dial(plan& from, std::chrono::milliseconds limit, CompletionToken&& token) {
    return boost::asio::async_initiate<CompletionToken, void(boost::system::error_code, std::optional<dialled>)>(
        [share = impl_](auto handler, plan* p, std::chrono::milliseconds within) {
          start_dial(share, *p, within, std::move(handler));
        },
        token, &from, limit);
  }
  template <class CompletionToken>
  auto async_dial(plan& from, CompletionToken&& token) {
    return async_dial(from, no_limit, std::forward<CompletionToken>(token));
  }

  /// Ends all operations that are under way. The resolver goes on, and so do the connections it made.
  void cancel();

  /// What a master made of a request. Masters that failed lately are tried behind the others of their priority, and
  /// those given up (three failures in a row, or a bad certificate) behind all others, until their time is over.
  void report(const master& who, service of, const outcome& what);

  /// When to ask whether a master that owes an answer still lives: this long after the request's last byte. Learned per
  /// row from the answers that came (a compilation takes its time); `asked` says how often it was asked already for
  /// this request and said that it lives.
  std::chrono::microseconds overdue_after(const endpoint& row, std::uint32_t asked) const;
  /// Asks a master for its status on a fresh connection, within `connect_options::status_limit`.
  /// Signature: void(error_code). No error: it lives (it answered HTTP, whatever the status), or nothing can be said
  /// because the fault is ours: go on waiting. An error: it has no address, refused, reset, a certificate that must not
  /// be accepted, or no answer in time: it hangs, plans avoid it from now on. Questions to one master at the same time
  /// share one connection.
  template <class CompletionToken>
  auto async_ask_status(const master& who, service of, CompletionToken&& token) {
    return boost::asio::async_initiate<CompletionToken, void(boost::system::error_code)>(
        [share = impl_](auto handler, master m, service s) {
          start_ask_status(share, std::move(m), s, std::move(handler));
        },
        token, who, of);
  }
  /// Is there an observer who may inject a fault? Without one there is no need to ask.
  bool may_interfere() const noexcept;
  /// Which fault is injected now, if any, for the request that `about` is for (plan::set_request). The resolver asks
  /// for itself before each dial; whoever sends requests asks for `moment::kind::request` before each, and plays it
  /// with `interfere`, and for `connect` before an idle connection is used instead of a dial. Signature:
  /// void(error_code, fault); the error is only ever operation_aborted. `about` and `who` must live until it is
  /// launched.
  template <class CompletionToken>
  auto async_interfere(moment::kind what, const plan& about, const master& who, CompletionToken&& token) {
    return boost::asio::async_initiate<CompletionToken, void(boost::system::error_code, fault)>(
        [share = impl_](auto handler, moment::kind when, const plan* p, const master* m) {
          start_interfere(share, when, *p, *m, std::move(handler));
        },
        token, what, &about, &who);
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
  /// the next begin_exchange or end_exchange.
  const master* catalog_master(const run_ticket& ticket) const;

  /// From now on told of each run that is over, within the call that ended it (or that saw that it has been idle for
  /// too long), instead of whoever was told before; empty: nobody. `observer` must neither call this resolver nor
  /// throw.
  void observe_runs(std::function<void(const bunraku::snapshot::run_view&)> observer);

  /// The operator wants no new runs on this master, for so long (0: until undrain; at most a year). The run that is
  /// with it stays; otherwise it is used only when nobody else is left. Kept by replace(), and lost with the process.
  void drain(const master& who, std::chrono::seconds lasts);
  /// False if it was not drained.
  bool undrain(const master& who);

  /// Everything known now. Sends nothing and changes nothing.
  bunraku::snapshot snapshot() const;

  /// New options and identity, as after a reload: answers that are still asked for are kept, connections under way go
  /// on with what they began with. Services may have other numbers then. By their names, what was learned follows them,
  /// and so do operations under way: one whose service is gone comes to no further source. Who keeps a number or a plan
  /// over this call looks for the service's new number itself (plan::follow), and tells what becomes of the requests of
  /// one that is gone under gone_service.
  void replace(resolver_options options, std::shared_ptr<const identity> identity);

  /// Valid until the next replace().
  const resolver_options& options() const noexcept;

 private:
  class impl;
  using shared_impl = std::shared_ptr<impl>;
  template <class... Values>
  using handler_of = boost::asio::any_completion_handler<void(boost::system::error_code, Values...)>;

  static void start_resolve(const shared_impl& share, service s, std::chrono::milliseconds limit,
                            handler_of<resolution> handler);
  static void start_plan(const shared_impl& share, service s, std::chrono::milliseconds limit,
                         handler_of<plan> handler);
  static void start_connect(const shared_impl& share, service s, plan* p, std::chrono::milliseconds limit,
                            handler_of<connected> handler);
  static void start_dial(const shared_impl& share, plan& p, std::chrono::milliseconds limit,
                         handler_of<std::optional<dialled>> handler);
  static void start_interfere(const shared_impl& share, moment::kind what, const plan& about, const master& who,
                              handler_of<fault> handler);
  static void start_ask_status(const shared_impl& share, master who, service s, handler_of<> handler);

  shared_impl impl_;
};

}  // namespace bunraku
