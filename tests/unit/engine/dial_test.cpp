// resolver::async_dial: the race for TCP alone.
#include <bunraku/resolver.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <cstdlib>
#include <cstring>
#include <list>
#include <net/if.h>
#include <netinet/in.h>
#include <optional>
#include <sched.h>
#include <string>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace bunraku {
namespace {
namespace net = boost::asio;
using error_code = boost::system::error_code;
using tcp = net::ip::tcp;

class Dial : public ::testing::Test {
 protected:
  master listening() {
    auto& acceptor = open_.emplace_back(io_, tcp::endpoint(net::ip::address_v4::loopback(), 0));
    return {"127.0.0.1", acceptor.local_endpoint().port(), source_kind::list};
  }
  master refusing() {
    // Bound, so that nobody else gets the port meanwhile.
    auto& socket = bound_.emplace_back(io_, tcp::endpoint(net::ip::address_v4::loopback(), 0));
    return {"127.0.0.1", socket.local_endpoint().port(), source_kind::list};
  }
  resolver make(std::vector<master> masters, std::vector<master> never_dial = {}) {
    resolver_options options;
    for (const auto* name : {"ca", "catalog", "files", "report"}) options.services.push_back({name, {}});
    options.services[index_of(service::catalog)].sources = {source::list(std::move(masters), "test")};
    options.dns.nameservers = {"127.0.0.1:1"};
    options.dns.hosts_file.clear();
    options.never_dial = std::move(never_dial);
    return {io_.get_executor(), std::move(options), nullptr};
  }
  plan plan_of(resolver& r) {
    plan out;
    r.async_plan(service::catalog, [&out](error_code, plan p) { out = std::move(p); });
    run();
    return out;
  }
  std::pair<error_code, std::optional<dialled>> dial(resolver& r, plan& p) {
    std::pair<error_code, std::optional<dialled>> out;
    r.async_dial(p, [&out](error_code error, std::optional<dialled> made) { out = {error, std::move(made)}; });
    run();
    return out;
  }
  void run() {
    io_.restart();
    io_.run();
  }

