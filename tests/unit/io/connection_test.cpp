#include "io/credentials.hpp"
#include "io/dialer.hpp"
#include "io/tls_context.hpp"
#include "support/pki.hpp"

#include <bunraku/connection.hpp>
#include <bunraku/local.hpp>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <gmock/gmock.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <malloc.h>
#include <regex>
#include <string>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace bunraku {
namespace {
namespace net = boost::asio;
using error_code = boost::system::error_code;
using tcp = net::ip::tcp;
using ::testing::ElementsAre;
using ::testing::ResultOf;

/// An agent whose own certificate serves both ends, and a listener of its local leg.
class ConnectionTest : public ::testing::Test {
 public:
  void SetUp() override {
    credential_files files;
    files.certificate = dir_.write("cert.pem", own_.pem());
    files.private_key = dir_.write("key.pem", own_.its_key().pkcs8_pem(), 0600);
    files.ca = dir_.write("ca.pem", ca_.pem());
    files.crl = dir_.write("crl.pem", ca_.crl());
    auto read = identity::load(files);
    for (const auto& p : read.found) ADD_FAILURE() << p.where() << ": " << p.what();
    ASSERT_TRUE(read.value);
    identity_ = read.value;
    context_ = io::make_upstream_context(identity_->native());
  }

  std::shared_ptr<io::dial> dial_to(const std::string& name) {
    io::ssl_ptr ssl{SSL_new(context_.get())};
    EXPECT_TRUE(io::prepare_upstream(ssl.get(), name));
    SSL_set_connect_state(ssl.get());
    return std::make_shared<io::dial>(io_.get_executor(), acceptor_.local_endpoint(), "test", std::move(ssl));
  }

  /// Both ends of a TLS connection through the real dialer and the real local leg.
  net::awaitable<std::pair<connection, connection>> pair() {
    std::pair<connection, connection> out;
    net::co_spawn(io_, accept_into(out.second), net::detached);
    auto dialled = co_await io::dial::run(dial_to("agent1.test"), std::chrono::seconds(10), std::chrono::seconds(10));
    EXPECT_FALSE(dialled.error) << dialled.reason;
    out.first = connection(std::move(dialled.value));
    while (!out.second.is_open()) co_await net::post(io_, net::use_awaitable);
    co_return std::move(out);
  }
  net::awaitable<void> accept_into(connection& out) {
    auto socket = co_await acceptor_.async_accept(net::use_awaitable);
    local_tls tls(identity_);
    auto [error, reason, made] =
        co_await tls.async_accept(std::move(socket), std::chrono::seconds(10), net::as_tuple(net::use_awaitable));
    EXPECT_FALSE(error) << reason;
    out = std::move(made);
  }

  void run(net::awaitable<void> what) {
    std::exception_ptr thrown;
    net::co_spawn(io_, std::move(what), [&](std::exception_ptr e) { thrown = e; });
    io_.run_for(std::chrono::seconds(60));
    if (thrown) std::rethrow_exception(thrown);
  }

