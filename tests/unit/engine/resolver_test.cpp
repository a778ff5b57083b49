#include "support/dns_responder.hpp"
#include "support/no_descriptors.hpp"
#include "unit/engine/resolver_fixture.hpp"

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/read.hpp>

#include <functional>
#include <optional>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace bunraku {
namespace {

TEST_F(ResolverTest, ConnectsToTheFirstMasterOfAList) {
  auto r = make({list({serving("good1.test"), serving("good2.test")})});
  const auto got = connect(r);
  EXPECT_FALSE(got.error) << got.error.message();
  EXPECT_EQ(got.host, "good1.test");
  EXPECT_TRUE(got.attempts.empty());
}

TEST_F(ResolverTest, MasterThatRefusesIsPassedOver) {
  auto r = make({list({refusing("good1.test"), serving("good2.test")})});
  const auto got = connect(r);
  EXPECT_EQ(got.host, "good2.test");
  ASSERT_EQ(got.attempts.size(), 1u);
  EXPECT_EQ(got.attempts[0].reached(), stage::connect);
  EXPECT_EQ(got.attempts[0].error(), boost::system::errc::connection_refused);
}

TEST_F(ResolverTest, MasterThatHangsInTheHandshakeLosesTheRace) {
  connect_options fast;
  fast.race_delay = std::chrono::milliseconds(20);
  auto r = make({list({hanging("good1.test"), serving("good2.test")})}, fast);
  const auto got = connect(r);
  EXPECT_EQ(got.host, "good2.test");
  ASSERT_EQ(got.attempts.size(), 1u);
  EXPECT_EQ(got.attempts[0].who().host(), "good1.test");
}

TEST_F(ResolverTest, MasterThatWasAskedInCaseTheWinnerDoesNotAnswerHasNotFailed) {
  connect_options fast;
  fast.race_delay = std::chrono::milliseconds(20);
  auto r = make({list({hanging("good1.test"), hanging("good2.test")})}, fast);
  std::optional<connected> made;
  r.async_connect(service::catalog, [&](error_code error, connected got) {
    EXPECT_FALSE(error) << error.message();
    made = std::move(got);
  });
  bool second = false;
  open_[1]->async_wait(tcp::acceptor::wait_read, [&](error_code) {
    second = true;
    net::co_spawn(io_, serve(open_[0]), net::detached);
  });
  while (!made && io_.run_one_for(std::chrono::seconds(60)) != 0) {
  }
  EXPECT_TRUE(second);
  ASSERT_TRUE(made);
  EXPECT_EQ(made->who().host(), "good1.test");
  EXPECT_TRUE(made->tried().empty()) << made->tried().front().to_string();
}

TEST_F(ResolverTest, SecondAddressOfTheOnlyMasterDoesNotWaitForTheFirstToFail) {
  // good1.test is first an address whose kernel accepts and nobody speaks, then one where a master is.
  const auto hangs = hanging("good1.test");
  auto second =
      std::make_shared<tcp::acceptor>(io_, tcp::endpoint(net::ip::make_address_v4("127.0.0.2"), hangs.port()));
  net::co_spawn(io_, serve(second), net::detached);
  open_.push_back(second);
  connect_options patient;
  patient.tls_timeout = std::chrono::minutes(10);  // far beyond what connect() waits here
  auto r = make({list({hangs})}, patient);
  auto options = r.options();
  options.dns.hosts_file = dir_.write("two", "127.0.0.1 good1.test\n127.0.0.2 good1.test\n");
  r.replace(options, identity_);
  const auto got = connect(r);
  EXPECT_FALSE(got.error) << got.error.message();
  EXPECT_EQ(got.host, "good1.test");
}

TEST_F(ResolverTest, MasterWithAWrongNameIsPassedOver) {
  auto r = make({list({serving("wrong.test"), serving("good1.test")})});
  const auto got = connect(r);
  EXPECT_EQ(got.host, "good1.test");
  ASSERT_EQ(got.attempts.size(), 1u);
  EXPECT_EQ(got.attempts[0].error(), errc::certificate_wrong_name);
}

TEST_F(ResolverTest, MasterWithoutAnAddressIsPassedOver) {
  auto r = make({list({serving("unknown.test"), serving("good1.test")})});
  const auto got = connect(r);
  EXPECT_EQ(got.host, "good1.test");
  ASSERT_EQ(got.attempts.size(), 1u);
  EXPECT_EQ(got.attempts[0].reached(), stage::resolve);
}

TEST_F(ResolverTest, LaterSourceIsAskedWhenAllMastersOfTheEarlierFailed) {
  auto r = make({list({refusing("good1.test")}), list({serving("good2.test")})});
  const auto got = connect(r);
  EXPECT_EQ(got.host, "good2.test");
}

TEST_F(ResolverTest, AllMastersFailingNamesEachAttempt) {
  auto r = make({list({refusing("good1.test"), serving("wrong.test")})});
  const auto got = connect(r);
  EXPECT_EQ(got.error, errc::all_tried);
  ASSERT_EQ(got.attempts.size(), 2u);
  EXPECT_NE(got.attempts[0].to_string().find("refused"), std::string::npos) << got.attempts[0].to_string();
}

TEST_F(ResolverTest, ServiceWithoutSourcesHasNoMasters) {
  auto r = make({});
  EXPECT_EQ(connect(r).error, errc::no_masters);
}

TEST_F(ResolverTest, NameMappedToOurOwnListenerIsNoLoop) {
  const auto own = serving("good1.test");
  auto r = make({list({own, serving("good2.test")})});
  auto changed = r.options();
  changed.never_dial = {{"127.0.0.1", own.port(), source_kind::list}};
  r.replace(changed, identity_);
  const auto got = connect(r);
  EXPECT_EQ(got.host, "good2.test");
  ASSERT_EQ(got.attempts.size(), 1u);
  EXPECT_NE(got.attempts[0].reason().find("loop"), std::string::npos);
}

TEST_F(ResolverTest, WithoutAnIdentityNothingIsDialled) {
  identity_.reset();
  auto r = make({list({refusing("good1.test")})});
  EXPECT_EQ(connect(r).error, errc::credentials_invalid);
}

TEST_F(ResolverTest, MasterThatFailedThreeTimesIsTriedLastFromThenOn) {
  auto r = make({list({refusing("good1.test"), serving("good2.test")})});
  for (int i = 0; i != 3; ++i) EXPECT_EQ(connect(r).attempts.size(), 1u);
  const auto got = connect(r);
  EXPECT_EQ(got.host, "good2.test");
  EXPECT_TRUE(got.attempts.empty()) << "the dead master was asked again";
}

TEST_F(ResolverTest, WhenAllAreDownAllAreTried) {
  auto r = make({list({refusing("good1.test"), refusing("good2.test")})});
  for (int i = 0; i != 5; ++i) EXPECT_EQ(connect(r).attempts.size(), 2u) << i;
}

TEST_F(ResolverTest, RunStaysWithTheMasterThatAnsweredIt) {
  const auto first = serving("good1.test"), second = serving("good2.test");
  auto r = make({list({first, second})});
  const auto& row = find_endpoint("POST", "/puppet/v3/catalog/agent1.test");
  const auto ticket = r.begin_exchange(row, "/puppet/v3/catalog/agent1.test?environment=production");
  r.end_exchange(ticket,
                 {.row = row, .of = service::catalog, .answered_by = &second, .failed_first = &first, .status = 200});
  EXPECT_EQ(connect(r).host, "good2.test");
  const auto& report = find_endpoint("PUT", "/puppet/v3/report/agent1.test");
  const auto last = r.begin_exchange(report, "/puppet/v3/report/agent1.test");
  r.end_exchange(last, {.row = report, .of = service::report, .answered_by = &first, .status = 200});
  EXPECT_EQ(connect(r).host, "good1.test") << "the run is over: the order is the configured one again";
}

TEST_F(ResolverTest, RunsFileServerIsNotAskedForACatalogThatItDoesNotServe) {
  const auto compiler = serving("good1.test"), files = serving("good2.test");
  auto r = make({list({compiler})});
  const auto& row = find_endpoint("GET", "/puppet/v3/file_metadatas/plugins");
  const auto ticket = r.begin_exchange(row, "/puppet/v3/file_metadatas/plugins?recurse=false");
  r.end_exchange(ticket, {.row = row, .of = service::files, .answered_by = &files, .status = 200});
  EXPECT_EQ(connect(r).host, "good1.test");
}

TEST_F(ResolverTest, MasterWithABadCertificateIsGivenUpAtOnce) {
  auto r = make({list({serving("wrong.test"), serving("good1.test")})});
  EXPECT_EQ(connect(r).attempts.size(), 1u);
  EXPECT_TRUE(connect(r).attempts.empty());
}

TEST_F(ResolverTest, AWantOfDescriptorsForDnsIsNotTheMastersFault) {
  const master unknown("unknown.test", 8140, source_kind::list);
  const auto counts_of = [](const resolver& r) {
    return r.snapshot().services[index_of(service::catalog)].candidates.at(0).whole->counts;
  };
  auto before = make({list({unknown})});
  connect(before);
  EXPECT_EQ(counts_of(before).failed, 1u) << "no name server can say where it is";

  auto r = make({list({unknown})});
  {
    const no_descriptors here;
    connect(r);
  }
  EXPECT_EQ(counts_of(r).failed, 0u);
  EXPECT_EQ(counts_of(r).own_faults, 1u);
}

TEST_F(ResolverTest, ASourceWhoseMastersAreAllDownComesAfterTheNextOne) {
  const auto wrong = serving("wrong.test"), good = serving("good1.test");
  auto r = make({list({wrong}), list({good})});
  EXPECT_EQ(connect(r).attempts.size(), 1u);  // a bad certificate: down at once
  plan p;
  ASSERT_TRUE(r.try_plan(service::catalog, p));
  ASSERT_EQ(p.left(), 2u) << "the last to try, but to be tried";
  EXPECT_EQ(p.left_at(0), good);
  EXPECT_EQ(p.left_at(1), wrong);
  const auto seen = r.snapshot().services[index_of(service::catalog)].candidates;
  ASSERT_EQ(seen.size(), 2u);
  EXPECT_EQ(seen[0].who, good);
  EXPECT_EQ(seen[1].who, wrong);
}

TEST_F(ResolverTest, WhenTheMastersOfAllSourcesAreDownTheirOrderIsAsItWas) {
  const auto first = serving("wrong.test"), second = serving("bad.test");
  auto r = make({list({first}), list({second})});
  EXPECT_EQ(connect(r).attempts.size(), 2u);
  plan p;
  ASSERT_TRUE(r.try_plan(service::catalog, p));
  ASSERT_EQ(p.left(), 2u);
  EXPECT_EQ(p.left_at(0), first);
  EXPECT_EQ(p.left_at(1), second);
}

TEST_F(ResolverTest, AMasterThatTakesItsTimeForEachStepDoesNotHang) {
  const auto far = serving("good1.test");
  answers_ = true;
  slowness_ = std::chrono::milliseconds(1500);  // TLS and the answer each; together more than one limit
  connect_options how;
  how.status_limit = std::chrono::milliseconds(2900);
  auto r = make({list({far})}, how);
  std::optional<error_code> said;
  r.async_ask_status(far, service::catalog, [&](error_code error) {
    said = error;
    io_.stop();
  });
  io_.restart();
  io_.run_for(std::chrono::seconds(60));
  EXPECT_EQ(said, error_code());
}

TEST_F(ResolverTest, RecordsOfAMasterThatCannotBeReachedAreAskedForBeforeTheirTimeIsOver) {
  const auto port = refusing("good1.test").port();
  test::dns_responder server(
      io_.get_executor(), [port](const test::dns_responder::question& q) -> test::dns_responder::answers {
        return {test::dns_packet(q.name, q.type, q.id).srv(q.name, 1, 1, port, "good1.test", 3600)};
      });
  auto r = make({source::srv({"_x-puppet._tcp.test"})});
  auto options = r.options();
  options.dns.nameservers = {server.address()};
  r.replace(options, identity_);
  EXPECT_EQ(connect(r).error, errc::all_tried);
  std::optional<resolution> said;
  r.async_resolve(service::catalog, [&](error_code, resolution known) {
    said = std::move(known);
    io_.stop();
  });
  io_.restart();
  io_.run_for(std::chrono::seconds(60));
  ASSERT_TRUE(said);
  EXPECT_LE(said->answers.at(0).ttl_left, std::chrono::seconds(10));
}

TEST_F(ResolverTest, RecordsOfAMasterThatIsSilentWhenAskedWhetherItLivesAreAskedForBeforeTheirTimeIsOver) {
  const auto silent = hanging("good1.test");
  test::dns_responder server(
      io_.get_executor(), [&](const test::dns_responder::question& q) -> test::dns_responder::answers {
        return {test::dns_packet(q.name, q.type, q.id).srv(q.name, 1, 1, silent.port(), "good1.test", 3600)};
      });
  connect_options how;
  how.status_limit = std::chrono::milliseconds(50);
  auto r = make({source::srv({"_x-puppet._tcp.test"})}, how);
  auto options = r.options();
  options.dns.nameservers = {server.address()};
  r.replace(options, identity_);
  std::optional<error_code> said;
  r.async_resolve(service::catalog, [&](error_code, const resolution&) {
    r.async_ask_status(silent, service::catalog, [&](error_code error) { said = error; });
  });
  while (!said) io_.run_one();
  EXPECT_EQ(*said, errc::connect_timeout);
  const auto known = r.snapshot().services[index_of(service::catalog)].sources.front();
  EXPECT_EQ(known.answer.state, source_answer::status::answered);
  EXPECT_LE(known.answer.ttl_left, std::chrono::seconds(10)) << "it may have moved";
}

TEST_F(ResolverTest, NextMastersAddressesAreKnownWhenDnsIsGone) {
  const auto one = serving("good1.test"), two = serving("spare.test");
  bool silent = false;
  test::dns_responder server(io_.get_executor(),
                             [&](const test::dns_responder::question& q) -> test::dns_responder::answers {
                               if (silent) return {};
                               test::dns_packet said(q.name, q.type, q.id);
                               if (q.type == test::rr::a) said.answer(q.name, q.type, 3600, {127, 0, 0, 1});
                               return {said};
                             });
  auto r = make({list({one, two})});
  auto options = r.options();
  options.dns.nameservers = {server.address()};
  r.replace(options, identity_);
  EXPECT_EQ(connect(r).host, "good1.test");
  io_.restart();
  while (server.count("spare.test", test::rr::a) + server.count("spare.test", test::rr::aaaa) < 2)
    ASSERT_NE(io_.run_one_for(std::chrono::seconds(60)), 0u);
  io_.poll();
  silent = true;
  for (const auto& each : open_) each->close();
  const auto got = connect(r);
  ASSERT_EQ(got.attempts.size(), 2u);
  EXPECT_EQ(got.attempts[1].reached(), stage::connect) << got.attempts[1].to_string();
}

/// `named` as the first further service, or as the second one behind "another".
resolver_options with_further(resolver_options options, std::vector<source> named,
                              std::optional<std::vector<source>> other) {
  options.services.resize(first_further_service);
  if (other) options.services.push_back({"another", std::move(*other)});
  options.services.push_back({"named", std::move(named)});
  return options;
}

TEST_F(ResolverTest, WhoWaitsForDnsWhenAReloadNamesMastersGetsThem) {
  using udp = net::ip::udp;
  udp::socket silent(io_, udp::endpoint(net::ip::address_v4::loopback(), 0));
  auto r = make({source::srv({"_x-puppet._tcp.example.com"})});
  auto asking = r.options();
  asking.dns.nameservers = {"127.0.0.1:" + std::to_string(silent.local_endpoint().port())};
  asking.dns.lookup_deadline = std::chrono::milliseconds(300);
  r.replace(asking, identity_);
  auto naming = r.options();
  naming.services[index_of(service::catalog)].sources = {list({serving("good1.test")})};
  char question[512];
  silent.async_receive(net::buffer(question), [&](error_code, std::size_t) { r.replace(naming, identity_); });
  const auto out = connect(r);
  EXPECT_FALSE(out.error) << out.error.message();
  EXPECT_EQ(out.host, "good1.test");
}

TEST_F(ResolverTest, PlanThatIsBeingMadeFollowsItsServiceToTheNumberThatAReloadGivesIt) {
  const auto here = static_cast<service>(first_further_service),
             there = static_cast<service>(first_further_service + 1);
  const auto own = serving("good1.test"), others = serving("good2.test");
  auto r = make({});
  const std::vector<source> sources{source::srv({"_x._tcp.test"}), list({own})};
  auto before = with_further(r.options(), sources, std::nullopt);
  const auto after = with_further(r.options(), sources, std::vector<source>{list({others}), list({others})});
  test::dns_responder server(io_.get_executor(),
                             [&](const test::dns_responder::question& q) -> test::dns_responder::answers {
                               net::post(io_, [&] { r.replace(after, identity_); });
                               return {test::dns_packet(q.name, q.type, q.id).rcode(3)};
                             });
  before.dns.nameservers = {server.address()};
  r.replace(before, identity_);
  std::optional<plan> made;
  r.async_plan(here, [&](error_code error, plan p) {
    EXPECT_FALSE(error) << error.message();
    made = std::move(p);
  });
  while (!made && io_.run_one_for(std::chrono::seconds(60)) != 0) {
  }
  ASSERT_TRUE(made);
  EXPECT_EQ(made->service(), there);
  ASSERT_NE(made->front(), nullptr);
  EXPECT_EQ(*made->front(), own);
  EXPECT_EQ(made->left(), 1u);
}

TEST_F(ResolverTest, RaceUnderWayGoesOnWithTheMastersThatAReloadPutInThePlaceOfItsOwn) {
  const auto slow = hanging("good1.test"), fresh = serving("good2.test");
  auto r = make({list({slow})});
  auto after = r.options();
  after.services[index_of(service::catalog)].sources = {list({fresh})};
  open_.front()->async_accept([&](error_code, tcp::socket came) {  // and closes it
    r.replace(after, identity_);
    came.close();
  });
  const auto got = connect(r);
  EXPECT_FALSE(got.error) << got.error.message();
  EXPECT_EQ(got.host, "good2.test");
  EXPECT_EQ(got.attempts.size(), 1u);
}

TEST_F(ResolverTest, APlanMayKnowMoreUntilAllSourcesOfTheConfigurationWereAsked) {
  auto r = make({list({refusing("good1.test")})});
  plan p;
  ASSERT_TRUE(r.try_plan(service::catalog, p));
  EXPECT_FALSE(r.may_know_more(p));
  EXPECT_TRUE(r.may_know_more(plan(service::catalog)));
  r.replace(r.options(), identity_);
  EXPECT_TRUE(r.may_know_more(p)) << "of another configuration";
  p.narrow_to(*p.front());
  EXPECT_FALSE(r.may_know_more(p));
}

TEST_F(ResolverTest, RaceUnderWayAsksNoSourceOfTheServiceThatHasItsNumberNow) {
  const auto here = static_cast<service>(first_further_service);
  const auto slow = hanging("good1.test"), others = serving("good2.test");
  auto r = make({});
  r.replace(with_further(r.options(), {list({slow})}, std::nullopt), identity_);
  plan made(here);
  ASSERT_TRUE(r.try_plan(here, made));
  std::optional<error_code> ended;
  r.async_connect(made, [&](error_code error, const connected&) { ended = error; });
  auto after = r.options();
  after.services.back() = {"another", {list({others}), list({others})}};
  open_.front()->async_accept([&](error_code, tcp::socket came) {  // and closes it
    r.replace(after, identity_);
    came.close();
  });
  while (!ended && io_.run_one_for(std::chrono::seconds(60)) != 0) {
  }
  ASSERT_TRUE(ended);
  EXPECT_EQ(*ended, errc::all_tried);
  EXPECT_EQ(made.attempts().size(), 1u);
  EXPECT_EQ(made.service(), gone_service);
  for (const auto& each : r.snapshot().masters) EXPECT_FALSE(each.service) << "nothing is known for another service";
}

TEST_F(ResolverTest, DestroyedResolverAsksDnsNoMore) {
  test::dns_responder silent(io_.get_executor(),
                             [](const test::dns_responder::question&) { return test::dns_responder::answers{}; });
  auto options = make({source::srv({"_first._tcp.test"}), source::srv({"_second._tcp.test"})}).options();
  options.dns.nameservers = {silent.address()};
  options.dns.lookup_deadline = options.dns.try_timeout = std::chrono::milliseconds(300);
  auto r = std::make_unique<resolver>(io_.get_executor(), std::move(options), identity_);
  std::optional<error_code> ended;
  r->async_plan(service::catalog, [&](error_code error, const plan&) {
    ended = error;
    io_.stop();
  });
  while (silent.count("_first._tcp.test", test::rr::srv) == 0) ASSERT_NE(io_.run_one_for(std::chrono::seconds(60)), 0u);
  r.reset();
  io_.run_for(std::chrono::seconds(60));
  EXPECT_EQ(ended, net::error::operation_aborted);
  EXPECT_EQ(silent.count("_second._tcp.test", test::rr::srv), 0u);
}

TEST_F(ResolverTest, DestroyedResolverDialsNobody) {
  const auto master = serving("good1.test");
  auto r = std::make_unique<resolver>(make({list({master})}));
  plan p(service::catalog);
  p.append({master});
  std::optional<error_code> ended;
  r->async_connect(p, [&](error_code error, const connected&) {
    ended = error;
    io_.stop();
  });
  r.reset();  // before the operation had its first turn
  io_.run_for(std::chrono::seconds(60));
  EXPECT_EQ(ended, net::error::operation_aborted);
  EXPECT_NE(p.front(), nullptr) << "it was tried";
}

TEST_F(ResolverTest, DestroyedResolverCancelsAConnectUnderWay) {
  auto r = std::make_unique<resolver>(make({list({hanging("good1.test")})}));
  net::io_context& io = static_cast<net::io_context&>(r->get_executor().context());
  plan p(service::catalog);
  p.append(r->options().services[index_of(service::catalog)].sources[0].masters());
  error_code ended;
  bool done = false;
  r->async_connect(p, [&](error_code error, connected) {
    ended = error;
    done = true;
  });
  net::post(io, [&] { net::post(io, [&] { r.reset(); }); });
  io.run_for(std::chrono::seconds(60));
  EXPECT_TRUE(done);
  EXPECT_EQ(ended, net::error::operation_aborted);
}

/// A resolver with a loop of its own, in a process that forks; the masters and the name server are the fixture's.
class Forked : public ResolverTest {
 public:
  void SetUp() override {
    ResolverTest::SetUp();
    answers_ = true;
    options_ = make({list({serving("good1.test")})}).options();
    options_.dns.hosts_file.clear();
    options_.dns.nameservers = {dns_.address()};
  }

