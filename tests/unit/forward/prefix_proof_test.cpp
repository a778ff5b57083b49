#include "forward/prefix_proof.hpp"

#include <gtest/gtest.h>
#include <openssl/evp.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace shim::forward {
namespace {

constexpr std::size_t pair = 16, block = 1024, batch = 64 * block;  // of bytes; where it does something else

std::string bytes(std::size_t count) {
  std::string out(count, '\0');
  for (std::size_t i = 0; i < count; ++i) out[i] = static_cast<char>(i * 7 + i / 251);
  return out;
}

prefix_proof::tag tag_of(const proof_key& key, std::string_view some) {
  prefix_proof proof(key);
  proof.add(some);
  EXPECT_EQ(proof.bytes(), some.size());
  return proof.tag_so_far().value();
}

proof_key::secret known_secret() {
  proof_key::secret out;
  std::mt19937_64 draw(1);
  for (auto& byte : out.poly1305) byte = static_cast<unsigned char>(draw());
  for (auto& word : out.nh) word = draw();
  return out;
}

/// As the header defines it, with a product of words from products of their halves.
struct sum_of_products {
  std::uint64_t high = 0, low = 0;

  void add(std::uint64_t more_high, std::uint64_t more_low) {
    low += more_low;
    high += more_high + (low < more_low ? 1 : 0);
  }
  void add_product(std::uint64_t a, std::uint64_t b) {
    const std::uint64_t half = 0xffffffff, a1 = a >> 32, a0 = a & half, b1 = b >> 32, b0 = b & half;
    add(a1 * b1, a0 * b0);
    for (const auto middle : {a1 * b0, a0 * b1}) add(middle >> 32, middle << 32);
  }
};

prefix_proof::tag tag_by_definition(const proof_key::secret& secret, std::string some) {
  const std::uint64_t length = some.size();
  some.resize((length + pair - 1) / pair * pair);
  std::vector<std::uint64_t> words(some.size() / 8), results;
  const auto put = [&results](std::uint64_t high, std::uint64_t low) {
    if constexpr (std::endian::native == std::endian::big) std::swap(high, low);
    results.insert(results.end(), {low, high});
  };
  if (!words.empty()) std::memcpy(words.data(), some.data(), some.size());
  for (std::size_t begin = 0; begin <= length; begin += block) {
    sum_of_products sum;
    for (std::size_t i = 0; i < 128 && begin / 8 + i < words.size(); i += 2)
      sum.add_product(words[begin / 8 + i] + secret.nh[i], words[begin / 8 + i + 1] + secret.nh[i + 1]);
    put(sum.high, sum.low);
  }
  put(0, length);
  prefix_proof::tag out{};
  std::size_t size = 0;
  EXPECT_NE(EVP_Q_mac(nullptr, "POLY1305", nullptr, nullptr, nullptr, secret.poly1305.data(), secret.poly1305.size(),
                      reinterpret_cast<const unsigned char*>(results.data()), results.size() * 8, out.data(),
                      out.size(), &size),
            nullptr);
  EXPECT_EQ(size, out.size());
  return out;
}

/// Lengths and cuts around every place where something ends.
std::vector<std::size_t> edges() {
  std::set<std::size_t> out;
  for (const auto end : {std::size_t{0}, pair, 2 * pair, block, 2 * block, 5 * block, batch, batch + block, 2 * batch})
    for (std::size_t i = 0; i <= 2 * pair + 2; ++i)
      if (end + i > pair) out.insert(end + i - pair - 1);
  return {out.begin(), out.end()};
}

TEST(PrefixProof, IsWhatItsDefinitionSays) {
  const auto secret = known_secret();
  const proof_key key(secret);
  for (const auto length : edges())
    EXPECT_EQ(tag_of(key, bytes(length)), tag_by_definition(secret, bytes(length))) << length;
  const std::string full(2 * block, '\xff');
  EXPECT_EQ(tag_of(key, full), tag_by_definition(secret, full));
}

TEST(PrefixProof, IsTheSameHoweverTheBytesAreCut) {
  const proof_key key;
  ASSERT_TRUE(key.usable());
  const auto all = bytes(2 * batch + block + 100);
  const auto right = tag_of(key, all);
  const auto cut_at = [&](const std::vector<std::size_t>& cuts) {
    prefix_proof proof(key);
    std::size_t begin = 0;
    for (const auto cut : cuts) {
      proof.add(std::string_view(all).substr(begin, cut - begin));
      begin = cut;
    }
    proof.add(std::string_view(all).substr(begin));
    EXPECT_EQ(proof.bytes(), all.size());
    return proof.tag_so_far();
  };
  const auto places = edges();
  for (const auto cut : places) {
    EXPECT_EQ(cut_at({cut}), right) << cut;
    for (const std::size_t more : {1U, 15U, 16U, 17U, 1023U, 1025U}) EXPECT_EQ(cut_at({cut, cut + more}), right) << cut;
  }
  EXPECT_EQ(cut_at(places), right);
  for (const std::size_t step : {1U, 3U, 16U, 17U, 1000U, 1024U, 16296U}) {
    std::vector<std::size_t> cuts;
    for (std::size_t at = step; at < all.size(); at += step) cuts.push_back(at);
    EXPECT_EQ(cut_at(cuts), right) << step;
  }
  std::mt19937 draw(1);
  for (int round = 0; round < 200; ++round) {
    std::vector<std::size_t> cuts(draw() % 50);
    for (auto& cut : cuts) cut = draw() % all.size();
    std::ranges::sort(cuts);
    EXPECT_EQ(cut_at(cuts), right) << round;
  }
}

TEST(PrefixProof, TellsEveryFlippedBit) {
  const proof_key key;
  const auto tell = [&](std::size_t length, std::size_t step) {
    auto some = bytes(length);
    const auto right = tag_of(key, some);
    for (std::size_t bit = 0; bit < length * 8; bit += step) {
      const auto flip = [&] { some[bit / 8] = static_cast<char>(some[bit / 8] ^ (1 << (bit % 8))); };
      flip();
      EXPECT_NE(tag_of(key, some), right) << bit << " of " << length;
      flip();
    }
  };
  tell(2 * block + 21, 1);
  tell(batch + 3 * block + 5, 1009);
}

TEST(PrefixProof, TellsEveryOtherLengthOfZeros) {
  const proof_key key;
  for (const auto& before : {std::string(), std::string("x"), bytes(block)}) {
    std::set<prefix_proof::tag> seen;
    for (std::size_t zeros = 0; zeros <= 2 * block + 40; ++zeros)
      seen.insert(tag_of(key, before + std::string(zeros, '\0')));
    EXPECT_EQ(seen.size(), 2 * block + 41);
  }
  EXPECT_NE(tag_of(key, std::string(batch, '\0')), tag_of(key, std::string(batch + 1, '\0')));
}

TEST(PrefixProof, TellsWhatChangedPlaces) {
  const proof_key key;
  std::string some(2 * batch, '\0');
  std::mt19937 draw(1);
  for (auto& byte : some) byte = static_cast<char>(draw());
  const auto right = tag_of(key, some);
  for (const std::size_t size : {std::size_t{1}, std::size_t{8}, pair, 2 * pair, block, batch}) {
    auto other = some;
    std::swap_ranges(other.begin(), other.begin() + static_cast<std::ptrdiff_t>(size),
                     other.begin() + static_cast<std::ptrdiff_t>(size));
    EXPECT_NE(tag_of(key, other), right) << size;
  }
}

TEST(PrefixProof, GoesOnAfterItsTagWasAskedFor) {
  const proof_key key;
  const auto all = bytes(batch + 2 * block);
  prefix_proof proof(key);
  for (std::size_t at = 0; at < all.size();) {
    const auto step = std::min<std::size_t>(at < 100 ? 1 : 509, all.size() - at);
    proof.add(std::string_view(all).substr(at, step));
    at += step;
    EXPECT_EQ(proof.tag_so_far(), tag_of(key, std::string_view(all).substr(0, at))) << at;
    EXPECT_EQ(proof.tag_so_far(), proof.tag_so_far());
  }
}

TEST(PrefixProof, DependsOnTheProcessSecret) {
  const proof_key one, other;
  EXPECT_NE(tag_of(one, "same"), tag_of(other, "same"));
  auto secret = known_secret();
  const auto right = tag_of(proof_key(secret), "same");
  EXPECT_EQ(tag_of(proof_key(secret), "same"), right);
  ++secret.nh[0];
  EXPECT_NE(tag_of(proof_key(secret), "same"), right);
}

TEST(PrefixProof, AnEmptyOneProvesNothing) {
  prefix_proof none;
  EXPECT_FALSE(none.stands());
  none.add("some");
  EXPECT_EQ(none.bytes(), 4U);
  EXPECT_FALSE(none.tag_so_far());
}

}  // namespace
}  // namespace shim::forward