  test_pki::directory dir_;
  test_pki::authority ca_{"Test CA"};
  test_pki::certificate own_ = ca_.issue("agent1.test");
  std::shared_ptr<const identity> identity_;
  io::ssl_ctx_ptr context_;
  net::io_context io_{1};
  tcp::acceptor acceptor_{io_, tcp::endpoint(net::ip::address_v4::loopback(), 0)};
};

net::awaitable<void> write_and_close(connection& to, std::string text) {
  co_await net::async_write(to, net::buffer(text), net::use_awaitable);
  to.close();
}

TEST_F(ConnectionTest, IsAnAsyncStreamForAsiosAlgorithms) {
  run([](ConnectionTest& t) -> net::awaitable<void> {
    auto [client, server] = co_await t.pair();
    std::string sent(3'000'000, 'x');
    for (std::size_t i = 0; i != sent.size(); ++i) sent[i] = static_cast<char>(i * 31 >> 3);
    net::co_spawn(t.io_, write_and_close(server, sent), net::detached);
    std::string got;
    error_code error;
    co_await net::async_read(client, net::dynamic_buffer(got), net::redirect_error(net::use_awaitable, error));
    EXPECT_EQ(error, net::error::eof);
    EXPECT_TRUE(got == sent);
  }(*this));
}

TEST_F(ConnectionTest, ALargeWriteIsSeveralRecordsAtOnce) {
  run([](ConnectionTest& t) -> net::awaitable<void> {
    auto [client, server] = co_await t.pair();
    const std::string block(200'000, 'b');
    error_code error;
    const auto put = server.write_some(block.data(), block.size(), error);
    EXPECT_FALSE(error);
    EXPECT_EQ(put, 81920u) << "five records, and the socket has room for them";
    std::string got(put, '\0');
    EXPECT_EQ(co_await net::async_read(client, net::buffer(got), net::use_awaitable), put);
    EXPECT_EQ(got, block.substr(0, put));
  }(*this));
}

/// A socket that takes parts of records: what was told as written is written, and nothing comes twice.
TEST_F(ConnectionTest, NothingOfALargeWriteIsLostInASocketThatIsFull) {
  run([](ConnectionTest& t) -> net::awaitable<void> {
    auto [client, server] = co_await t.pair();
    const int small = 4096;
    for (const auto& [end, option] : {std::pair(&server, SO_SNDBUF), std::pair(&client, SO_RCVBUF)})
      EXPECT_EQ(::setsockopt(end->native_wait(direction::write).descriptor, SOL_SOCKET, option, &small, sizeof small),
                0);
    std::string sent(300'000, 'x'), got;
    for (std::size_t i = 0; i != sent.size(); ++i) sent[i] = static_cast<char>(i * 31 >> 3);
    std::size_t put = 0, waits = 0, parts = 0;
    std::vector<char> room(sent.size());
    while (got.size() < sent.size()) {
      error_code error;
      const auto n = server.write_some(sent.data() + put, sent.size() - put, error);
      put += n;
      waits += error == net::error::would_block;
      parts += n != 0 && n != 81920;
      EXPECT_TRUE(!error || error == net::error::would_block) << error.message();
      if (n != 0) continue;
      co_await client.async_wait(direction::read, net::use_awaitable);
      for (error = {}; !error && got.size() <= sent.size();)
        got.append(room.data(), client.read_some(room.data(), room.size(), error));
    }
    EXPECT_TRUE(got == sent);
    EXPECT_GT(waits, 5u);
    EXPECT_GT(parts, 5u);
  }(*this));
}

/// Whoever goes on with less than was refused is told of no more bytes than came.
TEST_F(ConnectionTest, AFullSocketTellsOfNoMoreThanTheCallerComesWith) {
  run([](ConnectionTest& t) -> net::awaitable<void> {
    auto [client, server] = co_await t.pair();
    const int small = 4096;
    EXPECT_EQ(
        ::setsockopt(server.native_wait(direction::write).descriptor, SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
    const std::string sent(3'000'000, 'x');
    std::string got;
    std::vector<char> room(sent.size());
    error_code error;
    std::size_t put = 0;
    while (!error) put += server.write_some(sent.data() + put, sent.size() - put, error);
    EXPECT_EQ(error, net::error::would_block);
    const auto end = put + 20'000;  // more than a record
    while (put < end) {
      const auto n = server.write_some(sent.data() + put, 1000, error);
      EXPECT_LE(n, 1000u);
      EXPECT_TRUE(!error || error == net::error::would_block) << error.message();
      put += n;
      if (n == 0) got.append(room.data(), client.read_some(room.data(), room.size(), error));
    }
    server.close();
    co_await net::async_read(client, net::dynamic_buffer(got), net::redirect_error(net::use_awaitable, error));
    EXPECT_EQ(got.size(), put);
  }(*this));
}

/// The number of its descriptor is soon another's.
TEST_F(ConnectionTest, AClosedStreamTouchesNobodyElsesDescriptor) {
  run([](ConnectionTest& t) -> net::awaitable<void> {
    for (const auto end : {&connection::close, &connection::abort}) {
      auto [client, server] = co_await t.pair();
      const auto number = client.native_wait(direction::read).descriptor;
      (client.*end)();
      std::array<int, 2> others{};
      EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, others.data()), 0);
      EXPECT_EQ(others[0], number);
      EXPECT_EQ(::write(others[1], "secret", 6), 6);
      std::array<char, 10> room{};
      error_code error;
      EXPECT_EQ(client.read_some(room.data(), room.size(), error), 0u);
      EXPECT_EQ(error, net::error::bad_descriptor);
      EXPECT_EQ(client.write_some("x", 1, error), 0u);
      EXPECT_EQ(error, net::error::bad_descriptor);
      EXPECT_FALSE(client.idle_and_alive());
      EXPECT_EQ(::recv(others[1], room.data(), room.size(), MSG_DONTWAIT), -1);
      EXPECT_EQ(::recv(others[0], room.data(), room.size(), MSG_DONTWAIT), 6);
      (client.*end)();
      for (const int fd : others) EXPECT_EQ(::close(fd), 0);
    }
  }(*this));
}

TEST_F(ConnectionTest, NonBlockingReadSaysWouldBlockUntilTheWaitIsOver) {
  run([](ConnectionTest& t) -> net::awaitable<void> {
    auto [client, server] = co_await t.pair();
    char buffer[16];
    error_code error;
    EXPECT_EQ(client.read_some(buffer, sizeof buffer, error), 0u);
    EXPECT_EQ(error, net::error::would_block);
    EXPECT_EQ(server.write_some("hello", 5, error), 5u);
    EXPECT_FALSE(error);
    co_await client.async_wait(direction::read, net::use_awaitable);
    EXPECT_EQ(client.read_some(buffer, sizeof buffer, error), 5u);
    EXPECT_FALSE(error);
  }(*this));
}

TEST_F(ConnectionTest, CancelEndsAWaitWithOperationAborted) {
  run([](ConnectionTest& t) -> net::awaitable<void> {
    auto [client, server] = co_await t.pair();
    net::post(t.io_, [&s = server] { s.cancel(); });
    error_code error;
    co_await server.async_wait(direction::read, net::redirect_error(net::use_awaitable, error));
    EXPECT_EQ(error, net::error::operation_aborted);
    EXPECT_EQ(client.write_some("x", 1, error), 1u);
    char byte;
    const auto n = co_await server.async_read_some(net::buffer(&byte, 1), net::use_awaitable);
    EXPECT_EQ(n, 1u) << "a cancelled read leaves the stream usable";
  }(*this));
}

TEST_F(ConnectionTest, WaitEitherWakesAWriterWhenAnAnswerComesEarly) {
  run([](ConnectionTest& t) -> net::awaitable<void> {
    auto [client, server] = co_await t.pair();
    const std::string block(65536, 'b');
    error_code error;
    while (!error) client.write_some(block.data(), block.size(), error);
    EXPECT_EQ(error, net::error::would_block);
    server.write_some("early", 5, error);
    co_await client.async_wait_either(net::use_awaitable);
    char buffer[16];
    const auto n = client.read_some(buffer, sizeof buffer, error);
    EXPECT_EQ(std::string_view(buffer, n), "early");
  }(*this));
}

/// It knows on the loop's next turns that writing is possible, and has yet to end the other wait.
TEST_F(ConnectionTest, WaitEitherOfAStreamThatIsClosedBeforeItsHandlerRunsIsAborted) {
  bool closed_before_it = false;
  for (int turns = 0; turns != 6; ++turns) {
    run([](ConnectionTest& t, int turns, bool& closed_before_it) -> net::awaitable<void> {
      auto [client, server] = co_await t.pair();
      std::optional<error_code> why;
      client.async_wait_either([&](error_code error) { why = error; });
      for (int i = 0; i != turns; ++i) co_await net::post(t.io_, net::use_awaitable);
      const bool closed_first = !why;
      client.close();
      while (!why) co_await net::post(t.io_, net::use_awaitable);
      EXPECT_EQ(*why, closed_first ? error_code(net::error::operation_aborted) : error_code()) << turns;
      closed_before_it = closed_before_it || closed_first;
    }(*this, turns, closed_before_it));
    io_.restart();
  }
  EXPECT_TRUE(closed_before_it);
}

/// A pool of threads, say: that must not meet the stream itself, which another operation may be using.
TEST_F(ConnectionTest, WhereAHandlerRunsNothingElseIsDone) {
  run([](ConnectionTest& t) -> net::awaitable<void> {
    auto [client, server] = co_await t.pair();
    net::io_context elsewhere;
    std::string buffer(5, '-');
    int reads = 0, waits = 0;
    client.async_read_some(net::buffer(buffer), net::bind_executor(elsewhere, [&](error_code error, std::size_t n) {
                             EXPECT_FALSE(error) << error.message();
                             reads += static_cast<int>(n);
                           }));
    server.async_wait_either(net::bind_executor(elsewhere, [&](error_code error) { waits += !error; }));
    for (int turns = 0; turns != 100; ++turns) co_await net::post(t.io_, net::use_awaitable);
    error_code error;
    EXPECT_EQ(server.write_some("hello", 5, error), 5u);
    for (int turns = 0; turns != 10'000 && buffer != "hello"; ++turns) co_await net::post(t.io_, net::use_awaitable);
    EXPECT_EQ(buffer, "hello");
    EXPECT_EQ(reads + waits, 0);
    elsewhere.run();  // it has work until both have run
    EXPECT_EQ(reads, 5);
    EXPECT_EQ(waits, 1);
  }(*this));
}

TEST_F(ConnectionTest, IdleConnectionIsDeadOnceThePeerLeft) {
  run([](ConnectionTest& t) -> net::awaitable<void> {
    auto [client, server] = co_await t.pair();
    EXPECT_TRUE(client.idle_and_alive());
    server.close();
    co_await client.async_wait(direction::read, net::use_awaitable);
    EXPECT_FALSE(client.idle_and_alive());
  }(*this));
}

TEST_F(ConnectionTest, IdleConnectionThatIsToldSomethingUnaskedIsDead) {
  run([](ConnectionTest& t) -> net::awaitable<void> {
    auto [client, server] = co_await t.pair();
    EXPECT_TRUE(client.idle_and_alive());
    error_code error;
    server.write_some("?", 1, error);
    co_await client.async_wait(direction::read, net::use_awaitable);
    EXPECT_FALSE(client.idle_and_alive());
  }(*this));
}

/// Where a sanitizer has its own allocator; glibc's is empty then.
extern "C" [[gnu::weak]] std::size_t __sanitizer_get_current_allocated_bytes();

/// What the library holds.
std::size_t heap_in_use() {
  return __sanitizer_get_current_allocated_bytes != nullptr ? __sanitizer_get_current_allocated_bytes()
                                                            : ::mallinfo2().uordblks;
}

/// An agent holds idle connections to several masters, and each master gives tickets.
TEST_F(ConnectionTest, ATicketLeavesNoBuffersBehind) {
  run([](ConnectionTest& t) -> net::awaitable<void> {
    auto [client, server] = co_await t.pair();
    const auto pass = [](connection& from, connection& to) -> net::awaitable<void> {
      error_code error;
      char byte = '?';
      EXPECT_EQ(from.write_some(&byte, 1, error), 1u);
      do co_await to.async_wait(direction::read, net::use_awaitable);
      while (to.read_some(&byte, 1, error) == 0 && error == net::error::would_block);
      EXPECT_FALSE(error) << error.message();
    };
    co_await pass(client, server);
    error_code error;
    char byte;
    co_await client.async_wait(direction::read, net::use_awaitable);
    EXPECT_EQ(client.read_some(&byte, 1, error), 0u);
    EXPECT_EQ(error, net::error::would_block);
    const auto behind_tickets = heap_in_use();
    // Behind data OpenSSL gives them back by itself.
    co_await pass(server, client);
    co_await pass(client, server);
    EXPECT_LT(behind_tickets, heap_in_use() + 4'000);
  }(*this));
}

/// One read of the socket may bring more than was asked for.
TEST_F(ConnectionTest, WhatIsLeftOfARecordIsReadWithoutWaiting) {
  run([](ConnectionTest& t) -> net::awaitable<void> {
    auto [client, server] = co_await t.pair();
    error_code error;
    server.write_some("first record", 12, error);
    server.write_some(" and second", 11, error);
    co_await client.async_wait(direction::read, net::use_awaitable);
    char buffer[32];
    std::string got;
    while (got.size() < 23 && !error) got.append(buffer, client.read_some(buffer, 5, error));
    EXPECT_FALSE(error) << error.message();
    EXPECT_EQ(got, "first record and second");
    EXPECT_FALSE(client.read_some(buffer, 5, error));
    EXPECT_EQ(error, net::error::would_block);
    EXPECT_TRUE(client.idle_and_alive());
  }(*this));
}

/// Behind a small one it is waited for: asking the socket costs a system call, and mostly finds nothing.
TEST_F(ConnectionTest, BehindALargeRecordTheNextIsReadWithoutWaiting) {
  run([](ConnectionTest& t) -> net::awaitable<void> {
    auto [client, server] = co_await t.pair();
    std::string buffer(16'384, '\0');
    for (const std::size_t size : {std::size_t{1000}, buffer.size()}) {
      const std::string record(size, 'r');
      error_code error;
      server.write_some(record.data(), size, error);
      co_await client.async_wait(direction::read, net::use_awaitable);
      EXPECT_EQ(client.read_some(buffer.data(), buffer.size(), error), size) << error.message();
      server.write_some(record.data(), size, error);
      auto got = client.read_some(buffer.data(), buffer.size(), error);
      EXPECT_EQ(error == net::error::would_block, size == 1000) << error.message();
      if (error) {
        co_await client.async_wait(direction::read, net::use_awaitable);
        got = client.read_some(buffer.data(), buffer.size(), error);
      }
      EXPECT_EQ(got, size) << error.message();
    }
  }(*this));
}

TEST_F(ConnectionTest, FarewellThatCameWithTheLastBytesIsReadWithoutWaiting) {
  run([](ConnectionTest& t) -> net::awaitable<void> {
    auto [client, server] = co_await t.pair();
    error_code error;
    server.write_some("the end", 7, error);
    server.close();
    co_await client.async_wait(direction::read, net::use_awaitable);
    char buffer[32];
    EXPECT_EQ(client.read_some(buffer, sizeof buffer, error), 7u);
    for (int i = 0; i != 2; ++i) {
      EXPECT_EQ(client.read_some(buffer, sizeof buffer, error), 0u);
      EXPECT_EQ(error, net::error::eof);
    }
    EXPECT_FALSE(client.idle_and_alive());
  }(*this));
}

/// Else each wait for an answer would end once more, to say that one may write.
TEST_F(ConnectionTest, NobodyWatchesForWritingWhereNothingWaitsForIt) {
  run([](ConnectionTest& t) -> net::awaitable<void> {
    auto [client, server] = co_await t.pair();
    const auto at =
        "tfd: +" + std::to_string(client.native_wait(direction::read).descriptor) + " +events: +([0-9a-f]+)";
    std::vector<unsigned long> watched;
    for (const auto& file : std::filesystem::directory_iterator("/proc/self/fdinfo")) {
      std::ifstream lines(file.path());
      const std::string text(std::istreambuf_iterator<char>(lines), {});
      if (std::smatch found; std::regex_search(text, found, std::regex(at)))
        watched.push_back(std::stoul(found[1], nullptr, 16));
    }
    EXPECT_THAT(watched, ElementsAre(ResultOf([](auto events) { return events & EPOLLOUT; }, 0u)));
  }(*this));
}

TEST_F(ConnectionTest, PeerThatLeavesWithoutGoodbyeIsAReset) {
  run([](ConnectionTest& t) -> net::awaitable<void> {
    tcp::socket raw(t.io_);
    co_await raw.async_connect(t.acceptor_.local_endpoint(), net::use_awaitable);
    auto accepted = co_await t.acceptor_.async_accept(net::use_awaitable);
    local_tls tls(t.identity_);
    raw.close();
    auto [error, reason, made] =
        co_await tls.async_accept(std::move(accepted), std::chrono::seconds(10), net::as_tuple(net::use_awaitable));
    EXPECT_TRUE(error);
    EXPECT_FALSE(reason.empty());
    EXPECT_FALSE(made.is_open());
  }(*this));
}

TEST_F(ConnectionTest, WhoAcceptsIsToldOnItsOwnExecutor) {
  net::io_context theirs(1);
  tcp::socket raw(io_);
  raw.connect(acceptor_.local_endpoint());
  auto accepted = acceptor_.accept();
  raw.close();
  bool told = false;
  local_tls(identity_).async_accept(std::move(accepted), std::chrono::seconds(10),
                                    net::bind_executor(theirs.get_executor(), [&](error_code, const std::string&,
                                                                                  const connection&) { told = true; }));
  io_.run_for(std::chrono::seconds(60));
  EXPECT_FALSE(told) << "within a loop that is not its own";
  theirs.run();
  EXPECT_TRUE(told);
}

TEST_F(ConnectionTest, AcceptingWithoutALimitIsNotOverAtOnce) {
  run([](ConnectionTest& t) -> net::awaitable<void> {
    net::co_spawn(
        t.io_,
        [](ConnectionTest& u) -> net::awaitable<void> {
          auto socket = co_await u.acceptor_.async_accept(net::use_awaitable);
          local_tls tls(u.identity_);
          co_await tls.async_accept(std::move(socket), std::chrono::milliseconds::max(),
                                    net::as_tuple(net::use_awaitable));
        }(t),
        net::detached);
    const auto result =
        co_await io::dial::run(t.dial_to("agent1.test"), std::chrono::seconds(10), std::chrono::seconds(10));
    EXPECT_FALSE(result.error) << result.reason;
  }(*this));
}

TEST_F(ConnectionTest, WhomTheKernelDoesNotKnowIsNotRoot) {
  net::local::stream_protocol::socket closed(io_);
  error_code error;
  const auto who = credentials_of(closed, error);
  EXPECT_TRUE(error);
  EXPECT_NE(who.uid, 0U);
  EXPECT_NE(who.gid, 0U);
}

TEST_F(ConnectionTest, DialThatMeetsSilenceEndsWithTlsTimeout) {
  run([](ConnectionTest& t) -> net::awaitable<void> {
    const auto result =
        co_await io::dial::run(t.dial_to("agent1.test"), std::chrono::seconds(10), std::chrono::milliseconds(50));
    EXPECT_EQ(result.error, errc::tls_timeout);
    EXPECT_EQ(result.reached, stage::tls);
    EXPECT_FALSE(result.value);
  }(*this));
}

TEST_F(ConnectionTest, DialToAnotherNameIsRefusedByTheCertificate) {
  run([](ConnectionTest& t) -> net::awaitable<void> {
    connection served;
    net::co_spawn(
        t.io_,
        [](ConnectionTest& u) -> net::awaitable<void> {
          auto socket = co_await u.acceptor_.async_accept(net::use_awaitable);
          local_tls tls(u.identity_);
          co_await tls.async_accept(std::move(socket), std::chrono::seconds(10), net::as_tuple(net::use_awaitable));
        }(t),
        net::detached);
    const auto result =
        co_await io::dial::run(t.dial_to("other.test"), std::chrono::seconds(10), std::chrono::seconds(10));
    EXPECT_EQ(result.error, errc::certificate_wrong_name);
    EXPECT_NE(result.reason.find("agent1.test"), std::string::npos) << result.reason;
  }(*this));
}

TEST_F(ConnectionTest, CancelledDialEndsAtOnce) {
  run([](ConnectionTest& t) -> net::awaitable<void> {
    const auto dialled = t.dial_to("agent1.test");
    net::post(t.io_, [dialled] { dialled->cancel(); });
    const auto result = co_await io::dial::run(dialled, std::chrono::seconds(30), std::chrono::seconds(30));
    EXPECT_EQ(result.error, errc::cancelled);
  }(*this));
}

}  // namespace
}  // namespace bunraku
