#include "policy/answer_file.hpp"

#include "policy/stable_hash.hpp"

#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace bunraku::policy {
namespace {

using namespace std::chrono_literals;
using status = dns_answer::status;
using reason = answer_file_refusal::reason;

constexpr std::chrono::sys_seconds then{1764000000s};

stored_answer answer(std::string name, dns_type type, status state) {
  stored_answer made{{std::move(name), type}, {}, then};
  made.answer.state = state;
  return made;
}

std::vector<stored_answer> some() {
  auto srv = answer("_x-puppet._tcp.example.com", dns_type::srv, status::found);
  srv.answer.srv = {{20, 5, 8141, "two.example.com"}, {10, 0, 8140, "one.example.com"}};
  auto four = answer("one.example.com", dns_type::a, status::found);
  four.answer.a = {{192, 0, 2, 1}, {192, 0, 2, 20}};
  auto six = answer("one.example.com", dns_type::aaaa, status::found);
  six.answer.aaaa = {{0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};
  return {srv,
          four,
          six,
          answer("two.example.com", dns_type::aaaa, status::no_data),
          answer("_x-puppet-ca._tcp.example.com", dns_type::srv, status::absent),
          answer("_x-puppet-report._tcp.example.com", dns_type::srv, status::no_such_name)};
}

std::string with_sum(const std::string& body) {
  char sum[24];
  std::snprintf(sum, sizeof sum, "sum %016llx\n", static_cast<unsigned long long>(stable_hash(body)));
  return body + sum;
}

std::string text_with(const std::string& lines) { return with_sum("bunraku-answers 1\n" + lines); }

void expect_refused(std::string_view text, reason why) {
  const auto read = read_answer_file(text);
  ASSERT_FALSE(read) << text;
  EXPECT_EQ(read.error().why, why) << text;
  EXPECT_FALSE(read.error().what.empty());
}

TEST(AnswerFile, WhatIsWrittenCanBeRead) {
  const auto before = some();
  const auto read = read_answer_file(write_answer_file(before));
  ASSERT_TRUE(read) << read.error().what;
  ASSERT_EQ(read->size(), before.size());
  for (std::size_t i = 0; i < before.size(); ++i) {
    EXPECT_EQ((*read)[i].question, before[i].question);
    EXPECT_EQ((*read)[i].learned, then);
    EXPECT_TRUE(same_content({(*read)[i].answer, {}, {}}, {before[i].answer, {}, {}})) << i;
  }
  EXPECT_EQ(write_answer_file(*read), write_answer_file(before)) << "the order of records does not matter";
}

TEST(AnswerFile, TheLeastAndTheMostOfEverythingCanBeRead) {
  auto srv = answer("m", dns_type::srv, status::found);
  srv.answer.srv = {{0, 0, 1, "m"}, {65535, 65535, 65535, "m"}};
  srv.learned = std::chrono::sys_seconds(0s);
  auto four = answer("m", dns_type::a, status::found);
  for (unsigned i = 0; i < dns_answer::max_records; ++i)
    four.answer.a.push_back({0, 255, 0, static_cast<std::uint8_t>(i)});
  four.learned = std::chrono::sys_seconds(253402300799s);  // the last second of the year 9999
  auto six = answer("m", dns_type::aaaa, status::found);
  six.answer.aaaa.resize(2);
  six.answer.aaaa[1].fill(255);
  const std::vector before{srv, four, six};
  const auto read = read_answer_file(write_answer_file(before));
  ASSERT_TRUE(read) << read.error().what;
  ASSERT_EQ(read->size(), before.size());
  for (std::size_t i = 0; i < before.size(); ++i) {
    EXPECT_EQ((*read)[i].learned, before[i].learned);
    EXPECT_TRUE(same_content({(*read)[i].answer, {}, {}}, {before[i].answer, {}, {}})) << i;
  }
}

TEST(AnswerFile, PeopleCanReadIt) {
  const std::vector<stored_answer> one{some().front()};
  const auto text = write_answer_file(one);
  EXPECT_TRUE(
      text.starts_with("bunraku-answers 1\n"
                       "srv _x-puppet._tcp.example.com found 1764000000\n"
                       "= 10 0 8140 one.example.com\n"
                       "= 20 5 8141 two.example.com\n"
                       "sum "))
      << text;
}

TEST(AnswerFile, NoAnswersAreAFileToo) {
  const auto read = read_answer_file(write_answer_file({}));
  ASSERT_TRUE(read);
  EXPECT_TRUE(read->empty());
}

TEST(AnswerFile, EveryTornFileIsRefused) {
  const auto text = write_answer_file(some());
  for (std::size_t size = 0; size < text.size(); ++size)
    ASSERT_FALSE(read_answer_file(std::string_view(text).substr(0, size))) << size;
  expect_refused(std::string_view(text).substr(0, text.size() / 2), reason::damaged);
  expect_refused(text + "\n", reason::damaged);
}

TEST(AnswerFile, EveryFlippedBitIsRefused) {
  const auto text = write_answer_file(some());
  for (std::size_t at = 0; at < text.size(); ++at)
    for (const int bit : {1, 2, 4, 8, 16, 32, 64}) {
      auto changed = text;
      changed[at] = static_cast<char>(changed[at] ^ bit);
      ASSERT_FALSE(read_answer_file(changed)) << at;
    }
}

TEST(AnswerFile, AForeignFileAndANewerOneAreTold) {
  for (const std::string& text : std::vector<std::string>{"", "root:x:0:0:root:/root:/bin/sh\n", "bunraku",
                                                          "\x7f"
                                                          "ELF"})
    expect_refused(text, reason::foreign);
  expect_refused(with_sum("bunraku-answers 2\nwhatever\n"), reason::newer);
  expect_refused("bunraku-answers 2\nwith another sum\n", reason::newer);
  expect_refused("bunraku-answers \n", reason::damaged);
  expect_refused("bunraku-answers 0\n", reason::damaged);
  expect_refused("bunraku-answers 01\n", reason::damaged);
  expect_refused("bunraku-answers 1\n" + std::string(max_answer_file_bytes, 'x'), reason::foreign);
}

TEST(AnswerFile, ARefusalSaysWhatIsWrong) {
  const auto why = [](const std::string& text) { return read_answer_file(text).error().what; };
  EXPECT_EQ(why("bunraku-answers 2\n"), "is of version 2, which only a newer bunraku can read");
  EXPECT_EQ(why(text_with("x\n")), "is damaged: line 2 makes no sense");
  EXPECT_EQ(why(text_with("a m no_data 1\na m no_data 1\nx\n")), "is damaged: line 4 makes no sense");
}

TEST(AnswerFile, LinesThatMakeNoSenseAreRefusedEvenWithARightSum) {
  const std::string srv = "srv _x-puppet._tcp.example.com found 1764000000\n";
  ASSERT_TRUE(read_answer_file(text_with(srv + "= 1 2 3 m\n")));
  const std::vector<std::string> senseless{
      srv,                        // found without a record
      srv + srv + "= 1 2 3 m\n",  // the first of two has none
      "= 1 2 3 m\n",              // a record of nobody
      srv + "= 1 2 3 m \n",
      srv + "= 1 2 3  m\n",
      srv + "= 1 2 3\n",
      srv + "= 1 2 0 m\n",  // no port
      srv + "= 65536 2 3 m\n",
      srv + "= 1 65536 3 m\n",
      srv + "= 1 2 65536 m\n",
      srv + "= 99999999999 2 3 m\n",
      srv + "= -1 2 3 m\n",
      srv + "= +1 2 3 m\n",
      srv + "= 1 2 3 M\n",          // not as DNS compares it
      srv + "= 1 2 3 192.0.2.1\n",  // no name
      srv + "= 1 2 3 m.\n",
      srv + "= 1 2 3 m\nx\n",
      srv + "= 1 2 3 m\n\n",
      srv + "= 1 2 3 m\n= 1 2 3\n",  // a good one beside it is no excuse
      srv + "= 1 2 3 m\n= 1 2 3 m n\n",
      srv + "= 1 2 3 m\n= 1 2 0 m\n",
      "a m found 1\n= 1.2.3.4\n= 1.2.3\n",
      "a m found 1\n= 1.2.3\n",
      "a m found 1\n= 1.2.3.256\n",
      "a m found 1\n= 1.2.3.4\n= 1.2.3.x\n",
      "a m found 1\n= 1.2.3.4.5\n",
      "a m found 1\n= 1.2.3.\n",
      "aaaa m found 1\n= ::1\n",
      "aaaa m found 1\n= 20010:0db8:0000:0000:0000:0000:0000:0001\n",
      "aaaa m found 1\n= 2001:0db8:0000:0000:0000:0000:0000:0001:\n",
      "aaaa m found 1\n= 2001:0db8:0000:0000:0000:0000:0000:0001\n= 2001:db8:0000:0000:0000:0000:0000:0001\n",
      "aaaa m found 1\n= 2001:0db8:0000:0000:0000:0000:0000:0001\n= 2001:0db8:0000:0000:0000:0000:0000:000g\n",
      "aaaa m found 1\n= 2001:0db8:0000:0000:0000:0000:0000:0001\n= ::1\n",
      "a m no_data 1\n= 1.2.3.4\n= 1.2.3.4\n",
      "a m absent 1\n",  // only a service can be
      "a m no_data 1\n= 1.2.3.4\n",
      "a m unusable 1\n",
      "mx m no_data 1\n",
      "a m no_data 253402300800\n",  // after the year 9999
      "a m no_data 99999999999999999999\n",
      "a m no_data -1\n",
      "a m no_data 1",
      "a m/n no_data 1\n",
      "a  no_data 1\n",
  };
  for (const auto& lines : senseless) expect_refused(text_with(lines), reason::damaged);
}

TEST(AnswerFile, BoundsHoldInBothDirections) {
  auto big = answer("m", dns_type::a, status::found);
  for (unsigned i = 0; i < 300; ++i)
    big.answer.a.push_back({10, 0, static_cast<std::uint8_t>(i >> 8), static_cast<std::uint8_t>(i)});
  expect_refused(write_answer_file(std::vector{big}), reason::damaged);
  big.answer.a.resize(dns_answer::max_records + 1);
  expect_refused(write_answer_file(std::vector{big}), reason::damaged);
  std::vector<stored_answer> many;
  for (int i = 0; i < 5000; ++i) many.push_back(answer("m" + std::to_string(i), dns_type::a, status::no_data));
  const auto read = read_answer_file(write_answer_file(many));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->size(), max_stored_answers);

  std::vector<stored_answer> long_ones;
  auto wide = answer(std::string(60, 'a') + "." + std::string(60, 'b'), dns_type::srv, status::found);
  for (std::uint16_t i = 0; i < 200; ++i) wide.answer.srv.push_back({i, i, 8140, wide.question.first});
  for (int i = 0; i < 60; ++i) long_ones.push_back(wide);
  const auto text = write_answer_file(long_ones);
  EXPECT_LE(text.size(), max_answer_file_bytes);
  EXPECT_TRUE(read_answer_file(text));
}

TEST(AnswerFile, WhatCannotBeWrittenIsLeftOut) {
  auto future = answer("m", dns_type::a, status::no_data);
  future.learned = std::chrono::sys_seconds::max();
  auto past = answer("m", dns_type::a, status::no_data);
  past.learned = std::chrono::sys_seconds(-1s);
  const std::vector<stored_answer> kept{answer("m", dns_type::a, status::no_data)};
  const auto text = write_answer_file(std::vector{
      answer("a name", dns_type::a, status::no_data), future, past, answer("m", dns_type::a, status::unusable),
      answer("m", dns_type::soa, status::no_data), answer("m", dns_type::a, status::found), kept[0]});
  EXPECT_EQ(text, write_answer_file(kept));
}

TEST(AnswerFile, TheCorpusHasNoSurprises) {
  std::size_t count = 0;
  for (const auto& each : std::filesystem::directory_iterator(TEST_SOURCE_DIR "/fuzz/corpus/answer_file")) {
    ++count;
    std::ifstream in(each.path(), std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    const auto read = read_answer_file(text);
    EXPECT_EQ(read.has_value(), each.path().filename().string().starts_with("good")) << each.path();
  }
  EXPECT_GE(count, 6u);
}

}  // namespace
}  // namespace bunraku::policy
