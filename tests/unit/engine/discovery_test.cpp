#include "support/no_descriptors.hpp"
#include "unit/engine/discovery_fixture.hpp"

#include <bunraku/error.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <fstream>

namespace bunraku::engine::scripted {
namespace {

TEST_F(Discovery, AnAnswerIsKeptForItsTtlAndKnownWithoutWaiting) {
  server.answer_with([](const question& q) -> answers {
    return {reply(q).srv(q.name, 10, 1, 8140, "m1.example.com").srv(q.name, 20, 0, 8141, "m2.example.com", 120)};
  });
  make();
  EXPECT_EQ(subject->cached_source(service::catalog, 0), nullptr);
  const auto said = ask(service::catalog);
  EXPECT_EQ(said.state, status::answered);
  EXPECT_EQ(said.kind, source_kind::srv);
  EXPECT_EQ(said.asked, generic);
  EXPECT_LE(said.ttl_left, 120s);
  EXPECT_GE(said.ttl_left, 108s) << "at most a tenth less";
  ASSERT_EQ(said.masters.size(), 2u);
  EXPECT_EQ(said.masters[1].to_string(), "m2.example.com:8141");
  EXPECT_EQ(said.masters[1].priority(), 20);
  ASSERT_NE(subject->cached_source(service::catalog, 0), nullptr);
  EXPECT_EQ(subject->cached_source(service::catalog, 0)->masters, said.masters);
  ask(service::catalog);
  EXPECT_EQ(server.asked().size(), 1u);
}

TEST_F(Discovery, TtlZeroIsAskedAgainWithoutAFloorAndKeptWithOne) {
  server.answer_with([](const question& q) -> answers { return {reply(q).srv(q.name, 1, 1, 8140, "m", 0)}; });
  dns.ttl_floor = 0s;
  make();
  ask(service::catalog);
  EXPECT_EQ(ask(service::catalog).state, status::answered);
  EXPECT_EQ(server.asked().size(), 2u);
  dns.ttl_floor = 5s;
  make();
  ask(service::catalog);
  const auto left = ask(service::catalog).ttl_left;
  EXPECT_GE(left, 5s);
  EXPECT_LE(left, 8s);
  EXPECT_EQ(server.asked().size(), 3u);
}

TEST_F(Discovery, AMissingSpecificRecordGivesTheGenericOneAndIsItselfRemembered) {
  server.answer_with([](const question& q) -> answers {
    if (q.name == specific) return nothing(q);
    return {reply(q).srv(q.name, 1, 1, 8140, "m")};
  });
  make();
  const auto said = ask(service::files);
  EXPECT_EQ(said.state, status::answered);
  EXPECT_EQ(said.asked, generic);
  EXPECT_LE(said.ttl_left, 60s) << "the negative answer expires first";
  EXPECT_NE(said.note.find(specific), std::string::npos);
  ask(service::files);
  ask(service::catalog);
  EXPECT_NE(subject->cached_source(service::catalog, 0), nullptr);
  EXPECT_EQ(server.asked().size(), 2u);
}

TEST_F(Discovery, ASpecificRecordHidesTheGenericOne) {
  server.answer_with([](const question& q) -> answers { return {reply(q).srv(q.name, 1, 1, 8140, "files")}; });
  make();
  EXPECT_EQ(ask(service::files).asked, specific);
  EXPECT_EQ(server.count(generic, rr::srv), 0u);
}

TEST_F(Discovery, ServfailOfTheSpecificNameFallsToTheGenericOneWithANoteButNotForCa) {
  server.answer_with([](const question& q) -> answers {
    if (q.name != generic) return {reply(q).rcode(2)};
    return {reply(q).srv(q.name, 1, 1, 8140, "m")};
  });
  make();
  const auto files = ask(service::files);
  EXPECT_EQ(files.state, status::answered);
  EXPECT_NE(files.note.find("SERVFAIL"), std::string::npos) << files.note;
  EXPECT_LE(files.ttl_left, 38s) << "the specific name is asked again soon";
  const auto ca = ask(service::ca);
  EXPECT_EQ(ca.state, status::failed);
  EXPECT_EQ(ca.error, errc::dns_failed);
}

TEST_F(Discovery, ADotMeansAbsent) {
  server.answer_with([](const question& q) -> answers { return {reply(q).srv(q.name, 0, 0, 0, ".")}; });
  make();
  const auto said = ask(service::ca);
  EXPECT_EQ(said.state, status::absent);
  EXPECT_TRUE(said.masters.empty());
}

TEST_F(Discovery, SilenceEndsAtTheDeadlineAndIsRemembered) {
  server.answer_with([](const question&) -> answers { return {}; });
  dns.lookup_deadline = 100ms;
  dns.try_timeout = 50ms;
  make();
  const auto said = ask(service::catalog);
  EXPECT_EQ(said.state, status::failed);
  EXPECT_EQ(said.error, errc::dns_timeout);
  EXPECT_NE(said.note.find(server.address()), std::string::npos) << said.note;
  EXPECT_NE(said.note.find("100 ms"), std::string::npos) << said.note;
  ASSERT_NE(subject->cached_source(service::catalog, 0), nullptr);
  EXPECT_EQ(subject->cached_source(service::catalog, 0)->error, errc::dns_timeout);
}

TEST_F(Discovery, WrongIdAndWrongQuestionAreIgnoredUntilTheTrueAnswerComes) {
  server.answer_with([](const question& q) -> answers {
    const auto wrong_id = dns_packet(q.name, q.type, q.id ^ 1).srv(q.name, 1, 1, 8140, "evil1");
    const auto wrong_name = dns_packet("other.example.com", q.type, q.id).srv("other.example.com", 1, 1, 8140, "evil2");
    return {wrong_id, wrong_name, reply(q).srv(q.name, 1, 1, 8140, "good")};
  });
  make();
  const auto said = ask(service::catalog);
  ASSERT_EQ(said.masters.size(), 1u);
  EXPECT_EQ(said.masters[0].host(), "good");
}

TEST_F(Discovery, BrokenAnswersFailCleanlyAndSayHow) {
  const std::vector<std::function<octets(const question&)>> broken{
      [](const question& q) {
        octets cut = reply(q).srv(q.name, 1, 1, 8140, "m");
        cut.resize(cut.size() - 3);
        return cut;
      },
      [](const question& q) -> octets {
        return reply(q).raw_answer(wire_name(q.name), rr::srv, 1, srv_data(1, 1, 8140, "m"), 400);
      },
      [](const question& q) -> octets {
        auto packet = reply(q);
        const auto at = packet.size();
        const octets loop{static_cast<std::uint8_t>(0xc0 | at >> 8), static_cast<std::uint8_t>(at)};
        return packet.raw_answer(loop, rr::srv, 1, srv_data(1, 1, 8140, "m"), srv_data(1, 1, 8140, "m").size());
      },
      [](const question& q) -> octets { return reply(q).answer(q.name, rr::cname, 1, wire_name(q.name)); },
      [](const question& q) -> octets { return reply(q).srv(q.name, 1, 1, 8140, "192.0.2.1"); },
  };
  for (std::size_t i = 0; i < broken.size(); ++i) {
    server.answer_with([&](const question& q) -> answers { return {broken[i](q)}; });
    make();
    const auto said = ask(service::catalog);
    EXPECT_EQ(said.state, status::failed) << i;
    EXPECT_EQ(said.error, errc::dns_malformed) << i << ": " << said.note;
    EXPECT_NE(said.note.find(generic), std::string::npos) << i << ": " << said.note;
  }
}

TEST_F(Discovery, TwoHundredTargetsComeOverTcp) {
  server.answer_with([](const question& q) -> answers {
    if (!q.tcp) return {reply(q).flags(0x8380)};
    auto packet = reply(q);
    for (int i = 0; i < 200; ++i) packet.srv(q.name, 1, 1, 8140, "m" + std::to_string(i) + ".example.com");
    return {packet};
  });
  make();
  EXPECT_EQ(ask(service::catalog).masters.size(), 200u);
}

TEST_F(Discovery, ANameServerThatHangsUpOnTcpIsAFailureAndNoSignal) {
  server.answer_with([](const question& q) -> answers {
    if (q.tcp) return {};
    return {reply(q).flags(0x8380)};
  });
  make();
  const auto said = ask(service::catalog);
  EXPECT_EQ(said.state, status::failed);
  EXPECT_EQ(said.error, errc::dns_failed) << said.note;
}

TEST_F(Discovery, AnAnswerThatIsTooLargeForUdpWhereTcpIsRefusedIsAFailureThatSaysSo) {
  server.answer_with([](const question& q) -> answers { return {reply(q).flags(0x8380)}; });
  server.close_tcp();
  make();
  const auto said = ask(service::catalog);
  EXPECT_EQ(said.state, status::failed);
  EXPECT_NE(said.note.find("too large for UDP, and over TCP none came"), std::string::npos) << said.note;
}

TEST_F(Discovery, ADeadFirstNameServerCostsOneTryAndThenTheLivingOneIsAskedFirst) {
  dns_responder silent(io.get_executor(), [](const question&) { return answers{}; });
  server.answer_with([](const question& q) -> answers { return {reply(q).srv(q.name, 1, 1, 8140, "m")}; });
  dns.nameservers = {silent.address(), server.address()};
  dns.try_timeout = 250ms;
  make();
  EXPECT_EQ(ask(service::catalog).state, status::answered);
  EXPECT_EQ(silent.asked().size(), 1u);
  EXPECT_EQ(ask(service::ca).state, status::answered);
  EXPECT_EQ(silent.asked().size(), 1u);
}

TEST_F(Discovery, TheNameServerThatAnsweredLastIsAskedFirstWhoeverAnsweredBefore) {
  dns_responder second(io.get_executor(), [](const question& q) { return nothing(q); });
  dns.nameservers = {server.address(), second.address()};
  dns.try_timeout = 250ms;
  make();
  ask(service::ca);
  server.answer_with([](const question&) { return answers{}; });
  ask(service::catalog);
  const auto before = server.asked().size();
  ask(service::files);
  EXPECT_EQ(server.asked().size(), before) << "its silence costs one try, although it is the first and answered once";
}

TEST_F(Discovery, ANameServerWhoseAnswerIsNotBelievedIsPassedOverAndNotAskedFirst) {
  const std::vector<std::function<octets(const question&)>> bad{
      [](const question& q) -> octets {
        return reply(q).flags(0x8000).authority("com", rr::ns, 60, wire_name("a.gtld-servers.net"));
      },
      [](const question& q) -> octets { return reply(q).rcode(1); },
      [](const question& q) -> octets { return reply(q).answer(q.name, rr::cname, 1, wire_name(q.name)); },
  };
  for (const auto& each : bad) {
    dns_responder first(io.get_executor(), [&](const question& q) -> answers { return {each(q)}; });
    dns.nameservers = {first.address(), server.address()};
    server.answer_with([](const question& q) -> answers { return {reply(q).srv(q.name, 1, 1, 8140, "m")}; });
    make();
    EXPECT_EQ(ask(service::catalog).state, status::answered) << ask(service::catalog).note;
    EXPECT_EQ(ask(service::ca).state, status::answered);
    EXPECT_EQ(first.asked().size(), 1u);
    server.answer_with([&](const question& q) -> answers { return {each(q)}; });
    make();
    EXPECT_EQ(ask(service::catalog).state, status::failed) << "nobody is left";
    server.answer_with([](const question&) -> answers { return {}; });
    make();
    const auto note = ask(service::catalog).note;
    EXPECT_NE(note.find("after " + first.address() + " sent no usable answer"), std::string::npos) << note;
    subject.reset();
    first.close();
    io.poll();
  }
}

TEST_F(Discovery, ARefusedPortIsAFailureBeforeTheDeadline) {
  dns.lookup_deadline = dns.try_timeout = 60000ms;
  server.close();
  make();
  const auto begun = std::chrono::steady_clock::now();
  const auto said = ask(service::catalog);
  EXPECT_EQ(said.error, errc::dns_failed) << said.note;
  EXPECT_LT(std::chrono::steady_clock::now() - begun, 30s);
}

TEST_F(Discovery, AWantOfDescriptorsIsToldAsThatAndNotAsTheNameServersFault) {
  make();
  ask(service::ca);
  source_answer said;
  {
    const no_descriptors here;
    said = ask(service::catalog);
  }
  EXPECT_EQ(said.error, errc::dns_failed);
  EXPECT_TRUE(said.note.starts_with("this host has no socket for it (Too many open files)")) << said.note;
}

TEST_F(Discovery, ANameServerThatIsJustBeingRestartedIsAskedAgain) {
  const auto port = server.port();
  server.close();
  make();
  std::optional<dns_responder> restarted;
  boost::asio::steady_timer back(io, 10ms);
  back.async_wait([&](boost::system::error_code) {
    restarted.emplace(
        io.get_executor(),
        [](const question& q) -> answers { return {reply(q).srv(q.name, 1, 1, 8140, "m.example.com")}; }, port);
  });
  const auto said = ask(service::catalog);
  EXPECT_EQ(said.state, status::answered) << said.note;
  ASSERT_TRUE(restarted);
  EXPECT_EQ(restarted->asked().size(), 1u);
}

TEST_F(Discovery, AQuestionThatWaitsForANameServerToComeBackEndsWithTheResolver) {
  server.close();
  make();
  std::optional<source_answer> said;
  boost::asio::co_spawn(io, subject->async_source(service::catalog, 0),
                        [&](const std::exception_ptr&, source_answer answer) { said = std::move(answer); });
  while (io.poll() != 0) {
  }
  ASSERT_FALSE(said);
  subject.reset();
  io.poll();
  ASSERT_TRUE(said);
  EXPECT_EQ(said->error, errc::cancelled);
}

TEST_F(Discovery, UnusableNameServersAreNamed) {
  dns.nameservers = {"ns.example.com", "127.0.0.1:0"};
  make();
  const auto said = ask(service::catalog);
  EXPECT_EQ(said.error, errc::dns_failed);
  EXPECT_NE(said.note.find("ns.example.com"), std::string::npos) << said.note;
}

TEST_F(Discovery, OneQuestionIsUnderWayHoweverManyWait) {
  server.answer_with([](const question& q) -> answers { return {reply(q).srv(q.name, 1, 1, 8140, "m")}; });
  make();
  int done = 0;
  for (int i = 0; i < 20; ++i) {
    boost::asio::co_spawn(io, subject->async_source(service::catalog, 0),
                          [&](const std::exception_ptr&, const source_answer& said) { done += !said.masters.empty(); });
  }
  while (done < 20) ASSERT_NE(io.run_one(), 0u);
  EXPECT_EQ(server.asked().size(), 1u);
}

TEST_F(Discovery, ACallerThatGivesUpDoesNotTakeTheOthersWithIt) {
  std::optional<octets> held;
  server.answer_with([&](const question& q) -> answers {
    held = reply(q).srv(q.name, 1, 1, 8140, "m");
    return {};
  });
  dns.try_timeout = 200ms;
  make();
  boost::asio::cancellation_signal signal;
  std::optional<source_answer> gave_up, stayed;
  boost::asio::co_spawn(
      io, subject->async_source(service::catalog, 0),
      boost::asio::bind_cancellation_slot(
          signal.slot(), [&](const std::exception_ptr&, source_answer said) { gave_up = std::move(said); }));
  boost::asio::co_spawn(io, subject->async_source(service::catalog, 0),
                        [&](const std::exception_ptr&, source_answer said) { stayed = std::move(said); });
  while (!held) ASSERT_NE(io.run_one(), 0u);
  signal.emit(boost::asio::cancellation_type::terminal);
  while (!gave_up) ASSERT_NE(io.run_one(), 0u);
  EXPECT_EQ(gave_up->error, errc::cancelled);
  EXPECT_FALSE(stayed);
  server.answer_with([](const question& q) -> answers { return {reply(q).srv(q.name, 1, 1, 8140, "m")}; });
  while (!stayed) ASSERT_NE(io.run_one(), 0u);
  EXPECT_EQ(stayed->state, status::answered);
}

TEST_F(Discovery, ItsEndWakesWhoeverWaitsAndLeavesNothingRunning) {
  server.answer_with([](const question&) -> answers { return {}; });
  dns.lookup_deadline = 60000ms;
  make();
  std::optional<source_answer> said;
  std::optional<discovery::address_answer> where;
  boost::asio::co_spawn(io, subject->async_source(service::catalog, 0),
                        [&](const std::exception_ptr&, source_answer answer) { said = std::move(answer); });
  boost::asio::co_spawn(
      io, subject->async_addresses("m.example.com", source_kind::srv),
      [&](const std::exception_ptr&, discovery::address_answer answer) { where = std::move(answer); });
  while (server.asked().size() < 3) ASSERT_NE(io.run_one(), 0u);
  subject.reset();
  server.close();
  io.run();  // ends only if no timer and no descriptor is left
  ASSERT_TRUE(said && where);
  EXPECT_EQ(said->error, errc::cancelled);
  EXPECT_EQ(where->error, errc::cancelled);
}

TEST_F(Discovery, WhenIdleNothingIsWaitedFor) {
  server.answer_with([](const question& q) -> answers { return {reply(q).srv(q.name, 1, 1, 8140, "m")}; });
  make();
  ask(service::catalog);
  server.close();
  io.restart();
  io.run();  // ends only if no timer and no descriptor is left
  EXPECT_NE(subject->cached_source(service::catalog, 0), nullptr);
}

TEST_F(Discovery, TheLoopMayDieWhileQuestionsAreUnderWay) {
  boost::asio::io_context doomed(1);
  dns_responder silent(doomed.get_executor(), [](const question&) { return answers{}; });
  dns.nameservers = {silent.address()};
  std::optional<discovery> inner(std::in_place, doomed.get_executor(), services(), dns, nullptr);
  boost::asio::co_spawn(doomed, inner->async_source(service::catalog, 0), boost::asio::detached);
  while (silent.asked().empty()) ASSERT_NE(doomed.run_one(), 0u);
  inner.reset();
}

TEST_F(Discovery, ListsAreKnownAtOnceAndWhatDoesNotExistIsEmpty) {
  make();
  EXPECT_EQ(subject->source_count(service::catalog), 2u);
  EXPECT_EQ(subject->source_count(service::report), 0u);
  EXPECT_EQ(subject->source_count(static_cast<service>(77)), 0u);
  ASSERT_NE(subject->cached_source(service::catalog, 1), nullptr);
  EXPECT_EQ(subject->cached_source(service::catalog, 1)->asked, "a list");
  EXPECT_EQ(ask(service::catalog, 1).masters.size(), 1u);
  EXPECT_EQ(ask(service::report, 0).state, status::empty);
  EXPECT_EQ(subject->cached_source(service::report, 0), nullptr);
}

TEST_F(Discovery, AReloadKeepsAnswersThatAreStillAskedFor) {
  server.answer_with([](const question& q) -> answers {
    if (q.name == authority) return {reply(q).rcode(2)};
    return {reply(q).srv(q.name, 1, 1, 8140, "m")};
  });
  make();
  ask(service::catalog);
  ask(service::files);
  ask(service::ca);
  auto changed = services();
  changed[2].sources = {source::srv({generic})};
  subject->replace(changed, dns);
  EXPECT_NE(subject->cached_source(service::catalog, 0), nullptr);
  EXPECT_NE(subject->cached_source(service::files, 0), nullptr) << "the generic name is known";
  EXPECT_EQ(subject->cached_source(service::ca, 0), nullptr) << "failures are looked at again";
  subject->replace(services(), dns);
  EXPECT_EQ(subject->cached_source(service::files, 0), nullptr) << "nobody asked for the specific name in between";
}

TEST_F(Discovery, AReloadDuringAQuestionDisturbsNobody) {
  std::size_t asked = 0;
  server.answer_with([&](const question& q) -> answers {
    if (asked++ == 0) {
      boost::asio::post(io, [&] { subject->replace({}, dns); });
      return {};
    }
    return {reply(q).srv(q.name, 1, 1, 8140, "m")};
  });
  dns.try_timeout = 50ms;
  make();
  EXPECT_EQ(ask(service::catalog).state, status::answered);
  EXPECT_EQ(subject->source_count(service::catalog), 0u);
}

TEST_F(Discovery, AQuestionThatFailsAfterAReloadIsPutToTheNameServersOfToday) {
  dns_responder other(io.get_executor(),
                      [](const question& q) -> answers { return {reply(q).srv(q.name, 1, 1, 8140, "m")}; });
  server.answer_with([&](const question&) -> answers {
    auto today = dns;
    today.nameservers = {other.address()};
    today.lookup_deadline = 60000ms;
    boost::asio::post(io, [this, today] { subject->replace(services(), today); });
    return {};
  });
  dns.lookup_deadline = 200ms;
  make();
  EXPECT_EQ(ask(service::catalog).state, status::answered) << ask(service::catalog).note;
}

/// Knows one master of whatever it is asked for, until it is silent.
class one_source final : public extensions {
 public:
  bool silent = false;
  int asked = 0;

