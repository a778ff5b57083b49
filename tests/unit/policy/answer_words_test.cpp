#include "policy/answer_words.hpp"

#include <gtest/gtest.h>

namespace bunraku::policy {
namespace {

using namespace std::chrono_literals;

dns_decision served(dns_standing standing, std::string note, bool from_disk = false) {
  dns_decision made;
  made.standing = standing;
  made.from_disk = from_disk;
  made.outcome = std::make_shared<dns_outcome>();
  if (!note.empty())
    made.trouble = std::make_shared<dns_outcome>(dns_outcome{{}, dns_outcome::failure::silence, std::move(note)});
  return made;
}

TEST(AnswerWords, AgesComeInTheLargestUnitThatFits) {
  EXPECT_EQ(age_text(0s), "0 s");
  EXPECT_EQ(age_text(59s), "59 s");
  EXPECT_EQ(age_text(60s), "1 min");
  EXPECT_EQ(age_text(59min + 59s), "59 min");
  EXPECT_EQ(age_text(60min), "1 h");
  EXPECT_EQ(age_text(3h + 20min), "3 h");
  EXPECT_EQ(age_text(47h), "47 h");
  EXPECT_EQ(age_text(48h), "2 days");
}

TEST(AnswerWords, AStaleAnswerSaysWhyAndHowOldItIs) {
  EXPECT_EQ(note_about(served(dns_standing::stale, "no name server answered", true), 3h, "14:02"),
            "DNS did not answer (no name server answered); this is the answer of 14:02, 3 h old, from disk");
  EXPECT_EQ(note_about(served(dns_standing::stale, ""), 5min, "14:02"),
            "DNS did not answer; this is the answer of 14:02, 5 min old");
}

TEST(AnswerWords, AnAnswerThatVanishedSaysThatItStillCounts) {
  EXPECT_EQ(note_about(served(dns_standing::vanished, ""), 5min, "14:02"),
            "DNS now says that there is no such record; until that has been certain for a while, the answer of 14:02, "
            "5 min old, still counts");
}

TEST(AnswerWords, AFreshAnswerAndAFailureNeedNoWords) {
  EXPECT_EQ(note_about(served(dns_standing::fresh, ""), 5min, "14:02"), "");
  EXPECT_EQ(note_about(served(dns_standing::failed, "a story"), 5min, "14:02"), "");
}

}  // namespace
}  // namespace bunraku::policy
