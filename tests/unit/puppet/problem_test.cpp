#include <bunraku/problem.hpp>

#include <gtest/gtest.h>

namespace bunraku {
namespace {

TEST(Problem, IsOneLineOfUtf8WhateverItIsMadeOf) {
  const problem p(severity::error, "a\xff.toml:1", "\"x\xc3\" is \x1b[31mno name.", "Give\none with \xc3\xa4.");
  EXPECT_EQ(p.where(), "a?.toml:1");
  EXPECT_EQ(p.what(), "\"x?\" is  [31mno name.");
  EXPECT_EQ(p.fix(), "Give one with \xc3\xa4.");
}

}  // namespace
}  // namespace bunraku
