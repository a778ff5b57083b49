#include "policy/srv_source.hpp"

#include <gtest/gtest.h>

#include <array>

namespace bunraku::policy {
namespace {

using status = source_answer::status;

const std::vector<std::string> names{"specific", "generic"};

srv_name_answer said(std::string name, status state) {
  srv_name_answer answer{name, state, {}, {}, state == status::answered ? "" : name + " has a story"};
  if (state == status::answered) answer.masters = {{name + ".example.com", 8140, source_kind::srv, 1, 1}};
  if (state == status::failed) answer.error = {1, boost::system::generic_category()};
  return answer;
}

struct row {
  status specific, generic;
  status result;
  std::string asked;
};

TEST(SrvSource, EveryPairOfAnswersHasItsOutcome) {
  using enum status;
  const std::array rows{
      row{empty, answered, answered, "generic"},  row{empty, empty, empty, "generic"},
      row{empty, absent, absent, "generic"},      row{empty, failed, failed, "generic"},
      row{failed, answered, answered, "generic"}, row{failed, empty, failed, "specific"},
      row{failed, absent, failed, "specific"},    row{failed, failed, failed, "specific"},
  };
  for (const auto& each : rows) {
    const std::array learned{said("specific", each.specific), said("generic", each.generic)};
    EXPECT_FALSE(srv_source_answer(names, std::span(learned).first(1), false)) << "generic must be asked";
    const auto answer = srv_source_answer(names, learned, false);
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->state, each.result);
    EXPECT_EQ(answer->asked, each.asked);
    EXPECT_EQ(answer->error.failed(), each.result == failed);
    EXPECT_NE(answer->note.find("specific has a story"), std::string::npos);
  }
}

TEST(SrvSource, AnsweredAndAbsentOfTheSpecificNameEndTheMatter) {
  for (const auto state : {status::answered, status::absent}) {
    const std::array learned{said("specific", state)};
    const auto answer = srv_source_answer(names, learned, false);
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->state, state);
    EXPECT_EQ(answer->asked, "specific");
  }
}

TEST(SrvSource, WhereFailureIsFinalTheGenericNameIsNotAsked) {
  const std::array failed{said("specific", status::failed)};
  ASSERT_TRUE(srv_source_answer(names, failed, true));
  EXPECT_EQ(srv_source_answer(names, failed, true)->state, status::failed);
  const std::array empty{said("specific", status::empty)};
  EXPECT_FALSE(srv_source_answer(names, empty, true)) << "no such record is not a failure";
}

TEST(SrvSource, IsAsOldAsTheNameThatDecidedAndStaleIfAnyWas) {
  auto specific = said("specific", status::empty), generic = said("generic", status::answered);
  specific.stale = true;
  specific.age = std::chrono::seconds(50);
  generic.age = std::chrono::seconds(7);
  generic.from_disk = true;
  const auto answer = srv_source_answer(names, std::array{specific, generic}, false);
  ASSERT_TRUE(answer);
  EXPECT_TRUE(answer->stale);
  EXPECT_EQ(answer->age, std::chrono::seconds(7));
  EXPECT_TRUE(answer->from_disk);
  EXPECT_EQ(answer->masters, generic.masters);
  specific.stale = false;
  EXPECT_FALSE(srv_source_answer(names, std::array{specific, generic}, false)->stale);
}

TEST(SrvSource, NotesOfSeveralNamesAreJoined) {
  auto generic = said("generic", status::answered);
  const auto note_with = [&](std::string of_generic) {
    generic.note = std::move(of_generic);
    return srv_source_answer(names, std::array{said("specific", status::failed), generic}, false)->note;
  };
  EXPECT_EQ(note_with(""), "specific has a story");
  EXPECT_EQ(note_with("it is stale"), "specific has a story; it is stale");
  const std::array quiet{srv_name_answer{"specific", status::empty, {}, {}, ""}, generic};
  EXPECT_EQ(srv_source_answer(names, quiet, false)->note, "it is stale");
}

TEST(SrvSource, NoNamesKnowNobody) {
  const auto answer = srv_source_answer({}, {}, false);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->state, status::empty);
  EXPECT_EQ(answer->note, "no SRV name is configured");
}

}  // namespace
}  // namespace bunraku::policy