  bool interferes() const noexcept override { return false; }
  void interfere(executor_type, moment, handler<fault>) override {}
  bool watches() const noexcept override { return false; }
  void see(seen) override {}
  void masters(executor_type executor, const std::string&, std::string service, handler<source_reply> reply) override {
    ++asked;
    source_reply said;
    said.answered = !silent;
    said.valid = 1h;
    if (!silent) said.masters = {{"m-" + service, 8140, source_kind::plugin}};
    boost::asio::post(executor, [r = std::move(reply), said]() mutable { std::move(r)(said); });
  }
  void score(executor_type, const std::string&, plan_question, handler<plan_scores>) override {}
  void question(executor_type, const std::string&, std::string, handler<probe_question>) override {}
  void judge(executor_type, const std::string&, probe_answer, handler<std::optional<double>>) override {}
};

TEST_F(Discovery, WhatAPluginSaidOutlivesAReloadIfItHasNoMoreToSayAndFollowsTheServicesName) {
  make();
  const auto plugin = std::make_shared<one_source>();
  subject->set_extensions(plugin);
  auto before = services(), after = services();
  before.push_back({"canary", {source::plugin("inventory")}});
  after.push_back({"debug", {source::plugin("inventory")}});
  after.push_back({"canary", {source::srv({generic}), source::plugin("inventory")}});
  after.push_back({"spare", {source::plugin("another")}});
  const auto number = [](int n) { return static_cast<service>(first_further_service + n); };
  subject->replace(before, dns);
  EXPECT_EQ(ask(number(0)).masters.front().host(), "m-canary");
  subject->replace(after, dns);
  ASSERT_NE(subject->last_source(number(1), 1), nullptr) << "for onlookers";
  EXPECT_EQ(subject->last_source(number(1), 1)->ttl_left, 0s);
  plugin->silent = true;
  const auto asked = plugin->asked;
  const auto canary = ask(number(1), 1);
  EXPECT_EQ(plugin->asked, asked + 1) << "it may have other settings now";
  ASSERT_EQ(canary.state, status::answered);
  EXPECT_EQ(canary.masters.front().host(), "m-canary");
  EXPECT_TRUE(canary.stale);
  EXPECT_EQ(ask(number(0)).state, status::failed) << "another service's number before";
  EXPECT_EQ(ask(number(2)).state, status::failed);
}

TEST_F(Discovery, ResolvConfIsReadAnewWhenItChanges) {
  dns_responder other(io.get_executor(), [](const question& q) { return nothing(q); });
  dns.nameservers.clear();
  dns.resolv_conf = testing::TempDir() + "bunraku-resolv-" + std::to_string(::getpid());
  std::ofstream(dns.resolv_conf) << "nameserver 127.254.254.253\n";
  dns.lookup_deadline = 100ms;
  make();
  EXPECT_NE(ask(service::catalog).note.find("127.254.254.253:53"), std::string::npos);
  std::ofstream(dns.resolv_conf) << "nameserver 127.254.254.25\n";
  EXPECT_NE(ask(service::ca).note.find("127.254.254.25:53"), std::string::npos);
  ::unlink(dns.resolv_conf.c_str());
}

TEST_F(Discovery, LogsAChangeOnceAndRepeatsOnlyAtDebug) {
  bool fails = false;
  server.answer_with([&](const question& q) -> answers {
    if (fails) return {reply(q).rcode(2)};
    return {reply(q).srv(q.name, 1, 1, 8140, "m", 0)};
  });
  dns.ttl_floor = 0s;
  dns.negative_ttl = 0s;
  make();
  ask(service::catalog);
  ask(service::catalog);
  EXPECT_EQ(log->count(log_level::info), 1u);
  fails = true;
  ask(service::catalog);
  ask(service::catalog);
  EXPECT_EQ(log->count(log_level::warning), 1u);
  EXPECT_EQ(log->lines.size(), 4u);
}

TEST_F(Discovery, AddressLiteralsNeedNobody) {
  server.close();
  make();
  EXPECT_EQ(addresses("192.0.2.7").addresses[0].to_string(), "192.0.2.7");
  EXPECT_EQ(addresses("2001:db8::1").addresses[0].to_string(), "2001:db8::1");
}

TEST_F(Discovery, AddressesAlternateBeginningWithIpv6AndAreKept) {
  server.answer_with([](const question& q) -> answers {
    auto packet = reply(q);
    if (q.type == rr::a)
      return {packet.answer(q.name, rr::a, 60, {192, 0, 2, 1}).answer(q.name, rr::a, 60, {192, 0, 2, 2})};
    return {packet.answer(q.name, rr::aaaa, 60, {0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1})};
  });
  make();
  const auto said = addresses("m.example.com");
  std::vector<std::string> text;
  for (const auto& each : said.addresses) text.push_back(each.to_string());
  EXPECT_EQ(text, (std::vector<std::string>{"2001:db8::1", "192.0.2.1", "192.0.2.2"}));
  EXPECT_FALSE(said.error);
  addresses("m.example.com");
  EXPECT_EQ(server.asked().size(), 2u);
}

TEST_F(Discovery, OneFamilyIsEnoughWhetherTheOtherIsEmptyBrokenOrSilent) {
  for (int other = 0; other < 3; ++other) {
    server.answer_with([other](const question& q) -> answers {
      if (q.type == rr::a) return {reply(q).answer(q.name, rr::a, 60, {192, 0, 2, 1})};
      if (other == 0) return nothing(q);
      if (other == 1) return {reply(q).rcode(2)};
      return {};
    });
    dns.lookup_deadline = 60000ms;  // silence must not be waited out
    dns.try_timeout = 60000ms;
    make();
    const auto said = addresses("m.example.com");
    EXPECT_EQ(said.addresses.size(), 1u) << other;
    EXPECT_FALSE(said.error) << other;
  }
}

TEST_F(Discovery, NoAddressAndNoAnswerAreToldApart) {
  make();
  const auto none = addresses("m.example.com");
  EXPECT_EQ(none.error, errc::no_address);
  EXPECT_NE(none.note.find("m.example.com"), std::string::npos);
  server.answer_with([](const question& q) -> answers { return {reply(q).rcode(2)}; });
  EXPECT_EQ(addresses("n.example.com").error, errc::dns_failed);
  EXPECT_EQ(addresses("not a name/").error, errc::dns_failed);
}

TEST_F(Discovery, TheHostsFileComesBeforeDns) {
  dns.hosts_file = testing::TempDir() + "bunraku-hosts-" + std::to_string(::getpid());
  std::ofstream(dns.hosts_file) << "127.0.0.2 M.example.com m\n::1 m.example.com\n";
  make();
  const auto said = addresses("m.example.com");
  ASSERT_EQ(said.addresses.size(), 2u);
  EXPECT_EQ(said.addresses[0].to_string(), "::1");
  EXPECT_TRUE(server.asked().empty());
  std::ofstream(dns.hosts_file) << "127.0.0.33 m.example.com\n";
  EXPECT_EQ(addresses("m.example.com").addresses[0].to_string(), "127.0.0.33");
  ::unlink(dns.hosts_file.c_str());
}

}  // namespace
}  // namespace bunraku::engine::scripted
