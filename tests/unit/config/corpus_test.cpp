#include "fuzz/bunraku_toml_properties.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

TEST(BunrakuToml, KeepsItsPromisesForTheWholeCorpus) {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(TEST_SOURCE_DIR "/fuzz/corpus/bunraku_toml")) {
    std::ifstream in(entry.path(), std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    EXPECT_EQ(bunraku_toml_properties::check(text), "") << entry.path();
    ++count;
  }
  EXPECT_GE(count, 5u);
}
