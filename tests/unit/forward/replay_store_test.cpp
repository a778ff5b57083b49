#include "forward/replay_store.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

namespace shim::forward {
namespace {

namespace fs = std::filesystem;

class ReplayStore : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = fs::temp_directory_path() / "replay-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    directory_ = name;
  }
  void TearDown() override { fs::remove_all(directory_); }

  static std::string bytes(std::size_t count) {
    std::string out(count, '\0');
    for (std::size_t i = 0; i < count; ++i) out[i] = static_cast<char>(i * 13 + i / 255);
    return out;
  }
  static void keep(replay_store& store, std::string_view all, std::size_t piece = 1000) {
    for (; !all.empty(); all.remove_prefix(std::min(piece, all.size()))) store.keep(all.substr(0, piece));
  }
  static std::string read_back(replay_store& store) {
    std::string out;
    while (out.size() < store.size()) {
      const auto piece = store.piece_at(out.size());
      if (!piece) return "error: " + piece.error().message();
      out += *piece;
    }
    return out;
  }
  replay_terms terms(std::size_t memory, std::size_t file) { return {memory, file, directory_, all_}; }

  std::string directory_;
  replay_use all_;
};

TEST_F(ReplayStore, GivesBackWhatFitsIntoMemoryWithoutAFile) {
  replay_store store({.memory = 50'000, .file = 1 << 20, .directory = "/nonexistent", .all = all_});
  const auto all = bytes(50'000);
  keep(store, all);
  EXPECT_TRUE(store.whole());
  EXPECT_EQ(read_back(store), all);
  EXPECT_EQ(read_back(store), all);  // as often as asked
  EXPECT_EQ(store.piece_at(0)->size(), 16384U);
}

TEST_F(ReplayStore, GoesOnInAFileThatHasNoName) {
  replay_store store(terms(10'000, 1 << 20));
  const auto all = bytes(300'000);
  keep(store, all, 16384);
  EXPECT_TRUE(store.whole());
  EXPECT_EQ(read_back(store), all);
  EXPECT_TRUE(fs::is_empty(directory_));
  EXPECT_EQ(store.piece_at(store.size() - 20000)->size(), 16384U);
  store.keep("more");
  EXPECT_EQ(read_back(store), all + "more");
}

TEST_F(ReplayStore, TheFileIsForItsOwnerAlone) {
  const auto file = replay_file::create_in(directory_);
  ASSERT_TRUE(file);
  bool found = false;
  for (const auto& entry : fs::directory_iterator("/proc/self/fd")) {
    std::error_code ignored;
    if (!fs::read_symlink(entry, ignored).string().starts_with(directory_)) continue;
    struct stat about{};
    ASSERT_EQ(::stat(entry.path().c_str(), &about), 0);
    EXPECT_EQ(about.st_mode & 0777U, 0600U);
    EXPECT_EQ(about.st_nlink, 0U);
    found = true;
  }
  EXPECT_TRUE(found);
}

TEST_F(ReplayStore, BeyondBothLimitsIsGivenUpAndSaysSo) {
  replay_store store(terms(1000, 5000));
  keep(store, bytes(6001));
  EXPECT_FALSE(store.whole());
  EXPECT_FALSE(store.file_failed());
  EXPECT_NE(store.why_not().find("it is larger than"), std::string::npos) << store.why_not();
  EXPECT_EQ(store.size(), 0U);  // nothing is held any more
}

TEST_F(ReplayStore, WhatIsTooLargeByItselfIsNotBlamedOnOthers) {
  const auto why_not = [&](replay_store& store, std::size_t count) {
    store.keep(bytes(count));
    return store.why_not();
  };
  replay_store at_once(terms(1000, 500));
  EXPECT_NE(why_not(at_once, 1001).find("it is larger than"), std::string::npos) << at_once.why_not();

  std::vector<std::unique_ptr<replay_store>> others;
  for (std::size_t i = 0; i != replay_bodies; ++i) {
    others.push_back(std::make_unique<replay_store>(terms(1000, 5000)));
    keep(*others.back(), bytes(6000));
  }
  for (const auto& [file, count] : {std::pair(5000U, 5000U), std::pair(5000U, 2000U), std::pair(500U, 1000U)}) {
    replay_store store(terms(1000, file));
    EXPECT_NE(why_not(store, count).find("of other requests"), std::string::npos) << count << store.why_not();
  }
  replay_store too_large(terms(1000, 5000));
  EXPECT_NE(why_not(too_large, 5001).find("it is larger than"), std::string::npos) << too_large.why_not();
}

TEST_F(ReplayStore, ExactlyAtTheLimitsIsKept) {
  replay_store store(terms(1000, 5000));
  const auto all = bytes(6000);
  keep(store, all);
  EXPECT_TRUE(store.whole());
  EXPECT_EQ(read_back(store), all);
}

TEST_F(ReplayStore, WhatItSaysItHasRoomForIsKept) {
  for (const auto& [memory, file] : {std::pair(1000, 5000), std::pair(5000, 1000), std::pair(1000, 0)}) {
    const auto of = terms(static_cast<std::size_t>(memory), static_cast<std::size_t>(file));
    const auto most = static_cast<std::size_t>(std::max(memory, file));
    EXPECT_TRUE(replay_store(of).has_room_for(most));
    EXPECT_FALSE(replay_store(of).has_room_for(2 * most + 1)) << "it fits nowhere";
    for (const std::size_t piece : {1UL, 999UL, 16384UL}) {
      replay_store store(of);
      keep(store, bytes(most), piece);
      EXPECT_TRUE(store.whole()) << memory << ' ' << file << ' ' << piece;
    }
  }
}

TEST_F(ReplayStore, ManyAtOnceHaveAFewTimesWhatOneMayHave) {
  std::vector<std::unique_ptr<replay_store>> kept;
  for (std::size_t i = 0; i != replay_bodies; ++i) {
    kept.push_back(std::make_unique<replay_store>(terms(1000, 5000)));
    keep(*kept.back(), bytes(6000));
    EXPECT_TRUE(kept.back()->whole());
  }
  EXPECT_EQ(all_.memory, replay_bodies * 1000);
  EXPECT_EQ(all_.files, replay_bodies * 5000);
  replay_store one_more(terms(1000, 5000));
  EXPECT_FALSE(one_more.has_room_for(1));
  one_more.keep("x");
  EXPECT_FALSE(one_more.whole());
  EXPECT_FALSE(one_more.file_failed());
  EXPECT_NE(one_more.why_not().find("of other requests"), std::string::npos) << one_more.why_not();
  kept.clear();
  replay_store next(terms(1000, 5000));
  EXPECT_TRUE(next.has_room_for(5000));
  keep(next, bytes(6000));
  EXPECT_TRUE(next.whole());
}

TEST_F(ReplayStore, GoesToAFileWhileOthersHaveTheMemory) {
  std::vector<std::unique_ptr<replay_store>> kept;
  for (std::size_t i = 0; i != replay_bodies; ++i) {
    kept.push_back(std::make_unique<replay_store>(terms(1000, 0)));
    keep(*kept.back(), bytes(1000));
  }
  replay_store other(terms(1000, 5000));
  const auto all = bytes(5000);
  keep(other, all);
  EXPECT_TRUE(other.in_file());
  EXPECT_EQ(read_back(other), all);
}

TEST_F(ReplayStore, WhatIsGivenUpTakesNothing) {
  {
    replay_store large(terms(1000, 5000)), forgotten(terms(1000, 5000)), ended(terms(1000, 5000));
    for (auto* one : {&large, &forgotten, &ended}) keep(*one, bytes(4000));
    keep(large, bytes(4000));
    forgotten.forget();
    EXPECT_FALSE(large.whole());
    EXPECT_EQ(all_.memory, 1000U);
    EXPECT_EQ(all_.files, 3000U);
  }
  EXPECT_EQ(all_.memory, 0U);
  EXPECT_EQ(all_.files, 0U);
}

TEST_F(ReplayStore, OfWhatIsKeptOnlyTheRestNeedsRoom) {
  replay_store store(terms(1000, 5000));
  keep(store, bytes(900));
  EXPECT_TRUE(store.has_room_for(1000));
  EXPECT_TRUE(store.has_room_for(5900));
  EXPECT_FALSE(store.has_room_for(5901));
}

TEST_F(ReplayStore, NoFileWhenItIsSwitchedOff) {
  replay_store store(terms(1000, 0));
  keep(store, bytes(1001));
  EXPECT_FALSE(store.whole());
  EXPECT_FALSE(store.file_failed());
}

TEST_F(ReplayStore, ADirectoryThatIsNotThereIsNoErrorOfTheBody) {
  const auto missing = directory_ + "/missing";
  replay_store store({.memory = 1000, .file = 100'000, .directory = missing, .all = all_});
  keep(store, bytes(2000));
  EXPECT_FALSE(store.whole());
  EXPECT_TRUE(store.file_failed());
  EXPECT_NE(store.why_not().find(missing), std::string::npos) << store.why_not();
  EXPECT_NE(store.why_not().find("No such file"), std::string::npos) << store.why_not();
}

TEST_F(ReplayStore, AFileThatMayNotGrowIsGivenUp) {
  ASSERT_NE(std::signal(SIGXFSZ, SIG_IGN), SIG_ERR);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const rlimit little{.rlim_cur = 20'000, .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &little), 0);
  replay_store store(terms(1000, 100'000));
  keep(store, bytes(50'000));
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  EXPECT_FALSE(store.whole());
  EXPECT_TRUE(store.file_failed());
  EXPECT_NE(store.why_not().find("File too large"), std::string::npos) << store.why_not();
  EXPECT_EQ(all_.files, 0U);
}

TEST_F(ReplayStore, AFileThatSomebodyCutOffIsAnErrorAndNoShorterBody) {
  replay_store store(terms(1000, 100'000));
  keep(store, bytes(50'000));
  for (const auto& entry : fs::directory_iterator("/proc/self/fd")) {
    std::error_code ignored;
    if (!fs::read_symlink(entry, ignored).string().starts_with(directory_)) continue;
    ASSERT_EQ(::truncate(entry.path().c_str(), 30'000), 0);
  }
  EXPECT_TRUE(read_back(store).starts_with("error: "));
}

TEST_F(ReplayStore, ForgetsOnRequestAndKeepsNothingMore) {
  replay_store store(terms(1000, 100'000));
  keep(store, bytes(5000));
  store.forget();
  keep(store, bytes(5000));
  EXPECT_FALSE(store.whole());
  EXPECT_EQ(store.size(), 0U);
  EXPECT_EQ(store.why_not(), "");
}

TEST(ReplayDirectory, IsTheServicesStateDirectoryElseTmpdirElseVarTmp) {
  const auto restore = [](const char* name, const char* value) {
    if (value != nullptr) ::setenv(name, value, 1);
    else ::unsetenv(name);
  };
  const char* tmpdir = std::getenv("TMPDIR");
  const std::string before = tmpdir == nullptr ? "" : tmpdir;
  ::unsetenv("STATE_DIRECTORY");
  ::unsetenv("TMPDIR");
  EXPECT_EQ(replay_directory(), "/var/tmp");
  ::setenv("TMPDIR", "/else/where", 1);
  EXPECT_EQ(replay_directory(), "/else/where");
  ::setenv("STATE_DIRECTORY", "/var/lib/one:/var/lib/two", 1);
  EXPECT_EQ(replay_directory(), "/var/lib/one");
  ::setenv("STATE_DIRECTORY", "not/absolute", 1);
  EXPECT_EQ(replay_directory(), "/else/where");
  ::unsetenv("STATE_DIRECTORY");
  restore("TMPDIR", tmpdir == nullptr ? nullptr : before.c_str());
}

}  // namespace
}  // namespace shim::forward
