#include "puppet/ascii.hpp"

#include <gtest/gtest.h>

namespace bunraku::ascii {
namespace {

TEST(Ascii, LowerChangesTheCapitalLettersAlone) {
  for (int i = 0; i < 256; ++i) {
    const char c = static_cast<char>(i);
    EXPECT_EQ(lower(c), i >= 'A' && i <= 'Z' ? static_cast<char>(i + 32) : c) << i;
  }
  EXPECT_EQ(lower("CI-1.Example.COM_\xc4\xb0@[`{"), "ci-1.example.com_\xc4\xb0@[`{");
}

TEST(Ascii, NamesAreTheSameButForTheCaseOfLetters) {
  EXPECT_TRUE(same_name("COMPILE1.example.com", "compile1.EXAMPLE.com"));
  EXPECT_TRUE(same_name("", ""));
  EXPECT_FALSE(same_name("compile1", "compile"));
  EXPECT_FALSE(same_name("compile", "compile1"));
  EXPECT_FALSE(same_name("a@b", "a`b"));
  EXPECT_FALSE(same_name("\xc4", "\xe4"));
}

TEST(Ascii, LettersAndDigitsAreThoseOfAscii) {
  int count = 0;
  for (int i = 0; i < 256; ++i) count += is_letter_or_digit(static_cast<char>(i)) ? 1 : 0;
  EXPECT_EQ(count, 26 + 26 + 10);
  for (const char c : {'a', 'z', 'A', 'Z', '0', '9'}) EXPECT_TRUE(is_letter_or_digit(c)) << c;
}

}  // namespace
}  // namespace bunraku::ascii
