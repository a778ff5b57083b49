#include "daemon/event_log.hpp"

#include "daemon/log_sinks.hpp"
#include "daemon/supervisor.hpp"

#include <gmock/gmock.h>
#include <spdlog/logger.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <memory>
#include <regex>
#include <string>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace {

using bunraku::log_level;
using shim::daemon::event_log;

/// What goes to stderr while it lives; a pipe holds 64 KiB.
class caught_stderr {
 public:
  caught_stderr() : kept_(::dup(STDERR_FILENO)) {
    EXPECT_EQ(::pipe(ends_.data()), 0);
    ::fcntl(ends_[0], F_SETFL, O_NONBLOCK);
    ::dup2(ends_[1], STDERR_FILENO);
  }
  ~caught_stderr() {
    ::dup2(kept_, STDERR_FILENO);
    for (const int fd : {ends_[0], ends_[1], kept_}) ::close(fd);
  }
  std::string text() const {
    std::string all(65536, '\0');
    const auto n = ::read(ends_[0], all.data(), all.size());
    return all.substr(0, n < 0 ? 0 : static_cast<std::size_t>(n));
  }

 private:
  std::array<int, 2> ends_{};
  int kept_;
};

void in_zone(const char* name) {
  ::setenv("TZ", name, 1);
  ::tzset();
}

shim::config::log_values to_stderr(log_level level) {
  shim::config::log_values values;
  values.level = level;
  values.to = shim::config::log_target::standard_error;
  return values;
}

TEST(EventLog, TimesAreThisHostsWithTheirDistanceFromUtc) {
  const std::string time = "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}[.][0-9]{3}";
  for (const auto& [zone, distance] :
       {std::pair("UTC0", "[+]00:00"), {"IST-5:30", "[+]05:30"}, {"NST3:30", "-03:30"}}) {
    in_zone(zone);
    event_log log(to_stderr(log_level::info));
    const caught_stderr caught;
    log.write(log_level::warning, "master.lost");
    EXPECT_THAT(caught.text(), testing::MatchesRegex(time + distance + " warning master.lost\n"));
  }
  in_zone("UTC0");
}

TEST(EventLog, WithoutTheJournalsSocketStderrIsWhatLeadsToIt) {
  const caught_stderr stderr_now;
  struct stat about{};
  ASSERT_EQ(::fstat(STDERR_FILENO, &about), 0);
  ::setenv("JOURNAL_STREAM", (std::to_string(about.st_dev) + ":" + std::to_string(about.st_ino)).c_str(), 1);
  EXPECT_TRUE(shim::daemon::stderr_is_journal());
  EXPECT_TRUE(shim::daemon::journal_is_at_hand(::testing::TempDir()));
  EXPECT_FALSE(shim::daemon::journal_is_at_hand(::testing::TempDir() + "no-socket-here"));
  ::setenv("JOURNAL_STREAM", "1:1", 1);
  EXPECT_FALSE(shim::daemon::journal_is_at_hand(::testing::TempDir()));
  ::unsetenv("JOURNAL_STREAM");
}

TEST(EventLog, TheJournalIsToldThePriorityOfSyslog) {
  EXPECT_EQ(shim::daemon::journal_fields(log_level::error), "PRIORITY=3\nSYSLOG_IDENTIFIER=bunraku\nMESSAGE=");
  EXPECT_THAT(shim::daemon::journal_fields(log_level::warning), testing::StartsWith("PRIORITY=4\n"));
  EXPECT_THAT(shim::daemon::journal_fields(log_level::info), testing::StartsWith("PRIORITY=6\n"));
  EXPECT_THAT(shim::daemon::journal_fields(log_level::debug), testing::StartsWith("PRIORITY=7\n"));
}

TEST(EventLog, OneEventIsOneLineWhateverIsInIt) {
  event_log log(to_stderr(log_level::info));
  const caught_stderr caught;
  log.write(log_level::info, "refused what=\"a\nb\x7f\x1b[0m\"");
  EXPECT_THAT(caught.text(), testing::EndsWith(" info refused what=\"a b  [0m\"\n"));
}

TEST(EventLog, WhatIsBelowItsLevelIsNotWritten) {
  event_log log(to_stderr(log_level::warning));
  const caught_stderr caught;
  log.write(log_level::info, "not this");
  log.set_level(log_level::debug);
  log.write(log_level::debug, "but this");
  EXPECT_THAT(caught.text(),
              testing::AllOf(testing::EndsWith(" debug but this\n"), testing::Not(testing::HasSubstr("not"))));
  EXPECT_EQ(log.level(), log_level::debug);
}

TEST(EventLog, AReaderThatIsGoneHarmsNobody) {
  event_log log(to_stderr(log_level::info));
  const int kept = ::dup(STDERR_FILENO);
  ::close(STDERR_FILENO);
  log.write(log_level::error, "to nobody");
  ::dup2(kept, STDERR_FILENO);
  ::close(kept);
}

/// How many lines `text` has of those that were written, and how many it says are lost.
std::pair<long, long> told_and_lost(const std::string& text) {
  const std::regex loss("lines of this log are lost count=([0-9]+) ");
  long lost = 0, losses = 0;
  for (std::sregex_iterator at(text.begin(), text.end(), loss), end; at != end; ++at, ++losses)
    lost += std::stol((*at)[1]);
  return {std::ranges::count(text, '\n') - losses, lost};
}

