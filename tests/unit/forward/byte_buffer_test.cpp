#include "forward/byte_buffer.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <string_view>

namespace shim::forward {
namespace {

void put(byte_buffer& into, std::string_view bytes, std::size_t capacity = byte_buffer::usual) {
  std::memcpy(into.room(capacity), bytes.data(), bytes.size());
  into.filled(bytes.size());
}

TEST(ByteBuffer, GivesPlaceInFrontOfItsContentToAnotherHead) {
  byte_buffer buffer;
  put(buffer, "a long head|body");
  EXPECT_TRUE(buffer.behind("x").empty()) << "nothing was used yet";
  buffer.consume(12);
  EXPECT_EQ(buffer.behind("head|"), "head|body");
  EXPECT_EQ(buffer.view(), "body");
  EXPECT_EQ(buffer.behind("another one:"), "another one:body");
  EXPECT_TRUE(buffer.behind("one that is longer").empty());
}

TEST(ByteBuffer, KeepsThatPlaceWhenItGrows) {
  byte_buffer buffer;
  put(buffer, "a long head|bo");
  buffer.consume(12);
  put(buffer, "dy", byte_buffer::streaming);
  EXPECT_EQ(buffer.behind("head|"), "head|body");
}

}  // namespace
}  // namespace shim::forward
