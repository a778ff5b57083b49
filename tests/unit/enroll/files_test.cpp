#include "enroll/puppet_files.hpp"
#include "enroll/ssl_lock.hpp"

#include <gmock/gmock.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <sys/resource.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

namespace {

using namespace shim::enroll;
namespace fs = std::filesystem;
using testing::HasSubstr;

class Files : public testing::Test {
 protected:
  Files() {
    std::string name = fs::temp_directory_path() / "bunraku-files-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary directory");
    folder_ = name;
  }
  ~Files() override { fs::remove_all(folder_); }

  std::string path(const std::string& name) const { return folder_ + "/" + name; }
  std::string content(const std::string& name) const {
    std::ifstream in(path(name), std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  void put(const std::string& name, const std::string& text) const { std::ofstream(path(name)) << text; }
  mode_t mode(const std::string& name) const {
    struct stat about{};
    EXPECT_EQ(::stat(path(name).c_str(), &about), 0);
    return about.st_mode & 07777;
  }
  std::size_t count() const {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()));
  }

  std::string folder_;
};

TEST_F(Files, AreWrittenWholeWithTheirModeWhateverTheUmask) {
  const mode_t before = ::umask(077);
  EXPECT_EQ(write_file(path("a"), "text", 0644, {}, existing::keep), std::nullopt);
  EXPECT_EQ(make_directory(path("d"), 0771, {}), std::nullopt);
  ::umask(before);
  EXPECT_EQ(content("a"), "text");
  EXPECT_EQ(mode("a"), 0644U);
  EXPECT_EQ(mode("d"), 0771U);
  EXPECT_EQ(count(), 2U);
}

TEST_F(Files, WhatIsThereIsKept) {
  put("key", "old");
  const auto failed = write_file(path("key"), "new", 0640, {}, existing::keep);
  ASSERT_TRUE(failed);
  EXPECT_THAT(failed->fix(), HasSubstr("another enrolment came first"));
  EXPECT_EQ(content("key"), "old");
  EXPECT_EQ(count(), 1U);
  EXPECT_EQ(write_file(path("key"), "new", 0640, {}, existing::replace), std::nullopt);
  EXPECT_EQ(content("key"), "new");
}

TEST_F(Files, ALinkInTheWayIsNotFollowed) {
  put("other", "other's");
  fs::create_symlink(path("other"), path("a.bunraku-new"));
  EXPECT_EQ(write_file(path("a"), "text", 0640, {}, existing::keep), std::nullopt);
  EXPECT_EQ(content("other"), "other's");
  EXPECT_EQ(content("a"), "text");
}

TEST_F(Files, RemainsOfAnInterruptedWriteGo) {
  put("a.bunraku-new", "hal");
  remove_remains(path("a"));
  EXPECT_EQ(count(), 0U);
  put("a.bunraku-new", "hal");
  EXPECT_EQ(write_file(path("a"), "whole", 0640, {}, existing::keep), std::nullopt);
  EXPECT_EQ(content("a"), "whole");
  EXPECT_EQ(count(), 1U);
}

TEST_F(Files, AFullDiskLeavesNothing) {
  const auto written = [&] {
    // A limit on the size of files is to write() what a full disk is, and can be had without root.
    const rlimit little{100, RLIM_INFINITY};
    ::signal(SIGXFSZ, SIG_IGN);
    ::setrlimit(RLIMIT_FSIZE, &little);
    const auto failed = write_file(path("a"), std::string(200, 'x'), 0640, {}, existing::keep);
    const rlimit all{RLIM_INFINITY, RLIM_INFINITY};
    ::setrlimit(RLIMIT_FSIZE, &all);
    return failed;
  }();
  ASSERT_TRUE(written);
  EXPECT_THAT(written->what(), HasSubstr("nothing of it is left: File too large"));
  EXPECT_EQ(count(), 0U);
}

TEST_F(Files, WhatIsNotReplacedIsAsItWas) {
  fs::create_directory(path("d"));
  const auto failed = write_file(path("d"), "x", 0640, {}, existing::replace);
  ASSERT_TRUE(failed);
  EXPECT_THAT(failed->what(), HasSubstr("cannot be written, and is as it was: Is a directory"));
  EXPECT_EQ(count(), 1U);
}