TEST(EventLog, NobodyWaitsForAReaderOfStderrThatHangs) {
  event_log log(to_stderr(log_level::info));
  const caught_stderr caught;
  constexpr int lines = 2000;  // of 100 bytes: three times what a pipe holds
  for (int i = 0; i != lines; ++i) log.write(log_level::info, std::string(66, 'x'));
  std::string text = caught.text();
  log.write(log_level::info, "read again");
  text += caught.text();
  const auto [told, lost] = told_and_lost(text);
  EXPECT_GT(told, 100);
  EXPECT_GT(lost, 100);
  EXPECT_EQ(told + lost, lines + 1);
  EXPECT_THAT(text, testing::EndsWith(" info read again\n"));
}

/// How often this thread has waited for something so far.
long waits_so_far() {
  rusage used{};
  ::getrusage(RUSAGE_THREAD, &used);
  return used.ru_nvcsw;
}

TEST(EventLog, AReaderThatIsSlowHasNoShareOfEachLinesTime) {
  event_log log(to_stderr(log_level::info));
  const caught_stderr caught;
  const auto before = waits_so_far();
  constexpr int rounds = 30;
  for (int i = 0; i != rounds; ++i) {
    for (int k = 0; k != 800; ++k) log.write(log_level::info, std::string(66, 'x'));
    EXPECT_THAT(caught.text(), testing::Not(testing::IsEmpty()));
  }
  EXPECT_LT(waits_so_far() - before, rounds / 2);
}

TEST(EventLog, ALongLineThatIsCutDoesNotSwallowTheNextOne) {
  event_log log(to_stderr(log_level::info));
  const caught_stderr caught;
  log.write(log_level::info, std::string(100'000, 'x'));
  EXPECT_THAT(caught.text(), testing::EndsWith("xxx"));
  log.write(log_level::info, "the next one");
  EXPECT_THAT(caught.text(), testing::MatchesRegex("\n[^\n]* lost count=1 [^\n]*\n[^\n]* info the next one\n"));
}

/// A journal at a place of the test's own.
class journal {
 public:
  journal() : socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
    std::filesystem::remove(place);
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    place.copy(at.sun_path, sizeof at.sun_path - 1);
    EXPECT_EQ(::bind(socket_, reinterpret_cast<const sockaddr*>(&at), sizeof at), 0);
  }
  ~journal() {
    ::close(socket_);
    std::filesystem::remove(place);
  }
  std::string read_all() const {
    std::string all;
    std::array<char, 65536> piece{};
    for (ssize_t n = 0; (n = ::recv(socket_, piece.data(), piece.size(), 0)) > 0;)
      all += std::string_view(piece.data(), static_cast<std::size_t>(n)).substr(std::string_view(fields).size());
    return all;
  }

  const std::string place = testing::TempDir() + "bunraku-journal-" + std::to_string(::getpid());
  const std::string fields = shim::daemon::journal_fields(log_level::info);

 private:
  int socket_;
};

TEST(EventLog, NobodyWaitsForAJournalThatHangs) {
  const journal reader;
  spdlog::logger log("test", shim::daemon::journal_sink(reader.place));
  constexpr int lines = 3000;  // more than its queue has places for
  for (int i = 0; i != lines; ++i) log.info("exchange");
  std::string text = reader.read_all();
  EXPECT_THAT(text, testing::StartsWith("exchange\nexchange\n"));
  log.info("read again");
  text += reader.read_all();
  const auto [told, lost] = told_and_lost(text);
  EXPECT_GT(lost, 100);
  EXPECT_EQ(told + lost, lines + 1);
  EXPECT_THAT(text, testing::EndsWith("read again\n"));
}

TEST(EventLog, AJournalThatIsGoneHarmsNobodyAndIsFoundAgain) {
  auto reader = std::make_unique<journal>();
  spdlog::logger log("test", shim::daemon::journal_sink(reader->place));
  reader.reset();
  log.info("to nobody");
  reader = std::make_unique<journal>();
  log.info("to somebody");
  log.info(std::string(1'000'000, 'x'));  // more than a datagram holds
  const auto text = reader->read_all();
  EXPECT_THAT(text, testing::StartsWith("to somebody\n"));
  EXPECT_EQ(text.size(), 12u + 32'768 + 1);
}

TEST(Supervisor, IsToldByAnAbstractSocketToo) {
  const std::string name = "@bunraku-unit-" + std::to_string(::getpid());
  const int socket = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  sockaddr_un at{};
  at.sun_family = AF_UNIX;
  name.copy(at.sun_path + 1, name.size() - 1, 1);
  ASSERT_EQ(::bind(socket, reinterpret_cast<const sockaddr*>(&at),
                   static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size())),
            0);
  ::setenv("NOTIFY_SOCKET", name.c_str(), 1);
  shim::daemon::tell_supervisor("READY=1\nSTATUS=here");
  ::unsetenv("NOTIFY_SOCKET");
  shim::daemon::tell_supervisor("to nobody");
  std::array<char, 64> news{};
  EXPECT_EQ(::recv(socket, news.data(), news.size(), 0), 19);
  EXPECT_STREQ(news.data(), "READY=1\nSTATUS=here");
  EXPECT_EQ(::recv(socket, news.data(), news.size(), 0), -1);
  ::close(socket);
}

}  // namespace
