// DNS that fails after it worked.
#include "discovery_fixture.hpp"
#include "policy/answer_file.hpp"

#include <bunraku/error.hpp>

#include <filesystem>
#include <fstream>
#include <sys/stat.h>
#include <unistd.h>

namespace bunraku::engine::scripted {
namespace {

using steady = std::chrono::steady_clock;

answers good(const question& q, std::uint32_t ttl = 0) {
  if (q.type == rr::srv) return {reply(q).srv(q.name, 1, 1, 8140, "m1.example.com", ttl)};
  if (q.type == rr::a) return {reply(q).answer(q.name, rr::a, ttl, {192, 0, 2, 1})};
  return nothing(q);
}
answers silent(const question&) { return {}; }
answers servfail(const question& q) { return {reply(q).rcode(2)}; }

/// Nothing is fresh for long, so that each question that follows finds an answer whose time is over.
class Stale : public Discovery {
 protected:
  Stale() {
    dns.ttl_floor = 0s;
    dns.negative_ttl = 30s;
    dns.lookup_deadline = 60000ms;  // a request that waited for the whole lookup would hang
    dns.try_timeout = 50ms;
    directory = std::filesystem::temp_directory_path() / ("bunraku-stale-" + std::to_string(::getpid()));
    std::filesystem::create_directory(directory);
    server.answer_with([](const question& q) { return good(q); });
  }
  ~Stale() override {
    subject.reset();
    std::filesystem::remove_all(directory);
  }

  std::string store() const { return (directory / "answers").string(); }
  void write(const std::string& text, const char* beside = "") const { std::ofstream(store() + beside) << text; }
  static std::chrono::sys_seconds now() {
    return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  }
  /// Makes all answers on disk as old as that.
  void write_as_learned(std::chrono::sys_seconds then) const {
    auto answers = policy::read_answer_file(text()).value();
    for (auto& each : answers) each.learned = then;
    write(policy::write_answer_file(answers));
  }
  std::string text() const {
    std::ifstream in(store());
    return {std::istreambuf_iterator<char>(in), {}};
  }
  void pass(std::chrono::milliseconds time) {
    io.restart();
    io.run_for(time);
  }
  std::size_t warnings_about_the_store() const {
    return static_cast<std::size_t>(std::ranges::count_if(log->lines, [](const auto& line) {
      return line.first == log_level::warning && line.second.starts_with("dns.store");
    }));
  }
  bool says(const std::string& text) const {
    return std::ranges::any_of(log->lines, [&](const auto& line) { return line.second.contains(text); });
  }
  /// A process that learned everything and ended.
  void learn_and_end() {
    make();
    EXPECT_EQ(ask(service::catalog).state, status::answered);
    EXPECT_FALSE(addresses("m1.example.com").addresses.empty());
    subject.reset();
    io.poll();
  }

