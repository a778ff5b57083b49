#include "http/target.hpp"

#include <gtest/gtest.h>

namespace shim::http {
namespace {

TEST(Target, PathEndsAtTheFirstQuestionMark) {
  EXPECT_EQ(path_of("/a//b"), "/a//b");
  EXPECT_EQ(path_of("/a?b?c"), "/a");
  EXPECT_EQ(path_of("?"), "");
  EXPECT_EQ(path_of(""), "");
}

TEST(Target, FindsTheFirstParameterOfAName) {
  const char* const target = "/puppet/v3/x?links=manage&environment=production&env=x&flag&empty=&environment=second";
  EXPECT_EQ(query_value(target, "environment"), "production");
  EXPECT_EQ(query_value(target, "links"), "manage");
  EXPECT_EQ(query_value(target, "env"), "x");
  EXPECT_EQ(query_value(target, "flag"), "");
  EXPECT_EQ(query_value(target, "empty"), "");
  EXPECT_EQ(query_value(target, "manage"), std::nullopt);
  EXPECT_EQ(query_value(target, "Environment"), std::nullopt);
  EXPECT_EQ(query_value("/environment=a", "environment"), std::nullopt);
  EXPECT_EQ(query_value("/a&environment=a", "environment"), std::nullopt) << "a path";
  EXPECT_EQ(query_value("/a?", "environment"), std::nullopt);
  EXPECT_EQ(query_value("/a?b=c%20d=e", "b"), "c%20d=e");
  EXPECT_EQ(query_value("/a?b=?c=d", "c"), std::nullopt);
}

std::string loggable(std::string_view target, std::size_t max = 512) {
  std::string out = "path=";
  append_loggable_path(out, target, max);
  return out;
}

TEST(LoggablePath, HoldsNoQueryAndNothingThatBreaksALine) {
  EXPECT_EQ(loggable("/puppet/v3/catalog/a?transaction_uuid=1"), "path=/puppet/v3/catalog/a");
  EXPECT_EQ(loggable("/a b\"\\\n\x1b[31m\xc3\xa4\x7f"), "path=/a\\x20b\\x22\\x5c\\x0a\\x1b[31m\\xc3\\xa4\\x7f");
  EXPECT_EQ(loggable(std::string_view("/\0x", 3)), "path=/\\x00x");
  EXPECT_EQ(loggable("/!~ !~"), "path=/!~\\x20!~");
}

TEST(LoggablePath, IsCutAtItsLimit) {
  EXPECT_EQ(loggable("/234", 4), "path=/234");
  EXPECT_EQ(loggable("/2345", 4), "path=/234...");
  EXPECT_EQ(loggable("/\n", 4), "path=/...");
  EXPECT_EQ(loggable("/\n", 5), "path=/\\x0a");
  EXPECT_EQ(loggable("/" + std::string(1000, 'a')).size(), 5U + 512U + 3U);
}

}  // namespace
}  // namespace shim::http