TEST_F(Files, ADirectoryThatIsThereIsLeftAsItIs) {
  fs::create_directory(path("d"));
  ::chmod(path("d").c_str(), 0700);
  EXPECT_EQ(make_directory(path("d"), 0755, {}), std::nullopt);
  EXPECT_EQ(mode("d"), 0700U);
  put("f", "");
  EXPECT_THAT(make_directory(path("f"), 0755, {})->what(), HasSubstr("Not a directory"));
  EXPECT_THAT(make_directory(path("no/d"), 0755, {})->fix(), HasSubstr("make the directory it is to be in"));
}

// Puppet's user owns the ssldir, and root makes directories there.
TEST_F(Files, ALinkThatTakesTheNewDirectorysPlaceGivesNothingAway) {
  fs::create_directory(path("others"));
  ::chmod(path("others").c_str(), 0700);
  const auto made = path("d"), link = path("l");
  std::atomic<bool> over = false;
  std::thread other([&] {
    while (!over) ::renameat2(AT_FDCWD, link.c_str(), AT_FDCWD, made.c_str(), RENAME_EXCHANGE);
  });
  for (int i = 0; i != 200; ++i) {
    std::error_code ignored;
    fs::create_symlink("others", link, ignored);
    (void)make_directory(made, 0777, {});
    for (const auto& one : {made, link}) {
      ::unlink(one.c_str());
      ::rmdir(one.c_str());
    }
  }
  over = true;
  other.join();
  EXPECT_EQ(mode("others"), 0700U);
}

TEST_F(Files, ReadingIsBounded) {
  EXPECT_FALSE(read_file(path("none"), "it").text);
  EXPECT_FALSE(read_file(path("none"), "it").wrong);
  EXPECT_THAT(read_file(folder_, "it").wrong->what(), HasSubstr("not a regular file"));
  put("big", std::string((32u << 20) + 1, 'x'));
  EXPECT_THAT(read_file(path("big"), "it").wrong->what(), HasSubstr("larger than 32 MiB"));
}

std::string own_name() {
  std::ifstream in("/proc/self/comm");
  std::string name;
  in >> name;
  return name;
}

TEST_F(Files, TheLockHoldsOurPidUnderANameThatPuppetTakesForItsOwn) {
  {
    ssl_lock lock(path("ssl.lock"));
    EXPECT_EQ(lock.take(), std::nullopt);
    EXPECT_EQ(content("ssl.lock"), std::to_string(::getpid()));
    EXPECT_EQ(own_name(), "bunraku-puppet");
    EXPECT_EQ(count(), 1U);
    ssl_lock second(path("ssl.lock"));
    const auto failed = second.take();
    ASSERT_TRUE(failed);
    EXPECT_TRUE(second.is_anothers());
    EXPECT_THAT(failed->what(), HasSubstr("process " + std::to_string(::getpid())));
  }
  EXPECT_EQ(own_name(), "bunraku");
  EXPECT_EQ(count(), 0U);
}

TEST_F(Files, AStaleLockIsTakenAway) {
  for (const auto* stale : {"", "none", "1", "99999999", "-1", "0", "123abc"}) {
    put("ssl.lock", stale);
    ssl_lock lock(path("ssl.lock"));
    EXPECT_EQ(lock.take(), std::nullopt) << stale;
  }
}

TEST_F(Files, ALockThatCannotBeMadeIsNobodys) {
  const auto before = own_name();
  ssl_lock lock(path("no/ssl.lock"));
  ASSERT_TRUE(lock.take());
  EXPECT_FALSE(lock.is_anothers());
  EXPECT_EQ(own_name(), before);
}

TEST_F(Files, ALockThatBecameAnothersStays) {
  ssl_lock lock(path("ssl.lock"));
  EXPECT_EQ(lock.take(), std::nullopt);
  put("ssl.lock", "1");
  lock.release();
  EXPECT_EQ(content("ssl.lock"), "1");
}

}  // namespace