  net::io_context io_;
  std::list<tcp::acceptor> open_;
  std::list<tcp::socket> bound_;
};

TEST_F(Dial, NeedsNoIdentityAndGivesAPlainSocket) {
  const auto there = listening();
  auto r = make({there});
  auto p = plan_of(r);
  auto [error, made] = dial(r, p);
  ASSERT_FALSE(error) << error.message();
  ASSERT_TRUE(made);
  EXPECT_EQ(made->who(), there);
  EXPECT_TRUE(made->socket().non_blocking());
  auto other = open_.front().accept();
  other.send(net::buffer("hello", 5));
  made->socket().non_blocking(false);
  std::string got(5, ' ');
  net::read(made->socket(), net::buffer(got));
  EXPECT_EQ(got, "hello");
}

TEST_F(Dial, PassesOverMastersThatRefuse) {
  const auto first = refusing(), second = listening();
  auto r = make({first, second});
  auto p = plan_of(r);
  auto [error, made] = dial(r, p);
  ASSERT_FALSE(error) << error.message();
  EXPECT_EQ(made->who(), second);
  ASSERT_EQ(p.attempts().size(), 1u);
  EXPECT_EQ(p.attempts()[0].who(), first);
  EXPECT_EQ(p.attempts()[0].reached(), stage::connect);
}

TEST_F(Dial, TheSamePlanLeadsToTheNextMasterEachTime) {
  const auto first = listening(), second = listening();
  auto r = make({first, second});
  auto p = plan_of(r);
  EXPECT_EQ(dial(r, p).second->who(), first);
  EXPECT_EQ(dial(r, p).second->who(), second);
  const auto [error, made] = dial(r, p);
  EXPECT_EQ(error, errc::all_tried);
  EXPECT_FALSE(made);
}

TEST_F(Dial, AMasterWithoutTlsIsTriedAfterTheOthersOnceItIsDown) {
  const auto first = listening(), second = listening();
  auto r = make({first, second});
  for (int i = 0; i < 3; ++i) {
    auto p = plan_of(r);
    EXPECT_EQ(dial(r, p).second->who(), first) << i;
    r.report(first, service::catalog, outcome(outcome::kind::no_tls, "silent"));
  }
  auto p = plan_of(r);
  EXPECT_EQ(dial(r, p).second->who(), second);
}

TEST_F(Dial, AMasterThatSpeaksTlsAgainIsPreferredAgain) {
  const auto first = listening(), second = listening();
  auto r = make({first, second});
  for (int i = 0; i < 3; ++i) r.report(first, service::catalog, outcome(outcome::kind::no_tls, "silent"));
  r.report(first, service::catalog, outcome(outcome::kind::spoke_tls));
  auto p = plan_of(r);
  EXPECT_EQ(dial(r, p).second->who(), first);
}

TEST_F(Dial, NeverReachesOurOwnListener) {
  const auto own = listening();
  auto r = make({own}, {own});
  auto p = plan_of(r);
  const auto [error, made] = dial(r, p);
  EXPECT_EQ(error, errc::all_tried);
  ASSERT_EQ(p.attempts().size(), 1u);
  EXPECT_NE(p.attempts()[0].reason().find("loop"), std::string::npos) << p.attempts()[0].reason();
}

TEST_F(Dial, NeverReachesOurOwnListenerByAnotherSpellingOfItsAddress) {
  const auto own = listening();
  for (const char* spelling : {"0.0.0.0", "::ffff:127.0.0.1", "::ffff:0.0.0.0"}) {
    auto r = make({{spelling, own.port(), source_kind::list}}, {own});
    auto p = plan_of(r);
    const auto [error, made] = dial(r, p);
    EXPECT_EQ(error, errc::all_tried) << spelling;
    ASSERT_EQ(p.attempts().size(), 1u) << spelling;
    EXPECT_NE(p.attempts()[0].reason().find("loop"), std::string::npos) << p.attempts()[0].reason();
  }
  const master six("::1", own.port(), source_kind::list);
  auto r = make({{"::", own.port(), source_kind::list}}, {six});
  auto p = plan_of(r);
  EXPECT_EQ(dial(r, p).first, errc::all_tried);
  ASSERT_EQ(p.attempts().size(), 1u);
  EXPECT_NE(p.attempts()[0].reason().find("loop"), std::string::npos) << p.attempts()[0].reason();
}

/// An address of its own in a network of its own, which ends with this process.
bool give_this_process(const char* address) {
  if (::unshare(CLONE_NEWNET | (::geteuid() == 0 ? 0 : CLONE_NEWUSER)) != 0) return false;
  const int any = ::socket(AF_INET, SOCK_DGRAM, 0);
  struct ::ifreq ask{};
  std::strcpy(ask.ifr_name, "lo");
  ask.ifr_flags = IFF_UP | IFF_RUNNING;
  if (::ioctl(any, SIOCSIFFLAGS, &ask) != 0) return false;
  std::strcpy(ask.ifr_name, "lo:1");
  ::sockaddr_in to{};
  to.sin_family = AF_INET;
  ::inet_pton(AF_INET, address, &to.sin_addr);
  std::memcpy(&ask.ifr_addr, &to, sizeof to);
  const bool given = ::ioctl(any, SIOCSIFADDR, &ask) == 0;
  ::close(any);
  return given;
}

/// What became of dialling this, where we listen at `listener`.
std::string dialled_beside(const master& listener, const master& to) {
  net::io_context io;
  resolver_options options;
  for (const auto* name : {"ca", "catalog", "files", "report"}) options.services.push_back({name, {}});
  options.services[index_of(service::catalog)].sources = {source::list({to}, "test")};
  options.dns.hosts_file.clear();
  options.never_dial = {listener};
  resolver r(io.get_executor(), std::move(options), nullptr);
  plan p(service::catalog);
  if (!r.try_plan(service::catalog, p)) return "no plan";
  std::string out;
  r.async_dial(p, [&](error_code error, const std::optional<dialled>&) { out = error ? "" : "connected"; });
  io.run();
  return out.empty() ? p.attempts().at(0).reason() : out;
}

TEST_F(Dial, WhoListensAtEveryAddressIsReachedByNone) {
  using testing::HasSubstr;
  const auto in_child = [] {
    if (!give_this_process("192.0.2.7")) std::exit(99);
    const auto at = [](const char* host, std::uint16_t port) { return master(host, port, source_kind::list); };
    for (const char* any : {"0.0.0.0", "::"})
      for (const char* own : {"192.0.2.7", "127.0.0.1", "127.3.3.3", "::ffff:192.0.2.7"})
        EXPECT_THAT(dialled_beside(at(any, 8140), at(own, 8140)), HasSubstr("loop")) << any << ' ' << own;
    EXPECT_THAT(dialled_beside(at("::", 8140), at("::1", 8140)), HasSubstr("loop"));
    EXPECT_THAT(dialled_beside(at("0.0.0.0", 8140), at("::1", 8140)), HasSubstr("refused"));
    EXPECT_THAT(dialled_beside(at("0.0.0.0", 8140), at("192.0.2.7", 8141)), HasSubstr("refused"));
    EXPECT_THAT(dialled_beside(at("0.0.0.0", 8140), at("198.51.100.1", 8140)), HasSubstr("unreachable"));
    EXPECT_THAT(dialled_beside(at("127.0.0.1", 8140), at("192.0.2.7", 8140)), HasSubstr("refused"));
    std::exit(testing::Test::HasFailure() ? 1 : 0);
  };
  EXPECT_EXIT(in_child(), testing::ExitedWithCode(0), "");
}

TEST_F(Dial, ADestroyedResolverCancelsIt) {
  auto r = std::make_optional(make({listening()}));
  auto p = plan_of(*r);
  int calls = 0;
  error_code told;
  r->async_dial(p, [&](error_code error, std::optional<dialled> made) {
    ++calls;
    told = error;
    EXPECT_FALSE(made);
  });
  r.reset();
  run();
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(told, net::error::operation_aborted);
}

}  // namespace
}  // namespace bunraku
