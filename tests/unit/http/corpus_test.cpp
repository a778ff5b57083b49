#include "fuzz/http_properties.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <vector>

// Replays what the fuzz targets start from and what they found.
namespace shim::http {
namespace {

void replay(const std::string& target, const std::function<std::string(std::string_view)>& check) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(TEST_SOURCE_DIR "/fuzz/corpus/" + target)) {
    files.push_back(entry.path());
  }
  std::ranges::sort(files);
  ASSERT_GE(files.size(), 10U) << target;
  for (const auto& file : files) {
    std::ifstream in(file, std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(in), {}};
    ASSERT_TRUE(in.good() || in.eof()) << file;
    EXPECT_EQ(check(bytes), "") << file;
  }
}

TEST(Corpus, RequestHeads) { replay("request_head", http_properties::check_request_head); }

TEST(Corpus, ResponseHeads) {
  replay("response_head", [](std::string_view bytes) {
    const std::string why = http_properties::check_response_head(bytes, "GET");
    return why.empty() ? http_properties::check_response_head(bytes, "HEAD") : why;
  });
}

TEST(Corpus, ChunkedBodies) { replay("chunked", http_properties::check_chunked); }

}  // namespace
}  // namespace shim::http