  /// One request on the stream; `turn` is taken for those who answer.
  static bool asks(net::io_context& loop, connection& stream, const std::function<void()>& turn) {
    static constexpr std::string_view request = "GET / HTTP/1.1\r\n\r\n";
    std::string answer;
    std::optional<error_code> ended;
    net::async_write(stream, net::buffer(request), [&](error_code error, std::size_t) {
      if (error) ended = error;
      else
        net::async_read_until(stream, net::dynamic_buffer(answer), "running",
                              [&](error_code failed, std::size_t) { ended = failed; });
    });
    return finishes(loop, ended, turn);
  }
  static bool connects(net::io_context& loop, resolver& with, connected& into, const std::function<void()>& turn) {
    std::optional<error_code> ended;
    with.async_connect(service::catalog, std::chrono::seconds(60), [&](error_code error, connected made) {
      into = std::move(made);
      ended = error;
    });
    return finishes(loop, ended, turn);
  }
  static bool finishes(net::io_context& loop, std::optional<error_code>& ended, const std::function<void()>& turn) {
    loop.restart();
    while (!ended && loop.run_one_for(std::chrono::milliseconds(turn ? 10 : 60000)) + (turn ? 1u : 0u) != 0)
      if (turn) turn();
    return ended && !*ended;
  }

