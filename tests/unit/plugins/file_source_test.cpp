#include "file_source/masters_file.hpp"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <sys/stat.h>
#include <unistd.h>

using namespace file_source;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

namespace {

TEST(MastersFile, TextsAreTriedInTheirOrderAndObjectsAsTheySay) {
  const auto read = parse_toml(
      "catalog = [\"a.test\", \"b.test:9\", \"[2001:db8::1]:7\"]\n"
      "files = [{host = \"c.test\", weight = 3}, {host = \"d.test\", port = 1, priority = 2}]\nca = []\n");
  ASSERT_TRUE(read) << read.error();
  EXPECT_THAT(read->at("catalog"),
              ElementsAre(master{"a.test", 8140, 0, 0}, master{"b.test", 9, 1, 0}, master{"2001:db8::1", 7, 2, 0}));
  EXPECT_THAT(read->at("files"), ElementsAre(master{"c.test", 8140, 0, 3}, master{"d.test", 1, 2, 0}));
  EXPECT_TRUE(read->at("ca").empty());
}

TEST(MastersFile, JsonIsTheSame) {
  const auto read = parse_json(R"({"catalog": ["a.test", {"host": "b.test", "port": 9, "weight": 2}]})");
  ASSERT_TRUE(read) << read.error();
  EXPECT_THAT(read->at("catalog"), ElementsAre(master{"a.test", 8140, 0, 0}, master{"b.test", 9, 0, 2}));
}

TEST(MastersFile, WhatIsWrongIsSaidWithItsPlace) {
  const auto why = [](std::string_view text) { return parse_toml(text) ? "taken" : parse_toml(text).error(); };
  EXPECT_THAT(why("catalog = [\n"), HasSubstr("is not TOML"));
  EXPECT_THAT(why("catalog = \"a\"\n"), HasSubstr("service `catalog` is no array"));
  EXPECT_THAT(why("catalog = [\"ok\", \"a b\"]\n"), HasSubstr("service `catalog`, entry 2 is no HOST:PORT"));
  EXPECT_THAT(why("catalog = [\"a:0\"]\n"), HasSubstr("no HOST:PORT"));
  EXPECT_THAT(why("catalog = [\"a:70000\"]\n"), HasSubstr("no HOST:PORT"));
  EXPECT_THAT(why("catalog = [{port = 1}]\n"), HasSubstr("no usable `host`"));
  EXPECT_THAT(why("catalog = [{host = \"a\", prio = 1}]\n"), HasSubstr("has no `prio`"));
  EXPECT_THAT(why("catalog = [{host = \"a\", weight = -1}]\n"), HasSubstr("`weight`"));
  EXPECT_THAT(why("catalog = [2026-11-27]\n"), HasSubstr("neither a string nor an object"));
}

class WatchedFile : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = std::filesystem::temp_directory_path() / "bunraku-masters-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }
  void replace(const std::string& text, mode_t mode = 0644) {
    const auto fresh = directory_ / "fresh";
    std::ofstream(fresh) << text;
    ::chmod(fresh.c_str(), mode);
    std::filesystem::rename(fresh, path_());
  }
  std::filesystem::path path_() const { return directory_ / "masters.json"; }
  std::filesystem::path directory_;
};

TEST_F(WatchedFile, ItIsReadWhenItIsAnotherOne) {
  masters_file file(path_());
  EXPECT_TRUE(file.look());
  EXPECT_EQ(file.known(), nullptr);
  EXPECT_THAT(file.trouble(), HasSubstr("No such file"));
  replace(R"({"catalog": ["a.test"]})");
  EXPECT_TRUE(file.look());
  EXPECT_FALSE(file.look());
  ASSERT_NE(file.known(), nullptr);
  EXPECT_EQ(file.known()->at("catalog").front().host, "a.test");
  replace(R"({"catalog": ["b.test"]})");
  EXPECT_TRUE(file.look());
  EXPECT_EQ(file.known()->at("catalog").front().host, "b.test");
}

TEST_F(WatchedFile, ABadOneAndOneThatIsGoneKeepTheOld) {
  replace(R"({"catalog": ["a.test"]})");
  masters_file file(path_());
  file.look();
  for (const auto& bad : {std::string("{"), std::string(2 << 20, ' ')}) {
    replace(bad);
    EXPECT_TRUE(file.look());
    EXPECT_FALSE(file.trouble().empty());
    EXPECT_EQ(file.known()->at("catalog").front().host, "a.test");
  }
  replace(R"({"catalog": ["evil.test"]})", 0666);
  EXPECT_TRUE(file.look());
  EXPECT_THAT(file.trouble(), HasSubstr("others than root may write"));
  EXPECT_EQ(file.known()->at("catalog").front().host, "a.test");
  std::filesystem::remove(path_());
  EXPECT_TRUE(file.look());
  EXPECT_EQ(file.known()->at("catalog").front().host, "a.test");
}

}  // namespace
