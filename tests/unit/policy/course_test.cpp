#include <bunraku/course.hpp>

#include <gtest/gtest.h>

#include <chrono>

namespace {

using namespace std::chrono_literals;
using bunraku::course;
using bunraku::find_endpoint;
using bunraku::mishap;
using bunraku::move;
using bunraku::silence;

const auto start = course::time_point{} + 1000s;
const auto& file = find_endpoint("GET", "/puppet/v3/file_content/modules/a/b");
const auto& catalog = find_endpoint("POST", "/puppet/v3/catalog/a");
const auto& report = find_endpoint("PUT", "/puppet/v3/report/a");
const auto& request_of_certificate = find_endpoint("PUT", "/puppet-ca/v1/certificate_request/a");

constexpr auto granted = [] { return true; };
constexpr auto denied = [] { return false; };

course begun(const bunraku::endpoint& row, bool reused = false, bunraku::course_limits limits = {}) {
  course c(row, limits, start);
  c.begin_attempt(reused, start);
  return c;
}

TEST(Course, AnUnansweredRequestThatMayBeRepeatedMovesOn) {
  auto c = begun(file);
  c.sent_whole(start);
  EXPECT_EQ(c.unanswered(silence::closed, {}, start, granted), move::next_master);
}

TEST(Course, AReportThatWasSentWholeIsNotSentAgain) {
  auto c = begun(report);
  c.sent_whole(start);
  for (const auto how : {silence::closed, silence::late, silence::hung, silence::unreadable})
    EXPECT_EQ(c.unanswered(how, {}, start, granted), move::give_up);
}

TEST(Course, AReportThatNoMasterHasWholeMovesOn) {
  auto c = begun(report);
  EXPECT_EQ(c.unanswered(silence::closed, {}, start, granted), move::next_master);
}

TEST(Course, AReportThatAMasterBeganToAnswerIsNotSentAgain) {
  auto c = begun(report);
  c.heard(start);
  EXPECT_EQ(c.unanswered(silence::closed, {}, start, granted), move::give_up);
}

TEST(Course, AReportMovesOnWhenTheMastersTlsRefusedUs) {
  auto c = begun(report);
  c.sent_whole(start);
  EXPECT_EQ(c.unanswered(silence::refused, {}, start, granted), move::next_master);
  c.begin_attempt(false, start);
  EXPECT_EQ(c.unanswered(silence::closed, {}, start, granted), move::next_master) << "this one does not have it whole";
}

TEST(Course, AnIdleConnectionThatWasClosedMeansTheSameMasterOnANewOne) {
  auto c = begun(file, true);
  c.sent_whole(start);
  EXPECT_EQ(c.unanswered(silence::closed, {}, start, denied), move::same_master);
  EXPECT_EQ(c.repetitions(), 0U) << "nobody was loaded by it";
  c.begin_attempt(false, start);
  c.sent_whole(start);
  EXPECT_EQ(c.unanswered(silence::closed, {}, start, granted), move::next_master);
}

TEST(Course, AMasterThatIsSlowOrHangsOnAConnectionThatWasIdleIsNotAskedAgain) {
  for (const auto how : {silence::late, silence::hung}) {
    auto c = begun(file, true);
    c.sent_whole(start);
    EXPECT_EQ(c.unanswered(how, {}, start, granted), move::next_master);
    auto signing = begun(request_of_certificate, true);
    signing.sent_whole(start);
    EXPECT_EQ(signing.unanswered(how, {}, start, granted), move::give_up);
  }
}

TEST(Course, AReportIsNotSentAgainBecauseTheIdleConnectionWasClosed) {
  auto c = begun(report, true);
  c.sent_whole(start);
  EXPECT_EQ(c.unanswered(silence::closed, {}, start, granted), move::give_up);
}

TEST(Course, AConnectionThatBreaksAfterTheFirstBytesWasNotStale) {
  auto c = begun(file, true);
  c.sent_whole(start);
  c.heard(start);
  EXPECT_EQ(c.unanswered(silence::closed, {}, start, granted), move::next_master);
}

TEST(Course, ASigningRequestGoesToTheSameCaOnceMore) {
  auto c = begun(request_of_certificate);
  c.sent_whole(start);
  EXPECT_EQ(c.unanswered(silence::closed, {}, start, granted), move::same_master);
  c.begin_attempt(false, start);
  c.sent_whole(start);
  EXPECT_EQ(c.unanswered(silence::closed, {}, start, granted), move::give_up);
}

TEST(Course, ASigningRequestThatTheCaIsSlowWithIsNotRepeated) {
  auto c = begun(request_of_certificate);
  c.sent_whole(start);
  EXPECT_EQ(c.unanswered(silence::late, {}, start, granted), move::give_up);
}

TEST(Course, TheFirstRepetitionNeedsNoGrantAndFurtherOnesDo) {
  auto c = begun(file);
  c.sent_whole(start);
  EXPECT_EQ(c.unanswered(silence::closed, {}, start, denied), move::next_master);
  c.begin_attempt(false, start);
  c.sent_whole(start);
  EXPECT_EQ(c.unanswered(silence::closed, {}, start, denied), move::give_up);
}

TEST(Course, WithoutABudgetTheLastAnswerIsDelivered) {
  auto c = begun(file);
  c.sent_whole(start);
  EXPECT_EQ(c.failed(mishap::server_error, {}, start, granted), move::next_master);
  c.begin_attempt(false, start);
  c.sent_whole(start);
  EXPECT_EQ(c.failed(mishap::server_error, {}, start, denied), move::deliver);
}

TEST(Course, WhatNeverReachedAMasterIsNotCharged) {
  auto c = begun(file);
  for (int i = 0; i < 5; ++i) {
    c.begin_attempt(false, start);
    EXPECT_EQ(c.unanswered(silence::refused, {}, start, denied), move::next_master) << i;
  }
}

TEST(Course, AfterTheDeadlineNobodyElseIsAsked) {
  auto c = begun(file);
  c.sent_whole(start);
  EXPECT_EQ(c.unanswered(silence::closed, {}, start + 600s, granted), move::give_up);
  EXPECT_EQ(c.failed(mishap::saturated, {}, start + 600s, granted), move::deliver);
}

TEST(Course, WhoHasNoOtherMasterKeepsTheAnswerItHas) {
  auto c = begun(file);
  c.sent_whole(start);
  EXPECT_EQ(c.failed(mishap::server_error, {.another = false}, start, granted), move::deliver);
}

TEST(Course, A404IsAskedOfTheCatalogsMasterEvenIfNoOtherIsLeft) {
  auto c = begun(file);
  c.sent_whole(start);
  EXPECT_EQ(c.failed(mishap::not_found, {.another = false, .catalog_from_another = true}, start, granted),
            move::ask_catalog_master);
}

TEST(Course, ACatalogsMasterThatFailsAfterA404MeansAskingTheOthers) {
  auto c = begun(file);
  c.sent_whole(start);
  EXPECT_EQ(c.failed(mishap::not_found, {.catalog_from_another = true}, start, granted), move::ask_catalog_master);
  c.begin_attempt(false, start);
  c.sent_whole(start);
  EXPECT_EQ(c.failed(mishap::server_error, {.holds_not_found = true}, start, granted), move::next_master);
  c.begin_attempt(false, start);
  c.sent_whole(start);
  EXPECT_EQ(c.failed(mishap::not_found, {.catalog_unheard = true, .holds_not_found = true}, start, granted),
            move::next_master);
  c.begin_attempt(false, start);
  c.sent_whole(start);
  EXPECT_EQ(
      c.failed(mishap::not_found, {.another = false, .catalog_unheard = true, .holds_not_found = true}, start, granted),
      move::deliver);
}

TEST(Course, A404IsABetterAnswerThanTheTroubleOfAMasterAskedLater) {
  auto c = begun(file);
  c.sent_whole(start);
  EXPECT_EQ(c.failed(mishap::server_error, {.another = false, .holds_not_found = true}, start, granted), move::give_up);
  EXPECT_EQ(c.failed(mishap::not_found, {.another = false, .holds_not_found = true}, start, granted), move::deliver);
}

TEST(Course, OnlyWhatCanBeSentAgainGoesOutOnAConnectionThatWasIdle) {
  EXPECT_TRUE(course(file, {}, start).may_reuse(true));
  EXPECT_FALSE(course(file, {}, start).may_reuse(false)) << "its body is too large to be kept";
  EXPECT_FALSE(course(report, {}, start).may_reuse(true));
  EXPECT_FALSE(course(request_of_certificate, {}, start).may_reuse(true));
}

TEST(Course, AnOverdueAnswerMeansAskingTheMasterHowItIs) {
  auto c = begun(file);
  c.sent_whole(start + 1s);
  const auto wait = c.wait(200ms, {});
  EXPECT_TRUE(wait.ask_status);
  EXPECT_EQ(wait.until, start + 1s + 200ms);
}

TEST(Course, AMasterThatLivesIsWaitedForUntilItsTimeIsOver) {
  auto c = begun(file, false, {.first_byte = 10s});
  c.sent_whole(start);
  c.lives();
  EXPECT_EQ(c.asked(), 1U);
  const auto wait = c.wait(30s, {});
  EXPECT_FALSE(wait.ask_status);
  EXPECT_EQ(wait.until, start + 10s);
}

TEST(Course, AMasterThatSaysItLivesHasHalfOfTheTimeThatIsLeftWhileAnotherIsKnown) {
  const bunraku::course_limits limits{.first_byte = 600s, .deadline = 600s};
  auto c = begun(catalog, false, limits);
  c.sent_whole(start + 100s);
  EXPECT_EQ(c.wait(700s, {}).until, start + 350s);
  EXPECT_FALSE(c.wait(700s, {}).ask_status);
  EXPECT_EQ(c.unanswered(silence::late, {}, start + 350s, granted), move::next_master);
  c.begin_attempt(false, start + 350s);
  c.sent_whole(start + 350s);
  EXPECT_EQ(c.wait(700s, {}).until, start + 475s);
  EXPECT_EQ(c.wait(700s, {.another_known = false}).until, start + 600s) << "a further source may know one, or none";
  EXPECT_EQ(c.wait(700s, {.another = false, .another_known = false}).until, start + 600s);
  EXPECT_EQ(c.wait(700s, {.replayable = false}).until, start + 600s) << "it cannot go there";
}

TEST(Course, AnAnswerThatBeganHasNoPartOfTheDeadline) {
  auto c = begun(file, false, {.progress = 30s, .deadline = 20s});
  c.sent_whole(start);
  c.heard(start);
  EXPECT_EQ(c.wait(1s, {.answer_begun = true, .provable = true}).until, start + 2s);
  for (int i = 0; i < 10; ++i) c.lives();
  EXPECT_EQ(c.wait(1s, {.answer_begun = true, .provable = true}).until, start + 30s);
}

TEST(Course, NobodyIsAskedHowItIsForARequestThatCannotGoElsewhere) {
  auto c = begun(report);
  c.sent_whole(start);
  EXPECT_FALSE(c.wait(200ms, {}).ask_status);
  auto alone = begun(file);
  alone.sent_whole(start);
  EXPECT_FALSE(alone.wait(200ms, {.another = false}).ask_status);
  EXPECT_FALSE(alone.wait(200ms, {.replayable = false}).ask_status);
}

TEST(Course, AMasterThatTakesNoMoreOfTheRequestIsAskedToo) {
  auto c = begun(report);
  c.progressed(start + 5s);
  const auto wait = c.wait(200ms, {});
  EXPECT_TRUE(wait.ask_status) << "it is not whole, so nobody has processed it";
  EXPECT_EQ(wait.until, start + 7s);
  c.lives();
  EXPECT_EQ(c.wait(200ms, {}).until, start + 9s) << "twice as long";
  c.progressed(start + 8s);
  EXPECT_EQ(c.wait(200ms, {}).until, start + 10s) << "it takes more, so all is as before";
}

TEST(Course, EachAttemptHasTimeOfItsOwn) {
  auto c = begun(file, false, {.progress = 30s});
  c.sent_whole(start);
  c.heard(start);
  for (int i = 0; i < 3; ++i) c.lives();
  c.begin_attempt(false, start + 100s);
  EXPECT_FALSE(c.has_sent_whole());
  EXPECT_FALSE(c.has_heard());
  EXPECT_EQ(c.asked(), 0U);
  EXPECT_EQ(c.wait(200ms, {}).until, start + 102s);
  EXPECT_EQ(c.wait(200ms, {.another = false}).until, start + 130s);
}

TEST(Course, TheWaitEndsWithTheExchangesDeadline) {
  auto c = begun(report, false, {.first_byte = 60s, .deadline = 5s});
  c.sent_whole(start + 2s);
  EXPECT_EQ(c.wait(200ms, {}).until, start + 5s);
}

TEST(Course, AnAnswerThatBeganIsOnlyContinuedWhereItCanBeProven) {
  auto c = begun(file);
  c.sent_whole(start);
  c.heard(start);
  EXPECT_EQ(c.failed(mishap::broken_answer, {.answer_begun = true}, start, granted), move::cut);
  EXPECT_EQ(c.failed(mishap::broken_answer, {.answer_begun = true, .provable = true}, start, granted),
            move::next_master);
}

TEST(Course, AnAnswerThatBrokeOffBeforeTheClientHadAnyOfItIsGivenUpWhereNobodyElseIs) {
  auto c = begun(file);
  c.sent_whole(start);
  c.heard(start);
  EXPECT_EQ(c.failed(mishap::broken_answer, {.another = false}, start, granted), move::give_up);
}

TEST(Course, TheDeadlineIsForTheAnswersHeadOnly) {
  auto c = begun(file);
  c.sent_whole(start);
  c.heard(start + 590s);
  const auto wait = c.wait(200ms, {.answer_begun = true});
  EXPECT_EQ(wait.until, start + 590s + 30s);
  EXPECT_EQ(c.failed(mishap::broken_answer, {.answer_begun = true, .provable = true}, start + 900s, granted),
            move::next_master);
}

TEST(Course, WaitsForTheFirstMasterThatWillHaveRoom) {
  auto c = begun(catalog);
  EXPECT_FALSE(c.may_wait_for_room({})) << "none said that it is full";
  c.full(30s, start);
  c.full(7s, start + 1s);
  c.full(90s, start + 2s);
  EXPECT_EQ(c.room_at(), start + 8s);
  EXPECT_TRUE(c.may_wait_for_room({}));
}

TEST(Course, DoesNotAskAFullMasterAgainAtOnce) {
  auto c = begun(catalog);
  c.full(0s, start);
  EXPECT_EQ(c.room_at(), start + 1s);
}

TEST(Course, AsksMastersThatStayFullLessAndLessOften) {
  auto c = begun(catalog);
  for (const auto least : {1s, 2s, 4s, 8s, 16s, 32s, 64s, 64s}) {
    c.full(0s, start);
    EXPECT_EQ(c.room_at(), start + least);
    c.begin_anew();
  }
  c.full(90s, start);
  EXPECT_EQ(c.room_at(), start + 90s) << "the master knows best";
}

TEST(Course, DoesNotWaitForRoomBeyondItsDeadline) {
  auto c = begun(catalog, false, {.deadline = 60s});
  c.full(60s, start);
  EXPECT_FALSE(c.may_wait_for_room({}));
  c.full(59s, start);
  EXPECT_TRUE(c.may_wait_for_room({}));
}

TEST(Course, WaitsForRoomOnlyWithWhatCanBeSentAgain) {
  auto c = begun(catalog);
  c.full(1s, start);
  EXPECT_FALSE(c.may_wait_for_room({.replayable = false}));
  EXPECT_FALSE(c.may_wait_for_room({.answer_begun = true}));
  EXPECT_FALSE(c.may_wait_for_room({.holds_not_found = true})) << "somebody answered";
  auto admin = begun(find_endpoint("PUT", "/puppet-ca/v1/clean"));
  admin.full(1s, start);
  EXPECT_FALSE(admin.may_wait_for_room({})) << "never repeated";
}

TEST(Course, ASigningRequestWaitsForItsCaAndAReportForAnyMaster) {
  for (const auto* row : {&request_of_certificate, &report}) {
    auto c = begun(*row);
    c.full(1s, start);
    EXPECT_TRUE(c.may_wait_for_room({})) << row->name;
  }
}

TEST(Course, AReportThatAnotherMasterMayHaveStoredDoesNotWaitForTheFullOne) {
  for (const auto how : {silence::closed, silence::late, silence::unreadable}) {
    auto c = begun(report);
    c.full(1s, start);
    c.begin_attempt(false, start);
    c.sent_whole(start);
    EXPECT_EQ(c.unanswered(how, {.another = false}, start, granted), move::give_up);
    EXPECT_EQ(c.room_at(), std::nullopt);
    EXPECT_FALSE(c.may_wait_for_room({}));
  }
  auto c = begun(report);
  c.full(1s, start);
  EXPECT_EQ(c.failed(mishap::server_error, {.another = false}, start, granted), move::deliver);
  EXPECT_EQ(c.room_at(), std::nullopt);
}

TEST(Course, AFileThatAnotherMasterFailedToServeWaitsForTheFullOne) {
  auto c = begun(file);
  c.full(1s, start);
  EXPECT_EQ(c.unanswered(silence::closed, {}, start, granted), move::next_master);
  c.begin_attempt(false, start);
  EXPECT_EQ(c.failed(mishap::server_error, {.another = false}, start, granted), move::deliver);
  EXPECT_TRUE(c.may_wait_for_room({}));
}

TEST(Course, AskingAnotherMasterAfterAFullOneIsFree) {
  auto c = begun(catalog);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(c.failed(mishap::saturated, {}, start, denied), move::next_master);
}

TEST(Course, BeginsAnewWithAllRepetitions) {
  auto c = begun(catalog);
  EXPECT_EQ(c.failed(mishap::server_error, {}, start, denied), move::next_master) << "the first is free";
  c.full(1s, start);
  EXPECT_EQ(c.failed(mishap::server_error, {}, start, denied), move::deliver);
  c.begin_anew();
  EXPECT_EQ(c.room_at(), std::nullopt);
  EXPECT_EQ(c.failed(mishap::server_error, {}, start + 1s, denied), move::next_master);
}

}  // namespace