  /// Its exit status; the masters go on answering until then.
  int ends(pid_t child) {
    net::posix::stream_descriptor alive(io_, static_cast<int>(::syscall(SYS_pidfd_open, child, 0)));
    alive.async_wait(net::posix::stream_descriptor::wait_read, [this](error_code) { io_.stop(); });
    io_.restart();
    io_.run_for(std::chrono::seconds(120));
    int status = -1;
    EXPECT_EQ(::waitpid(child, &status, WNOHANG), child);
    return status;
  }

  std::function<void()> masters_turn_ = [this] {
    io_.restart();
    io_.poll();
  };
  resolver_options options_;
  net::io_context loop_{1};
  test::dns_responder dns_{io_.get_executor(), [](const test::dns_responder::question& q) {
                             test::dns_packet said(q.name, q.type, q.id);
                             if (q.type == test::rr::a) said.answer(q.name, q.type, 3600, {127, 0, 0, 1});
                             return test::dns_responder::answers{said};
                           }};
};

TEST_F(Forked, AChildThatMakesItsOwnDoesItsParentsNoHarm) {
  resolver r(loop_.get_executor(), options_, identity_);
  connected before, after;
  ASSERT_TRUE(connects(loop_, r, before, masters_turn_));
  const pid_t child = ::fork();
  if (child == 0) {
    net::io_context loop(1);
    resolver own(loop.get_executor(), options_, identity_);
    connected made;
    ::_exit(connects(loop, own, made, {}) && asks(loop, made.stream(), {}) ? 0 : 1);
  }
  EXPECT_EQ(ends(child), 0);
  EXPECT_TRUE(asks(loop_, before.stream(), masters_turn_));
  EXPECT_TRUE(connects(loop_, r, after, masters_turn_) && asks(loop_, after.stream(), masters_turn_));
}

TEST_F(Forked, WithALoopThatIsToldOfItTheResolverWorksOnBothSides) {
  resolver r(loop_.get_executor(), options_, identity_);
  connected before, after;
  ASSERT_TRUE(connects(loop_, r, before, masters_turn_));
  loop_.notify_fork(net::io_context::fork_prepare);
  const pid_t child = ::fork();
  loop_.notify_fork(child == 0 ? net::io_context::fork_child : net::io_context::fork_parent);
  if (child == 0) {
    connected made;
    ::_exit(connects(loop_, r, made, {}) && asks(loop_, made.stream(), {}) ? 0 : 1);
  }
  EXPECT_EQ(ends(child), 0);
  EXPECT_TRUE(asks(loop_, before.stream(), masters_turn_));
  EXPECT_TRUE(connects(loop_, r, after, masters_turn_) && asks(loop_, after.stream(), masters_turn_));
}

}  // namespace
}  // namespace bunraku
