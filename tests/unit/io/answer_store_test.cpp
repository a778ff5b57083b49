#include "io/answer_store.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <sys/stat.h>
#include <unistd.h>
#include <utime.h>

namespace bunraku::io {
namespace {

namespace fs = std::filesystem;

struct AnswerStore : testing::Test {
  AnswerStore() {
    std::string name = fs::temp_directory_path() / "answers-XXXXXX";
    directory = ::mkdtemp(name.data());
    path = directory / "answers";
  }
  ~AnswerStore() override { fs::remove_all(directory); }
  AnswerStore(const AnswerStore&) = delete;
  AnswerStore& operator=(const AnswerStore&) = delete;

  void make(const std::string& text, mode_t mode = 0600) const {
    std::ofstream(path) << text;
    ASSERT_EQ(::chmod(path.c_str(), mode), 0);
  }
  std::string read(std::size_t most = 100) const {
    const auto text = answer_store(path, most).read();
    if (!text) return "it " + text.error();
    return *text ? **text : "no file";
  }

  fs::path directory, path;
};

TEST_F(AnswerStore, WhatIsWrittenIsReadAndIsItsOwnersAlone) {
  const answer_store store(path, 100);
  EXPECT_EQ(read(), "no file");
  for (const auto* text : {"one", "", "another one"}) {
    ASSERT_TRUE(store.write(text));
    EXPECT_EQ(read(), text);
    struct stat about{};
    ASSERT_EQ(::stat(path.c_str(), &about), 0);
    EXPECT_EQ(about.st_mode & 07777U, 0600U);
  }
  EXPECT_EQ(std::distance(fs::directory_iterator(directory), fs::directory_iterator()), 1) << "nothing else is left";
}

TEST_F(AnswerStore, WhatOthersMayWriteIsNotBelieved) {
  for (const mode_t mode : {0620U, 0602U, 0666U}) {
    make("text", mode);
    EXPECT_EQ(read(), "it may be written by others than its owner") << mode;
  }
  make("text", 0644);
  EXPECT_EQ(read(), "text") << "everybody may see it";
}

TEST_F(AnswerStore, WhatBelongsToAnotherUserIsNotBelieved) {
  make("text");
  ASSERT_EQ(::chown(path.c_str(), 65534, 0), 0);
  EXPECT_EQ(read(), "it belongs to user 65534, who is neither root nor bunraku's user");
}

TEST_F(AnswerStore, OnlyAFileItselfIsRead) {
  const auto elsewhere = directory / "elsewhere";
  std::ofstream(elsewhere) << "text";
  fs::create_symlink(elsewhere, path);
  EXPECT_EQ(read(), "it is a symbolic link");
  fs::remove(path);
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  EXPECT_EQ(read(), "it is no regular file") << "and nobody waits for a writer";
  fs::remove(path);
  fs::create_directory(path);
  EXPECT_EQ(read(), "it is no regular file");
}

TEST_F(AnswerStore, IsBounded) {
  make(std::string(100, 'x'));
  EXPECT_EQ(read(100).size(), 100U);
  EXPECT_EQ(read(99), "it is too big (100 bytes, at most 99)");
}

TEST_F(AnswerStore, ALinkInItsPlaceIsReplacedAndNotFollowed) {
  const auto elsewhere = directory / "elsewhere";
  std::ofstream(elsewhere) << "somebody's";
  for (const auto& place : {path, fs::path(path.string() + ".new")}) {
    fs::remove(path);
    fs::create_symlink(elsewhere, place);
    const bool written = answer_store(path, 100).write("text").has_value();
    EXPECT_EQ(written, place == path);
    std::string kept;
    std::getline(std::ifstream(elsewhere), kept);
    EXPECT_EQ(kept, "somebody's") << place;
  }
}

TEST_F(AnswerStore, WhatIsNoFileIsNotReplacedByOne) {
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  const auto written = answer_store(path, 100).write("text");
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error(), "cannot replace " + path.string() + ": it is no regular file");
  EXPECT_TRUE(fs::is_fifo(path));
}

TEST_F(AnswerStore, WhatADeadProcessLeftIsTakenAwayAndWhatALivingOneWritesIsNot) {
  const std::string temporary = path.string() + ".new";
  std::ofstream(temporary) << "half";
  EXPECT_FALSE(answer_store(path, 100).write("text"));
  EXPECT_TRUE(fs::exists(temporary));
  for (const int ago : {100, -100}) {  // the clock may have been set
    std::ofstream(temporary) << "half";
    const utimbuf when{std::time(nullptr) - ago, std::time(nullptr) - ago};
    ASSERT_EQ(::utime(temporary.c_str(), &when), 0);
    EXPECT_TRUE(answer_store(path, 100).write("text")) << ago;
    EXPECT_EQ(read(), "text");
  }
}

TEST_F(AnswerStore, APlaceThatCannotBeWrittenIsAnErrorThatNamesIt) {
  const auto missing = directory / "missing" / "answers";
  const auto written = answer_store(missing, 100).write("text");
  ASSERT_FALSE(written);
  EXPECT_NE(written.error().find(missing.string()), std::string::npos) << written.error();
  fs::create_directory(path);
  EXPECT_FALSE(answer_store(path, 100).write("text"));
  EXPECT_FALSE(fs::exists(path.string() + ".new"));
}

}  // namespace
}  // namespace bunraku::io
