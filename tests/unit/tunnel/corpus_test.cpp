#include "fuzz/tunnel_properties.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>

// Replays what the fuzz targets start from and what they found.
namespace {

void replay(const std::string& target, const std::function<std::string(std::string_view)>& check) {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(TEST_SOURCE_DIR "/fuzz/corpus/" + target)) {
    std::ifstream in(entry.path(), std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(in), {}};
    EXPECT_EQ(check(bytes), "") << entry.path();
    ++count;
  }
  EXPECT_GE(count, 10U) << target;
}

}  // namespace

TEST(TunnelCorpus, ClientHellos) { replay("client_hello", tunnel_properties::check_client_hello); }

TEST(TunnelCorpus, ConnectRequests) { replay("connect_request", tunnel_properties::check_connect_request); }
