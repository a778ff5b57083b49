// What the resolver and its streams owe to whoever waits for them: every token, executor, allocator and cancellation.
#include "support/dns_responder.hpp"
#include "unit/engine/resolver_fixture.hpp"

#include <boost/asio/bind_allocator.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

#include <deque>
#include <functional>
#include <map>
#include <optional>

namespace bunraku {
namespace {

using kind = net::cancellation_type;
using std::chrono::milliseconds;
constexpr std::chrono::seconds generous{60};

/// Counts what it gives out and takes back.
struct allocations {
  std::size_t given = 0, bytes = 0;
};
template <class T>
struct counting {
  using value_type = T;
  explicit counting(allocations& in) : counts(&in) {}
  template <class U>
  counting(const counting<U>& other) : counts(other.counts) {}
  T* allocate(std::size_t n) {
    ++counts->given;
    counts->bytes += n * sizeof(T);
    return std::allocator<T>().allocate(n);
  }
  void deallocate(T* p, std::size_t n) {
    counts->bytes -= n * sizeof(T);
    std::allocator<T>().deallocate(p, n);
  }
  template <class U>
  bool operator==(const counting<U>& other) const {
    return counts == other.counts;
  }
  allocations* counts;
};

class Completion : public ResolverTest {
 protected:
  /// A resolver whose DNS never answers, within any time that a test takes.
  resolver unanswered() {
    auto r = make({source::srv({"_x-puppet._tcp.test"})});
    auto options = r.options();
    options.dns.nameservers = {silent_.address()};
    options.dns.hosts_file.clear();
    options.dns.lookup_deadline = options.dns.try_timeout = generous;
    options.connect.status_limit = generous;
    r.replace(options, identity_);
    return r;
  }
  using done = std::function<void(error_code)>;
  /// All asynchronous operations, and which kinds of cancellation besides terminal end each.
  struct row {
    const char* name;
    bool total;
    std::function<void(resolver&, plan&, net::cancellation_slot, done)> begin;
  };
  static std::vector<row> operations() {
    const auto with = [](net::cancellation_slot slot, auto handler) {
      return net::bind_cancellation_slot(slot, std::move(handler));
    };
    return {{"resolve", true,
             [with](resolver& r, plan&, net::cancellation_slot s, done d) {
               r.async_resolve(service::catalog, with(s, [d](error_code e, const resolution&) { d(e); }));
             }},
            {"plan", true,
             [with](resolver& r, plan&, net::cancellation_slot s, done d) {
               r.async_plan(service::catalog, with(s, [d](error_code e, const plan&) { d(e); }));
             }},
            {"connect to a service", false,
             [with](resolver& r, plan&, net::cancellation_slot s, done d) {
               r.async_connect(service::catalog, with(s, [d](error_code e, const connected&) { d(e); }));
             }},
            {"connect by a plan", false,
             [with](resolver& r, plan& p, net::cancellation_slot s, done d) {
               r.async_connect(p, with(s, [d](error_code e, const connected&) { d(e); }));
             }},
            {"dial", false,
             [with](resolver& r, plan& p, net::cancellation_slot s, done d) {
               r.async_dial(p, with(s, [d](error_code e, const std::optional<dialled>&) { d(e); }));
             }},
            {"ask for a status", true, [with](resolver& r, plan&, net::cancellation_slot s, done d) {
               const master who("good1.test", 8140, source_kind::list);
               r.async_ask_status(who, service::catalog, with(s, [d](error_code e) { d(e); }));
             }}};
  }
  /// Runs until `over`, and says whether that came.
  bool run_until(const std::function<bool()>& over) {
    io_.restart();
    while (!over())
      if (io_.run_one_for(generous) == 0) return false;
    return true;
  }
  /// What is ready now, and what becomes ready by that.
  void settle() {
    io_.restart();
    while (io_.poll() != 0) {
    }
  }