  std::filesystem::path directory;
};

TEST_F(Stale, WhenDnsFallsSilentTheLastAnswerServesAfterOneTry) {
  make();
  const auto before = ask(service::catalog);
  EXPECT_FALSE(before.stale);
  server.answer_with(silent);
  const auto after = ask(service::catalog);
  EXPECT_EQ(after.state, status::answered);
  EXPECT_EQ(after.masters, before.masters);
  EXPECT_TRUE(after.stale);
  EXPECT_FALSE(after.from_disk);
  EXPECT_NE(after.note.find("DNS did not answer"), std::string::npos) << after.note;
  EXPECT_NE(after.note.find("this is the answer of"), std::string::npos) << after.note;
}

TEST_F(Stale, OnlyTheFirstRequestWaitsForSilentDns) {
  make();
  ask(service::catalog);
  addresses("m1.example.com");
  server.answer_with(silent);
  ask(service::catalog);
  ASSERT_NE(subject->cached_source(service::catalog, 0), nullptr) << "known without waiting from now on";
  const auto asked = server.count("m1.example.com", rr::a);
  EXPECT_FALSE(addresses("m1.example.com").addresses.empty());
  // It did not wait: the question had no time to reach the server.
  EXPECT_EQ(server.count("m1.example.com", rr::a), asked);
}

TEST_F(Stale, ANameServerThatIsSilentAboutIPv6AloneIsNotTakenForSilent) {
  for (const auto deadline : {100ms, 60000ms}) {  // the question is over by then, or it was waited for one try
    server.answer_with([](const question& q) -> answers {
      if (q.type == rr::aaaa) return {reply(q).authority("example.com", rr::soa, 0, soa_data(0))};
      return good(q);
    });
    dns.lookup_deadline = deadline;
    make();
    ask(service::catalog);
    addresses("m1.example.com");
    server.answer_with([](const question& q) { return q.type == rr::aaaa ? silent(q) : good(q); });
    EXPECT_FALSE(addresses("m1.example.com").addresses.empty());
    pass(300ms);
    EXPECT_FALSE(addresses("m1.example.com").addresses.empty());
    const auto after = ask(service::catalog);
    EXPECT_EQ(after.state, status::answered);
    EXPECT_FALSE(after.stale) << after.note;
  }
}

TEST_F(Stale, AnErrorOfTheNameServerServesTheLastAnswerAtOnce) {
  make();
  ask(service::catalog);
  server.answer_with(servfail);
  const auto after = ask(service::catalog);
  EXPECT_TRUE(after.stale);
  EXPECT_NE(after.note.find("SERVFAIL"), std::string::npos) << after.note;
  EXPECT_GE(after.ttl_left, 25s) << "not asked again before negative_ttl";
  EXPECT_TRUE(says("serving=\"DNS did not answer"));
}

TEST_F(Stale, WhenDnsIsBackItsWordCounts) {
  dns.negative_ttl = 0s;  // so that it is asked again at once
  make();
  ask(service::catalog);
  server.answer_with(servfail);
  EXPECT_TRUE(ask(service::catalog).stale);
  server.answer_with([](const question& q) { return good(q, 300); });
  auto now = ask(service::catalog);
  for (const auto end = steady::now() + 30s; now.stale && steady::now() < end; now = ask(service::catalog)) pass(20ms);
  EXPECT_EQ(now.state, status::answered);
  EXPECT_FALSE(now.stale);
}

TEST_F(Stale, WithoutStaleAnswersAFailureIsAFailure) {
  dns.stale_for = 0s;
  make();
  ask(service::catalog);
  server.answer_with(servfail);
  EXPECT_EQ(ask(service::catalog).state, status::failed);
}

TEST_F(Stale, ANameThatWasMissingIsNotWaitedForEither) {
  server.answer_with([](const question& q) { return q.name == specific ? nothing(q) : good(q); });
  make();
  EXPECT_EQ(ask(service::files).asked, generic);
  server.answer_with(servfail);
  const auto after = ask(service::files);
  EXPECT_EQ(after.state, status::answered);
  EXPECT_EQ(after.asked, generic);
}

TEST_F(Stale, RecordsThatAreGoneServeOnAndTheNoteSaysSo) {
  make();
  ask(service::catalog);
  server.answer_with(nothing);
  const auto after = ask(service::catalog);
  EXPECT_EQ(after.state, status::answered);
  EXPECT_TRUE(after.stale);
  EXPECT_NE(after.note.find("no such record"), std::string::npos) << after.note;
}

TEST_F(Stale, RecordsThatAreGoneAndWhoseMastersAllFailAreGone) {
  make();
  ask(service::catalog);
  server.answer_with(nothing);
  EXPECT_EQ(ask(service::catalog).state, status::answered);
  subject->all_failed(service::catalog);
  EXPECT_EQ(ask(service::catalog).state, status::empty);
}

TEST_F(Stale, WithoutAGraceRecordsThatAreGoneAreGone) {
  dns.vanished_for = 0s;
  make();
  ask(service::catalog);
  server.answer_with(nothing);
  EXPECT_EQ(ask(service::catalog).state, status::empty);
}

TEST_F(Stale, ADotIsBelievedAtOnce) {
  make();
  ask(service::catalog);
  server.answer_with([](const question& q) -> answers { return {reply(q).srv(q.name, 0, 0, 0, ".")}; });
  EXPECT_EQ(ask(service::catalog).state, status::absent);
}

TEST_F(Stale, OnlookersSeeTheLastAnswerAndAskNobody) {
  make();
  EXPECT_EQ(subject->last_source(service::catalog, 0), nullptr);
  ask(service::catalog);
  server.answer_with(servfail);
  const auto asked = server.asked().size();
  const auto* seen = subject->last_source(service::catalog, 0);
  ASSERT_NE(seen, nullptr);
  EXPECT_FALSE(seen->stale) << "nobody knows yet that DNS fails";
  EXPECT_EQ(seen->ttl_left, 0s);
  io.poll();
  EXPECT_EQ(server.asked().size(), asked);
  ask(service::catalog);
  seen = subject->last_source(service::catalog, 0);
  ASSERT_NE(seen, nullptr);
  EXPECT_TRUE(seen->stale);
}

TEST_F(Stale, OtherNameServersInResolvConfAreAskedLongBeforeTheFailureIsForgotten) {
  const auto file = (directory / "resolv.conf").string();
  // A port cannot be given there, so nobody answers at either address.
  std::ofstream(file) << "nameserver 127.53.0.1\n";
  dns.nameservers.clear();
  dns.resolv_conf = file;
  dns.stale_for = 0s;
  dns.lookup_deadline = 100ms;
  make();
  ASSERT_EQ(ask(service::catalog).state, status::failed);
  EXPECT_NE(ask(service::catalog).note.find("127.53.0.1:53"), std::string::npos);
  std::ofstream(file) << "nameserver 127.53.0.2\n";
  const auto asks_the_other = [&] { return ask(service::catalog).note.contains("127.53.0.2:53"); };
  bool asked = asks_the_other();
  // negative_ttl is 30 s; the file is looked at about once a second meanwhile.
  for (const auto end = steady::now() + 20s; !asked && steady::now() < end; asked = asks_the_other()) pass(20ms);
  EXPECT_TRUE(asked);
}

// What happens when masters fail.

TEST_F(Stale, AnAnswerWhoseMasterFailsIsAskedForAheadOfItsTimeButNotTooSoon) {
  server.answer_with([](const question& q) { return good(q, 3600); });
  make();
  const auto said = ask(service::catalog);
  EXPECT_GT(said.ttl_left, 3000s);
  subject->connect_failed(service::catalog, said.masters.front());
  const auto again = ask(service::catalog);
  EXPECT_LE(again.ttl_left, 10s);
  EXPECT_EQ(server.asked().size(), 1u);
}

// On disk.

TEST_F(Stale, TheNextProcessFindsTheMastersWithoutDns) {
  dns.store_file = store();
  learn_and_end();
  server.answer_with(silent);
  make();
  const auto said = ask(service::catalog);
  EXPECT_EQ(said.state, status::answered);
  ASSERT_EQ(said.masters.size(), 1u);
  EXPECT_EQ(said.masters.front().to_string(), "m1.example.com:8140");
  EXPECT_TRUE(said.stale);
  EXPECT_TRUE(said.from_disk);
  EXPECT_NE(said.note.find("from disk"), std::string::npos) << said.note;
  EXPECT_FALSE(addresses("m1.example.com").addresses.empty());
  EXPECT_EQ(warnings_about_the_store(), 0u);
}

TEST_F(Stale, WhatDnsSaysGoesBeforeWhatIsOnDisk) {
  dns.store_file = store();
  learn_and_end();
  server.answer_with([](const question& q) -> answers { return {reply(q).srv(q.name, 1, 1, 8140, "m2", 300)}; });
  make();
  const auto said = ask(service::catalog);
  EXPECT_FALSE(said.from_disk);
  EXPECT_EQ(said.masters.front().host(), "m2");
}

TEST_F(Stale, TheFileIsWrittenAMomentAfterAChangeAndOnlyThen) {
  server.answer_with([](const question& q) { return good(q); });
  dns.store_file = store();
  make();
  ask(service::catalog);
  EXPECT_EQ(text(), "");
  while (text().empty()) io.run_one();
  const auto first = text();
  EXPECT_TRUE(first.contains("m1.example.com")) << first;
  struct ::stat file{};
  ASSERT_EQ(::stat(store().c_str(), &file), 0);
  EXPECT_EQ(file.st_mode & 0777, 0600u);
  ask(service::catalog);
  ask(service::catalog);
  subject.reset();
  EXPECT_EQ(text(), first) << "the same answer again is no change";
}

TEST_F(Stale, AFileThatCannotBeUsedCostsOneWarningAndIsReplaced) {
  dns.store_file = store();
  learn_and_end();
  const auto whole = text();
  for (const auto& bad : {whole.substr(0, whole.size() / 2), std::string("bunraku-answers 7\nnewer\n")}) {
    log->lines.clear();
    write(bad);
    learn_and_end();
    EXPECT_EQ(warnings_about_the_store(), 1u) << bad;
    EXPECT_TRUE(text().starts_with("bunraku-answers 1\n")) << bad;
  }
}

TEST_F(Stale, AFileThatOthersMayWriteIsNotBelieved) {
  dns.store_file = store();
  learn_and_end();
  ASSERT_EQ(::chmod(store().c_str(), 0666), 0);
  server.answer_with(servfail);
  make();
  EXPECT_EQ(ask(service::catalog).state, status::failed);
  EXPECT_EQ(warnings_about_the_store(), 1u);
}

TEST_F(Stale, SomebodyElsesFileIsLeftAlone) {
  dns.store_file = store();
  write("precious\n");
  learn_and_end();
  EXPECT_EQ(text(), "precious\n");
  EXPECT_EQ(warnings_about_the_store(), 1u);
}

TEST_F(Stale, ADirectoryThatIsMissingCostsOneWarning) {
  dns.store_file = (directory / "none" / "answers").string();
  learn_and_end();
  EXPECT_EQ(warnings_about_the_store(), 1u);
}

TEST_F(Stale, AnAnswerThatIsOldOnDiskIsWrittenAnewWhenItIsConfirmed) {
  dns.store_file = store();
  learn_and_end();
  write_as_learned(now() - 2h);
  learn_and_end();
  for (const auto& each : policy::read_answer_file(text()).value()) EXPECT_GT(each.learned, now() - 1h);
}

TEST_F(Stale, AnAnswerOfAnyFutureOnDiskServesWithoutDns) {
  dns.store_file = store();
  learn_and_end();
  write_as_learned(std::chrono::sys_days(9999y / 12 / 31));
  server.answer_with(silent);
  make();
  EXPECT_EQ(ask(service::catalog).state, status::answered);
}

TEST_F(Stale, WhatAWriterLeftBehindWhenTheClockWasAheadIsInNobodysWay) {
  dns.store_file = store();
  write("half", ".new");
  std::filesystem::last_write_time(store() + ".new", std::filesystem::file_time_type::clock::now() + 24h);
  learn_and_end();
  EXPECT_EQ(warnings_about_the_store(), 0u);
  EXPECT_TRUE(text().contains("m1.example.com"));
}

TEST_F(Stale, AReaderWritesNothing) {
  dns.store_file = store();
  dns.store_is_read_only = true;
  learn_and_end();
  EXPECT_FALSE(std::filesystem::exists(store()));
}

TEST_F(Stale, AReloadMayMoveTheFile) {
  dns.store_file = store();
  make();
  ask(service::catalog);
  dns.store_file = (directory / "elsewhere").string();
  subject->replace(services(), dns);
  EXPECT_FALSE(text().empty()) << "what waited is written to the old place";
  ask(service::catalog);
  subject.reset();
}

}  // namespace
}  // namespace bunraku::engine::scripted
