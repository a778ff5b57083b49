#include "puppet/utf8.hpp"

#include <bunraku/shown_text.hpp>

#include <gtest/gtest.h>

#include <tuple>

namespace bunraku::puppet {
namespace {

using namespace std::string_view_literals;

TEST(Utf8, TheFirstAndTheLastCharacterOfEachLengthAreRead) {
  const std::tuple<std::string_view, char32_t> all[] = {{"\0"sv, 0},
                                                        {"\x7f", 0x7f},
                                                        {"\xc2\x80", 0x80},
                                                        {"\xdf\xbf", 0x7ff},
                                                        {"\xe0\xa0\x80", 0x800},
                                                        {"\xed\x9f\xbf", 0xd7ff},
                                                        {"\xee\x80\x80", 0xe000},
                                                        {"\xef\xbf\xbf", 0xffff},
                                                        {"\xf0\x90\x80\x80", 0x10000},
                                                        {"\xf4\x8f\xbf\xbf", 0x10ffff},
                                                        {"\xe1\x80\xbf", 0x103f},
                                                        {"\xf1\xbf\x80\x80", 0x7f000}};
  for (const auto& [text, value] : all) {
    const auto read = first_code_point(std::string(text) + "x");
    EXPECT_EQ(read.bytes, text.size()) << std::hex << static_cast<unsigned>(value);
    EXPECT_EQ(read.value, value);
    EXPECT_TRUE(is_utf8(text)) << std::hex << static_cast<unsigned>(value);
  }
}

TEST(Utf8, OverlongCutAndStrayBytesAreNone) {
  for (const auto text :
       {"\x80"sv, "\xbf"sv, "\xc0\x80"sv, "\xc1\xbf"sv, "\xc2"sv, "\xc2\x7f"sv, "\xc2\xc0"sv, "\xe0\x9f\xbf"sv,
        "\xe1\x80"sv, "\xe1\x80\x7f"sv, "\xe1\x80\xc0"sv, "\xed\xa0\x80"sv, "\xf0\x8f\xbf\xbf"sv, "\xf1\x80\x80"sv,
        "\xf1\x80\x80\x7f"sv, "\xf1\x80\x80\xc0"sv, "\xf4\x90\x80\x80"sv, "\xf5\x80\x80\x80"sv, "\xff"sv}) {
    EXPECT_EQ(first_code_point(text).bytes, 0u) << testing::PrintToString(text);
    EXPECT_FALSE(is_utf8("a" + std::string(text))) << testing::PrintToString(text);
  }
  EXPECT_EQ(first_code_point("").bytes, 0u);
  EXPECT_TRUE(is_utf8(""));
}

TEST(Utf8, TextOfOthersIsShownAsOneLine) {
  EXPECT_EQ(shown_text("a\nb\x1f\x7f\xc2\x80\xc2\x9f~\xc2\xa0\0z"sv), "a b    ~\xc2\xa0 z");
  EXPECT_EQ(shown_text("\xff\xe2\x82x\xc3"), "???x?");
}

TEST(Utf8, ShownTextEndsBeforeACharacterThatDoesNotFit) {
  EXPECT_EQ(shown_text("\xc3\xa4z", 0), "");
  EXPECT_EQ(shown_text("\xc3\xa4z", 1), "");
  EXPECT_EQ(shown_text("\xc3\xa4z", 2), "\xc3\xa4");
  EXPECT_EQ(shown_text("\xc3\xa4z", 3), "\xc3\xa4z");
}

// What Ruby 3.1's /[[:word:]]/ says.
TEST(Utf8, LettersMarksAndDigitsAreOfWords) {
  for (const char32_t c :
       U"azAZ09_\u00aa\u00b5\u00ba\u00c0\u00d6\u00d8\u00f6\u00f8\u02c1\u0301\u03b1\u0416\u203f\u2040"
       U"\u2054\u0660\u4e2d\uff10\uff19\uff21\uff3a\uff3f\uff41\uff5a\uff66\U00010400"sv)
    EXPECT_TRUE(is_word(c)) << std::hex << static_cast<unsigned>(c);
  for (const char32_t c :
       U"`{@[/: -\u00a0\u00a9\u00ab\u00b4\u00b6\u00b7\u00b9\u00bb\u00bf\u00d7\u00f7\u02c2\u2013\u201c\u2026"
       U"\u203e\u2041\u2053\u2055\u20ac\u2192\u3000\u3002\ufeff\uff0f\uff1a\uff20\uff3b\uff3e\uff5b\uff65"
       U"\uffe0\U0001f600"sv)
    EXPECT_FALSE(is_word(c)) << std::hex << static_cast<unsigned>(c);
}

}  // namespace
}  // namespace bunraku::puppet
