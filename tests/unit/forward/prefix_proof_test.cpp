#include "forward/prefix_proof.hpp"

#include <gtest/gtest.h>

#include <string>

namespace shim::forward {
namespace {

std::string bytes(std::size_t count) {
  std::string out(count, '\0');
  for (std::size_t i = 0; i < count; ++i) out[i] = static_cast<char>(i * 7 + i / 251);
  return out;
}

TEST(PrefixProof, IsTheSameHoweverTheBytesAreCut) {
  const proof_key key;
  ASSERT_TRUE(key.usable());
  const auto all = bytes(100'000);
  prefix_proof whole(key), cut(key);
  whole.add(all);
  for (std::size_t at = 0, n = 1; at < all.size(); at += n, n = n * 3 + 1) cut.add(std::string_view(all).substr(at, n));
  EXPECT_EQ(cut.bytes(), all.size());
  ASSERT_TRUE(whole.tag_so_far());
  EXPECT_EQ(whole.tag_so_far(), cut.tag_so_far());
}

TEST(PrefixProof, TellsEveryFlippedBitAndEveryOtherLength) {
  const proof_key key;
  const auto right = bytes(1000);
  const auto tag_of = [&](std::string_view some) {
    prefix_proof proof(key);
    proof.add(some);
    return proof.tag_so_far().value();
  };
  const auto tag = tag_of(right);
  for (std::size_t bit = 0; bit < right.size() * 8; bit += 37) {
    auto wrong = right;
    wrong[bit / 8] = static_cast<char>(wrong[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_NE(tag_of(wrong), tag) << bit;
  }
  for (std::size_t length = 0; length < right.size(); ++length)
    EXPECT_NE(tag_of(std::string_view(right).substr(0, length)), tag);
  EXPECT_NE(tag_of(right + std::string(1, '\0')), tag);
}

TEST(PrefixProof, GoesOnAfterItsTagWasAskedFor) {
  const proof_key key;
  prefix_proof one(key), two(key);
  one.add("the first part, ");
  EXPECT_TRUE(one.tag_so_far());
  one.add("and the rest");
  two.add("the first part, and the rest");
  EXPECT_EQ(one.tag_so_far(), two.tag_so_far());
}

TEST(PrefixProof, DependsOnTheProcessSecret) {
  const proof_key one, other;
  prefix_proof a(one), b(other);
  a.add("same");
  b.add("same");
  EXPECT_NE(a.tag_so_far(), b.tag_so_far());
}

TEST(PrefixProof, AnEmptyOneProvesNothing) {
  const prefix_proof none;
  EXPECT_FALSE(none.stands());
  EXPECT_FALSE(none.tag_so_far());
}

}  // namespace
}  // namespace shim::forward