  test::dns_responder silent_{io_.get_executor(),
                              [](const test::dns_responder::question&) { return test::dns_responder::answers{}; }};
};

TEST_F(Completion, CallbackGetsAStreamThatBeastCanUse) {
  namespace http = boost::beast::http;
  answers_ = true;
  auto r = make({list({refusing("good1.test"), serving("good2.test")})});
  std::optional<connected> made;
  r.async_connect(service::catalog, [&](error_code error, connected got) {
    EXPECT_FALSE(error) << error.message();
    made = std::move(got);
  });
  EXPECT_FALSE(made) << "the handler ran in the initiating function";
  ASSERT_TRUE(run_until([&] { return made.has_value(); }));
  EXPECT_EQ(made->who().host(), "good2.test");
  ASSERT_EQ(made->tried().size(), 1u);
  EXPECT_EQ(made->tried()[0].who().host(), "good1.test");

  http::request<http::empty_body> ask(http::verb::get, "/status/v1/simple", 11);
  ask.set(http::field::host, made->who().host());
  http::response<http::string_body> answer;
  boost::beast::flat_buffer buffer;
  bool over = false;
  http::async_write(made->stream(), ask, [&](error_code error, std::size_t) {
    EXPECT_FALSE(error) << error.message();
    http::async_read(made->stream(), buffer, answer, [&](error_code failed, std::size_t) {
      EXPECT_FALSE(failed) << failed.message();
      over = true;
    });
  });
  ASSERT_TRUE(run_until([&] { return over; }));
  EXPECT_EQ(answer.body(), "running");
  r.report(made->who(), service::catalog, bunraku::outcome(bunraku::outcome::kind::answered));
}

TEST_F(Completion, FutureGetsValuesAndExceptions) {
  auto r = make({list({serving("good1.test")})});
  auto stream = r.async_connect(service::catalog, net::use_future);
  auto plan_of_none = r.async_plan(service::ca, net::use_future);
  auto said = r.async_resolve(service::catalog, net::use_future);
  const auto is_ready = [](auto& f) { return f.wait_for(std::chrono::seconds(0)) == std::future_status::ready; };
  ASSERT_TRUE(run_until([&] { return is_ready(stream) && is_ready(plan_of_none) && is_ready(said); }));
  EXPECT_EQ(stream.get().who().host(), "good1.test");
  EXPECT_EQ(said.get().answers.size(), 1u);
  try {
    plan_of_none.get();
    ADD_FAILURE() << "no exception";
  } catch (const boost::system::system_error& e) {
    EXPECT_EQ(e.code(), errc::no_masters);
  }
}

TEST_F(Completion, AwaitableDeferredAndTuples) {
  auto r = make({list({serving("good1.test")})});
  std::vector<std::string> hosts;
  bool over = false;
  net::co_spawn(
      io_,
      [](resolver& with, std::vector<std::string>& to) -> net::awaitable<void> {
        auto one = co_await with.async_connect(service::catalog, net::use_awaitable);
        to.push_back(one.who().host());
        auto [error, two] = co_await with.async_connect(service::catalog, net::as_tuple(net::use_awaitable));
        to.push_back(error ? error.message() : two.who().host());
        auto later = with.async_plan(service::catalog, net::deferred);
        plan p = co_await std::move(later)(net::use_awaitable);
        auto connecting = with.async_connect(p, std::chrono::minutes(1), net::as_tuple(net::deferred));
        auto [failed, three] = co_await std::move(connecting)(net::use_awaitable);
        to.push_back(failed ? failed.message() : three.who().host());
      }(r, hosts),
      [&](std::exception_ptr e) {
        over = true;
        if (e) std::rethrow_exception(e);
      });
  ASSERT_TRUE(run_until([&] { return over; }));
  EXPECT_EQ(hosts, (std::vector<std::string>{"good1.test", "good1.test", "good1.test"}));
}

TEST_F(Completion, DeferredOperationOutlivesTheHandleItCameFrom) {
  auto first = std::make_unique<resolver>(make({list({serving("good1.test")})}));
  auto moved = first->async_connect(service::catalog, net::deferred);
  auto orphaned = first->async_connect(service::catalog, net::deferred);
  auto r = std::make_unique<resolver>(std::move(*first));
  first.reset();
  std::optional<error_code> one, two;
  std::move(moved)([&](error_code error, const connected&) { one = error; });
  ASSERT_TRUE(run_until([&] { return one.has_value(); }));
  EXPECT_FALSE(*one) << one->message();
  r.reset();
  std::move(orphaned)([&](error_code error, const connected&) { two = error; });
  EXPECT_FALSE(two);
  ASSERT_TRUE(run_until([&] { return two.has_value(); }));
  EXPECT_EQ(two, net::error::operation_aborted);
}

TEST_F(Completion, HandlerMayBeMovedOnly) {
  auto r = make({list({serving("good1.test")})});
  bool over = false;
  r.async_plan(service::catalog, [&over, owned = std::make_unique<int>(7)](error_code error, const plan&) {
    EXPECT_FALSE(error);
    EXPECT_EQ(*owned, 7);
    over = true;
  });
  EXPECT_TRUE(run_until([&] { return over; }));
}

TEST_F(Completion, AssociatedExecutorRunsTheHandlerAndHasWorkUntilThen) {
  net::io_context other(1);
  auto r = unanswered();
  std::map<std::string, int> ran;
  plan p[2] = {plan(service::catalog), plan(service::catalog)};
  net::cancellation_signal never;
  std::size_t n = 0;
  r.async_plan(service::catalog, net::bind_executor(other, [&](error_code, const plan&) { ++ran["plan"]; }));
  r.async_resolve(service::catalog,
                  net::bind_executor(other, [&](error_code, const resolution&) { ++ran["resolve"]; }));
  r.async_connect(p[0], net::bind_executor(other, [&](error_code, const connected&) { ++ran["connect"]; }));
  r.async_dial(p[1], net::bind_executor(other, [&](error_code, const std::optional<dialled>&) { ++ran["dial"]; }));
  settle();
  other.poll();
  EXPECT_FALSE(other.stopped()) << "its run() would have returned: it does not know that anything is under way";
  r.cancel();
  settle();
  EXPECT_TRUE(ran.empty()) << "a handler ran on the wrong executor";
  n = other.run_for(generous);
  EXPECT_EQ(ran.size(), 4u);
  EXPECT_GE(n, 4u);
  EXPECT_TRUE(other.stopped());
}

TEST_F(Completion, AssociatedAllocatorIsUsedAndGetsAllBack) {
  allocations counts;
  {
    auto r = make({list({serving("good1.test")})});
    bool over = false;
    r.async_connect(
        service::catalog, net::bind_allocator(counting<char>(counts), [&](error_code error, connected made) {
          EXPECT_FALSE(error);
          EXPECT_EQ(counts.bytes, 0u) << "memory is to be given back before the handler runs";
          char byte;
          const auto before = counts.given;
          auto stream = std::make_shared<connection>(std::move(made.stream()));
          stream->async_read_some(
              net::buffer(&byte, 1),
              net::bind_allocator(counting<char>(counts), [&, stream](error_code, std::size_t) { over = true; }));
          EXPECT_GT(counts.given, before);
        }));
    EXPECT_GT(counts.given, 0u);
    ASSERT_TRUE(run_until([&] { return over; }));
  }
  EXPECT_EQ(counts.bytes, 0u);
}

TEST_F(Completion, CancellationSlotEndsEachOperationByTheKindsThatItTakes) {
  for (const auto& op : operations())
    for (const auto how : {kind::terminal, kind::partial, kind::total}) {
      SCOPED_TRACE(std::string(op.name) + ", cancellation " + std::to_string(static_cast<unsigned>(how)));
      auto r = unanswered();
      plan p(service::catalog);
      net::cancellation_signal signal;
      std::vector<error_code> told;
      op.begin(r, p, signal.slot(), [&](error_code error) { told.push_back(error); });
      settle();
      ASSERT_TRUE(told.empty());
      signal.emit(how);
      EXPECT_TRUE(told.empty()) << "the handler ran in emit()";
      const bool ends = how != kind::total || op.total;
      settle();
      EXPECT_EQ(told.size(), ends ? 1u : 0u);
      signal.emit(kind::all);
      signal.emit(kind::all);
      settle();
      EXPECT_EQ(told, std::vector<error_code>{net::error::operation_aborted});
    }
}

TEST_F(Completion, CancellationBeforeTheFirstTurnIsSeen) {
  for (const auto& op : operations()) {
    SCOPED_TRACE(op.name);
    auto r = unanswered();
    plan p(service::catalog);
    net::cancellation_signal signal;
    std::vector<error_code> told;
    op.begin(r, p, signal.slot(), [&](error_code error) { told.push_back(error); });
    signal.emit(kind::terminal);
    settle();
    EXPECT_EQ(told, std::vector<error_code>{net::error::operation_aborted});
  }
}

TEST_F(Completion, DestructionEndsAllThatIsUnderWay) {
  auto r = std::make_unique<resolver>(unanswered());
  std::deque<plan> plans;
  std::map<std::string, std::vector<error_code>> told;
  for (const auto& op : operations())
    op.begin(*r, plans.emplace_back(service::catalog), {}, [&, op](error_code e) { told[op.name].push_back(e); });
  settle();
  EXPECT_TRUE(told.empty());
  r.reset();
  EXPECT_TRUE(told.empty()) << "a handler ran in the destructor";
  settle();
  for (const auto& op : operations())
    EXPECT_EQ(told[op.name], std::vector<error_code>{net::error::operation_aborted}) << op.name;
}

TEST_F(Completion, CancelEndsAllThatIsUnderWayAndTheResolverGoesOn) {
  auto r = unanswered();
  std::deque<plan> plans;
  std::map<std::string, std::vector<error_code>> told;
  for (const auto& op : operations())
    op.begin(r, plans.emplace_back(service::catalog), {}, [&, op](error_code e) { told[op.name].push_back(e); });
  settle();
  r.cancel();
  EXPECT_TRUE(told.empty());
  settle();
  for (const auto& op : operations())
    EXPECT_EQ(told[op.name], std::vector<error_code>{net::error::operation_aborted}) << op.name;
  auto options = make({list({serving("good1.test")})}).options();
  r.replace(options, identity_);
  EXPECT_EQ(connect(r).host, "good1.test");
}

TEST_F(Completion, LimitEndsAnOperationAndTheAttemptsTellWhatItWaitedFor) {
  auto r = make({list({hanging("good1.test")})});
  std::optional<error_code> ended;
  connected made;
  r.async_connect(service::catalog, milliseconds(100), [&](error_code error, connected got) {
    ended = error;
    made = std::move(got);
  });
  ASSERT_TRUE(run_until([&] { return ended.has_value(); }));
  EXPECT_EQ(ended, errc::deadline);
  EXPECT_FALSE(made.stream().is_open());
  ASSERT_EQ(made.tried().size(), 1u);
  EXPECT_EQ(made.tried()[0].who().host(), "good1.test");

  plan p(service::catalog);
  ended.reset();
  r.async_connect(p, milliseconds(100), [&](error_code error, const connected&) { ended = error; });
  ASSERT_TRUE(run_until([&] { return ended.has_value(); }));
  EXPECT_EQ(ended, errc::deadline);
  ASSERT_EQ(p.attempts().size(), 1u);
  EXPECT_EQ(p.attempts()[0].error(), errc::cancelled);
}

TEST_F(Completion, LimitEndsQuestionsToo) {
  auto r = unanswered();
  std::vector<error_code> ended;
  plan p(service::catalog);
  r.async_resolve(service::catalog, milliseconds(50), [&](error_code e, const resolution&) { ended.push_back(e); });
  r.async_plan(service::catalog, milliseconds(50), [&](error_code e, const plan&) { ended.push_back(e); });
  r.async_dial(p, milliseconds(50), [&](error_code e, const std::optional<dialled>&) { ended.push_back(e); });
  ASSERT_TRUE(run_until([&] { return ended.size() == 3; }));
  EXPECT_EQ(ended, std::vector<error_code>(3, errc::deadline));
}

TEST_F(Completion, LimitThatDoesNotPassChangesNothing) {
  auto r = make({list({serving("good1.test")})});
  auto stream = r.async_connect(service::catalog, std::chrono::hours(1), net::use_future);
  ASSERT_TRUE(run_until([&] { return stream.wait_for(std::chrono::seconds(0)) == std::future_status::ready; }));
  EXPECT_EQ(stream.get().who().host(), "good1.test");
}

TEST_F(Completion, ConnectThatWasGivenUpIsNoFaultOfTheMaster) {
  const auto hangs = hanging("good1.test");
  auto r = make({list({hangs})});
  for (int i = 0; i != 4; ++i) {
    plan p(service::catalog);
    std::optional<error_code> ended;
    net::cancellation_signal signal;
    r.async_connect(p, net::bind_cancellation_slot(signal.slot(), [&](error_code e, const connected&) { ended = e; }));
    settle();
    signal.emit(kind::terminal);
    ASSERT_TRUE(run_until([&] { return ended.has_value(); }));
    EXPECT_EQ(ended, net::error::operation_aborted);
    EXPECT_EQ(p.attempts().size(), 1u);
  }
  settle();
  const auto known = r.snapshot().services.at(index_of(service::catalog)).candidates.at(0);
  EXPECT_EQ(known.state, health::up);
  ASSERT_TRUE(known.whole || known.own);
}

// ---- streams

class StreamCompletion : public Completion {
 protected:
  connection stream() {
    answers_ = true;
    auto r = make({list({serving("good1.test")})});
    auto made = r.async_connect(service::catalog, net::use_future);
    EXPECT_TRUE(run_until([&] { return made.wait_for(std::chrono::seconds(0)) == std::future_status::ready; }));
    return std::move(made.get().stream());
  }
};

TEST_F(StreamCompletion, SlotEndsAReadAndTheStreamStaysUsable) {
  auto s = stream();
  char data[512];
  for (const auto how : {kind::terminal, kind::partial, kind::total}) {
    std::optional<error_code> read, waited;
    net::cancellation_signal signal;
    s.async_read_some(net::buffer(data),
                      net::bind_cancellation_slot(signal.slot(), [&](error_code e, std::size_t) { read = e; }));
    settle();
    EXPECT_FALSE(read);
    signal.emit(how);
    ASSERT_TRUE(run_until([&] { return read.has_value(); }));
    EXPECT_EQ(read, net::error::operation_aborted);
    s.async_wait(direction::read, net::bind_cancellation_slot(signal.slot(), [&](error_code e) { waited = e; }));
    settle();
    signal.emit(how);
    ASSERT_TRUE(run_until([&] { return waited.has_value(); }));
    EXPECT_EQ(waited, net::error::operation_aborted);
  }
  const std::string request = "GET / HTTP/1.1\r\n\r\n";
  std::string answer;
  bool over = false;
  net::async_write(s, net::buffer(request), [&](error_code e, std::size_t) {
    EXPECT_FALSE(e);
    net::async_read_until(s, net::dynamic_buffer(answer), "running", [&](error_code failed, std::size_t) {
      EXPECT_FALSE(failed) << failed.message();
      over = true;
    });
  });
  EXPECT_TRUE(run_until([&] { return over; }));
}

TEST_F(StreamCompletion, DestroyedStreamEndsItsOperations) {
  auto s = std::make_unique<connection>(stream());
  char data[16];
  std::vector<error_code> told;
  s->async_read_some(net::buffer(data), [&](error_code e, std::size_t n) {
    told.push_back(e);
    EXPECT_EQ(n, 0u);
  });
  settle();
  s.reset();
  EXPECT_TRUE(told.empty());
  ASSERT_TRUE(run_until([&] { return !told.empty(); }));
  EXPECT_EQ(told, std::vector<error_code>{net::error::operation_aborted});
}

TEST_F(StreamCompletion, StreamDestroyedWhenItsDataIsThereAlreadyIsNotTouched) {
  auto s = std::make_unique<connection>(stream());
  char data[512] = {};
  std::vector<error_code> told;
  const std::string request = "GET / HTTP/1.1\r\n\r\n";
  net::io_context elsewhere(1);  // where the handler would run: later than the stream's end
  s->async_read_some(net::buffer(data),
                     net::bind_executor(elsewhere, [&](error_code e, std::size_t) { told.push_back(e); }));
  error_code error;
  s->write_some(request.data(), request.size(), error);
  ASSERT_FALSE(error);
  ASSERT_TRUE(run_until([&] { return answers_given_ == 1; }));
  settle();  // it is over, and its handler waits for a turn of `elsewhere`
  EXPECT_TRUE(told.empty());
  s.reset();
  elsewhere.run_for(generous);
  EXPECT_EQ(told, std::vector<error_code>{error_code()});
  EXPECT_TRUE(std::string_view(data).starts_with("HTTP/1.1 "));
}

}  // namespace
}  // namespace bunraku
