#include "unit/policy/answer_book_fixture.hpp"

namespace bunraku::policy::one_book {
namespace {

TEST_F(AnswerBook, WhatIsNotKnownIsAskedAndWaitedFor) { expect(action::ask, dns_standing::failed, nullptr); }

TEST_F(AnswerBook, AnAnswerIsServedWithinItsTtlAndThenAskedFor) {
  const auto said = learn(one);
  EXPECT_EQ(said.outcome, one);
  EXPECT_EQ(said.standing, dns_standing::fresh);
  now = said.until - 1ms;
  expect(action::serve, dns_standing::fresh, one);
  now = said.until;
  expect(action::ask, dns_standing::stale, one);
  EXPECT_EQ(decide().learned, start);
}

TEST_F(AnswerBook, HostsThatAskTogetherDoNotGoOnAskingTogether) {
  auto least = time_point::max(), most = time_point::min();
  for (int i = 0; i < 200; ++i) {
    const auto until = learn(one).until;
    least = std::min(least, until);
    most = std::max(most, until);
  }
  EXPECT_GE(least, start + 54s);
  EXPECT_LE(most, start + 60s);
  EXPECT_GT(most - least, 4s);
}

TEST_F(AnswerBook, ATtlOfZeroIsKeptForTheFloorAndABitMore) {
  auto most = time_point::min();
  for (int i = 0; i < 200; ++i) {
    const auto until = learn(records("one.example.com", 0s)).until;
    EXPECT_GE(until, start + 5s);
    EXPECT_LE(until, start + 7500ms);
    most = std::max(most, until);
  }
  EXPECT_GT(most, start + 6s);
}

TEST_F(AnswerBook, TheLongestTtlIsCutAndNothingOverflows) {
  const auto until = learn(records("one.example.com", std::chrono::seconds(0x7fffffff))).until;
  EXPECT_LE(until, start + 24h);
  EXPECT_GE(until, start + 21h);
}

TEST_F(AnswerBook, AFailureWithNothingBetterIsServedAndThenAskedAgain) {
  const auto failed = failure(refusal);
  const auto said = learn(failed);
  EXPECT_EQ(said.outcome, failed);
  EXPECT_EQ(said.standing, dns_standing::failed);
  EXPECT_GE(said.until, start + 30s);
  EXPECT_LE(said.until, start + 37500ms);
  expect(action::serve, dns_standing::failed, failed);
  now = said.until;
  expect(action::ask, dns_standing::failed, nullptr);
}

TEST_F(AnswerBook, ACancelledQuestionTeachesNothing) {
  EXPECT_EQ(learn(failure(dns_outcome::failure::cancelled)).outcome->failed, dns_outcome::failure::cancelled);
  EXPECT_EQ(book.size(), 0u);
}

TEST_F(AnswerBook, WhenDnsFailsTheLastAnswerServes) {
  learn(one);
  now += 10min;
  expect(action::ask, dns_standing::stale, one);
  const auto failed = failure(refusal);
  const auto said = learn(failed);
  EXPECT_EQ(said.outcome, one);
  EXPECT_EQ(said.standing, dns_standing::stale);
  EXPECT_EQ(said.trouble, failed);
  EXPECT_EQ(said.learned, start);
  expect(action::serve, dns_standing::stale, one);
}

TEST_F(AnswerBook, WhileDnsFailsItIsAskedOnceInAWhileAndNobodyWaits) {
  learn(one);
  now += 10min;
  int asked = 0;
  const auto begun = now;
  learn(failure(silence));
  for (; now < begun + 1h; now += 1s) {
    const auto decided = decide();
    ASSERT_EQ(decided.outcome, one);
    ASSERT_NE(decided.what, action::ask);
    if (decided.what != action::serve_and_ask) continue;
    ++asked;
    learn(failure(silence));
  }
  EXPECT_LE(asked, 120);
  EXPECT_GE(asked, 90);
}

TEST_F(AnswerBook, WhoseLastQuestionWasRefusedDoesNotWaitForTheNext) {
  learn(one);
  now += 10min;
  learn(failure(refusal));
  now += 45s;
  expect(action::serve_and_ask, dns_standing::stale, one);
  now += 15s;
  expect(action::ask, dns_standing::stale, one);
}

TEST_F(AnswerBook, AfterAPauseTheNextOneGivesDnsOneTryAgain) {
  learn(one);
  now += 10min;
  learn(failure(silence));
  now += 30min;
  expect(action::ask, dns_standing::stale, one);
}

TEST_F(AnswerBook, WhatDnsSaysAgainIsFreshAtOnce) {
  learn(one);
  now += 10min;
  learn(failure(silence));
  now += 40s;
  EXPECT_EQ(learn(two).outcome, two);
  expect(action::serve, dns_standing::fresh, two);
}

TEST_F(AnswerBook, AStaleAnswerServesUntilItIsTooOld) {
  learn(one);
  now = start + 7 * 24h - 1s;
  EXPECT_EQ(learn(failure(refusal)).until, start + 7 * 24h);
  EXPECT_EQ(decide().until, start + 7 * 24h);
  now = start + 7 * 24h;
  EXPECT_EQ(decide().standing, dns_standing::failed);
  now += 10min;
  expect(action::ask, dns_standing::failed, nullptr);
}

TEST_F(AnswerBook, WithoutStaleAnswersAFailureIsWhatItIs) {
  rules.stale_for = 0s;
  book.replace(rules);
  learn(one);
  now += 61s;
  expect(action::ask, dns_standing::failed, nullptr);
  EXPECT_EQ(learn(failure(refusal)).standing, dns_standing::failed);
}

TEST_F(AnswerBook, SilenceAboutOneNameSparesTheOthersTheWait) {
  learn(one);
  learn(two, other);
  now += 10min;
  book.waited_in_vain(now);
  EXPECT_EQ(decide(other).what, action::serve_and_ask);
  EXPECT_EQ(decide(other).outcome, two);
  learn(failure(refusal));  // somebody answered, if only SERVFAIL
  EXPECT_EQ(decide(other).what, action::ask);
}

TEST_F(AnswerBook, AQuestionThatEndsInSilenceSparesTheOthersTheWaitToo) {
  learn(one);
  now += 10min;
  learn(failure(silence), other);
  expect(action::serve_and_ask, dns_standing::stale, one);
}

TEST_F(AnswerBook, SilenceAboutIPv6AloneIsNoSilenceOfDns) {
  learn(one);
  now += 10min;
  learn(failure(silence), {"one.example.com", dns_type::aaaa});
  EXPECT_EQ(decide().what, action::ask);
  learn(failure(silence), {"one.example.com", dns_type::a});
  EXPECT_EQ(decide().what, action::serve_and_ask);
  learn(failure(silence), {"one.example.com", dns_type::aaaa});
  EXPECT_EQ(decide().what, action::serve_and_ask) << "nor is it a sign of life";
}

TEST_F(AnswerBook, ThatThisHostCouldNotAskIsNoSignOfLifeOfDns) {
  learn(one);
  now += 10min;
  learn(failure(silence), other);
  learn(failure(dns_outcome::failure::no_socket), other);
  EXPECT_EQ(decide().what, action::serve_and_ask);
}

TEST_F(AnswerBook, ThatThisHostCouldNotAskIsNoSilenceOfDns) {
  learn(one);
  now += 10min;
  learn(failure(dns_outcome::failure::no_socket), other);
  EXPECT_EQ(decide().what, action::ask);
}

TEST_F(AnswerBook, WhatWasNeverAnsweredIsWaitedForEvenWhenDnsIsSilent) {
  book.waited_in_vain(now);
  expect(action::ask, dns_standing::failed, nullptr);
}

TEST_F(AnswerBook, NoSuchRecordServesStaleToo) {
  const auto none = answer(status::no_such_name);
  learn(none);
  now += 10min;
  EXPECT_EQ(learn(failure(silence)).outcome, none);
}

TEST_F(AnswerBook, AnAnswerWithoutAUsableRecordIsAFailure) {
  learn(one);
  now += 10min;
  EXPECT_EQ(learn(answer(status::unusable)).outcome, one);
}

TEST_F(AnswerBook, RecordsThatAreGoneServeUntilThatWasSaidTwiceAnHourApart) {
  learn(one);
  const auto none = answer(status::no_such_name);
  const auto began = now += 2min;
  auto said = learn(none);
  while (now < began + 1h) {
    ASSERT_EQ(said.outcome, one);
    ASSERT_EQ(said.standing, dns_standing::vanished);
    ASSERT_EQ(said.trouble, none);
    ASSERT_LE(said.until, now + 45s);
    now = said.until;
    ASSERT_EQ(decide().what, action::ask);
    said = learn(none);
  }
  EXPECT_EQ(said.outcome, none);
  EXPECT_EQ(said.standing, dns_standing::fresh);
  EXPECT_LT(now, began + 1h + 45s);
}

TEST_F(AnswerBook, WhatNeverHadARecordIsBelievedEachTime) {
  learn(answer(status::no_such_name));
  now += 2min;
  const auto none = answer(status::no_data);
  EXPECT_EQ(learn(none).standing, dns_standing::fresh);
  expect(action::serve, dns_standing::fresh, none);
}

TEST_F(AnswerBook, WithoutStaleAnswersRecordsThatAreGoneServeTheirHourToo) {
  rules.stale_for = 0s;
  book.replace(rules);
  learn(one);
  now += 2min;
  EXPECT_EQ(learn(answer(status::no_such_name)).outcome, one);
  now += 59min;
  expect(action::ask, dns_standing::vanished, one);
  const auto failed = failure(refusal);
  EXPECT_EQ(learn(failed).outcome, failed) << "only DNS's own word gives them the hour";
}

TEST_F(AnswerBook, RecordsThatAreGoneAreGoneAtOnceWhereTheyAreGivenNoTime) {
  rules.vanished_for = 0s;
  book.replace(rules);
  learn(one);
  now += 2min;
  const auto none = answer(status::no_data);
  EXPECT_EQ(learn(none).outcome, none);
}

TEST_F(AnswerBook, RecordsThatComeBackEndTheStory) {
  learn(one);
  now += 2min;
  learn(answer(status::no_data));
  now += 50min;
  learn(one);
  now += 20min;
  EXPECT_EQ(learn(answer(status::no_data)).outcome, one) << "the hour begins anew";
}

TEST_F(AnswerBook, OneDenialLongAgoIsNotEnough) {
  learn(one);
  now += 2min;
  learn(answer(status::no_data));
  now += 3h;
  EXPECT_EQ(decide().outcome, one);
  EXPECT_EQ(decide().what, action::ask);
  EXPECT_EQ(learn(failure(silence)).outcome, one);
  now += 1min;
  EXPECT_EQ(learn(answer(status::no_data)).outcome->answer.state, status::no_data);
}

TEST_F(AnswerBook, GoneRecordsWhoseMastersFailAreGone) {
  learn(one);
  now += 2min;
  const auto none = answer(status::no_such_name);
  learn(none);
  book.believe_vanished(srv);
  expect(action::serve, dns_standing::fresh, none);
}

TEST_F(AnswerBook, BelievingThatRecordsVanishedNeedsAWordOfDns) {
  learn(one);
  book.believe_vanished(srv);
  expect(action::serve, dns_standing::fresh, one);
  now += 2min;
  learn(failure(silence));
  book.believe_vanished(srv);
  book.believe_vanished(other);
  expect(action::serve, dns_standing::stale, one);
}

TEST_F(AnswerBook, WhatOtherNameServersHaveToSayFirstHasNotVanished) {
  learn(one);
  now += 2min;
  learn(answer(status::no_such_name));
  now += 2min;
  learn(failure(refusal));
  book.forget_failures();
  book.believe_vanished(srv);
  EXPECT_EQ(book.last(srv), one);
  EXPECT_EQ(decide().outcome, one);
}

TEST_F(AnswerBook, ADotIsBelievedAtOnce) {
  learn(one);
  now += 2min;
  const auto absent = answer(status::absent);
  EXPECT_EQ(learn(absent).outcome, absent);
  expect(action::serve, dns_standing::fresh, absent);
}

TEST_F(AnswerBook, ADoubtedAnswerIsAskedForAheadOfItsTime) {
  learn(records("one.example.com", 24h));
  now += 1min;
  EXPECT_EQ(decide().what, action::serve);
  book.doubt(srv);
  EXPECT_EQ(decide().what, action::ask);
  learn(two);
  expect(action::serve, dns_standing::fresh, two);
  now += 50s;
  expect(action::serve, dns_standing::fresh, two);  // nothing has failed since
}

TEST_F(AnswerBook, DoubtAsksOncePerInterval) {
  learn(records("one.example.com", 24h));
  int asked = 0;
  for (const auto end = now + 10min; now < end; now += 100ms) {
    book.doubt(srv);
    if (decide().what == action::serve) continue;
    ++asked;
    learn(records("one.example.com", 24h));
  }
  EXPECT_EQ(asked, 59);
}

TEST_F(AnswerBook, ADoubtSoonAfterTheAnswerWaitsForItsTime) {
  learn(records("one.example.com", 24h));
  now += 1s;
  book.doubt(srv);
  EXPECT_EQ(decide().what, action::serve);
  EXPECT_EQ(decide().until, start + 10s);
  now = start + 10s;
  EXPECT_EQ(decide().what, action::ask);
}

TEST_F(AnswerBook, ADoubtedAnswerStillServesWhenDnsFails) {
  rules.stale_for = 0s;
  book.replace(rules);
  const auto day = records("one.example.com", 24h);
  learn(day);
  now += 1min;
  book.doubt(srv);
  EXPECT_EQ(learn(failure(silence)).outcome, day);
  expect(action::serve, dns_standing::stale, day);
}

TEST_F(AnswerBook, AFailureIsAskedForAheadOfItsTimeWhenWhatWasUsedInsteadFailsToo) {
  learn(failure(refusal));
  now += 1s;
  book.doubt(srv);
  EXPECT_EQ(decide().what, action::serve);
  EXPECT_EQ(decide().until, start + 10s);
  now = start + 10s;
  expect(action::ask, dns_standing::failed, nullptr);
  EXPECT_GT(learn(failure(refusal)).until, now + 10s);  // nothing has failed since
}

TEST_F(AnswerBook, WhatIsServedForWantOfAnAnswerIsAskedForAheadOfItsTimeToo) {
  learn(one);
  now += 2min;
  learn(failure(silence));
  const auto asked = now;
  book.doubt(srv);
  expect(action::serve, dns_standing::stale, one);
  now = asked + 10s;
  expect(action::serve_and_ask, dns_standing::stale, one);
}

TEST_F(AnswerBook, DoubtOfWhatIsNotKnownIsNothing) {
  book.doubt(srv);
  EXPECT_EQ(book.size(), 0u);
}

TEST_F(AnswerBook, WhatWasSaidLastIsTheTroubleIfThereIsAny) {
  EXPECT_EQ(book.last(srv), nullptr);
  learn(one);
  EXPECT_EQ(book.last(srv), one);
  const auto failed = failure(refusal);
  learn(failed);
  EXPECT_EQ(book.last(srv), failed);
  EXPECT_EQ(book.last(other), nullptr);
}

TEST_F(AnswerBook, OnlookersSeeAnAnswerThatNobodyNeededSinceAsItWas) {
  EXPECT_EQ(book.look(srv, now), std::nullopt);
  for (const auto stale_for : {rules.stale_for, 0s}) {
    rules.stale_for = stale_for;
    book.replace(rules);
    const auto said = learn(one);
    now = said.until + 10min;
    const auto seen = book.look(srv, now);
    ASSERT_TRUE(seen);
    EXPECT_EQ(seen->outcome, one);
    EXPECT_EQ(seen->standing, dns_standing::fresh);
    EXPECT_EQ(seen->learned, said.learned);
    EXPECT_EQ(seen->until, rules.stale_for == 0s ? said.until : now) << "when it was, or would be, asked for again";
    EXPECT_FALSE(seen->from_disk);
  }
}

TEST_F(AnswerBook, OnlookersSeeWhatIsTooOldOnDisk) {
  book.restore(srv, one, now - 8 * 24h, now);
  const auto seen = book.look(srv, now);
  EXPECT_EQ(seen->outcome, one);
  EXPECT_EQ(seen->learned, start - 8 * 24h);
  EXPECT_TRUE(seen->from_disk);
}

TEST_F(AnswerBook, OnlookersSeeWhetherDnsFailedSince) {
  book.restore(srv, one, now - 1h, now);
  const auto failed = failure(silence);
  learn(failed);
  now += 10min;
  auto seen = book.look(srv, now);
  EXPECT_EQ(seen->outcome, one);
  EXPECT_EQ(seen->standing, dns_standing::stale);
  EXPECT_TRUE(seen->from_disk);
  now += 8 * 24h;
  seen = book.look(srv, now);
  EXPECT_EQ(seen->outcome, failed);
  EXPECT_EQ(seen->standing, dns_standing::failed);
  EXPECT_EQ(seen->learned, start);
  EXPECT_FALSE(seen->from_disk);
}

TEST_F(AnswerBook, OtherNameServersAreAskedAtOnce) {
  learn(one);
  learn(failure(silence), other);
  now += 2min;
  learn(failure(silence));
  book.forget_failures();
  expect(action::ask, dns_standing::stale, one);
  EXPECT_EQ(decide(other).what, action::ask);
}

TEST_F(AnswerBook, OtherNameServersAreAskedAboutEveryNameThatFailed) {
  const dns_question first{"a.example.com", dns_type::a}, last{"z.example.com", dns_type::a};
  for (const auto& question : {first, srv, last}) learn(one, question);
  now += 2min;
  learn(failure(silence), first);
  learn(two);
  learn(failure(silence), last);
  book.forget_failures();
  EXPECT_EQ(decide(first).what, action::ask);
  expect(action::serve, dns_standing::fresh, two);
  EXPECT_EQ(decide(last).what, action::ask);
}

TEST_F(AnswerBook, ThatRecordsAreGoneIsNoFailureToForget) {
  learn(one);
  now += 2min;
  learn(answer(status::no_such_name));
  book.forget_failures();
  expect(action::serve, dns_standing::vanished, one);
}

TEST_F(AnswerBook, WhoeverKeepsADecisionSeesWhenItMayHaveChanged) {
  auto before = book.revision();
  const auto changed = [&] { return book.revision() != std::exchange(before, book.revision()); };
  learn(one);
  EXPECT_TRUE(changed());
  learn(failure(dns_outcome::failure::cancelled));
  decide();
  EXPECT_FALSE(changed());
  book.doubt(srv);
  EXPECT_TRUE(changed());
  book.doubt(srv);
  book.doubt(other);
  EXPECT_FALSE(changed());
  learn(answer(status::no_such_name));
  EXPECT_TRUE(changed());
  book.believe_vanished(srv);
  EXPECT_TRUE(changed());
  book.believe_vanished(srv);
  EXPECT_FALSE(changed());
  book.restore(other, two, now, now);
  EXPECT_TRUE(changed());
  book.forget_failures();
  EXPECT_TRUE(changed());
  book.keep_only([](const dns_question&) { return false; });
  EXPECT_TRUE(changed());
}

TEST_F(AnswerBook, WhenFullTheLongestUnaskedGoes) {
  for (int i = 0; i < 9; ++i) {
    learn(one, {"name" + std::to_string(i), dns_type::a});
    now += 1s;
  }
  EXPECT_EQ(book.size(), 8u);
  EXPECT_EQ(decide({"name0", dns_type::a}).outcome, nullptr);
  EXPECT_EQ(decide({"name1", dns_type::a}).outcome, one);
}

TEST_F(AnswerBook, WhenFullNothingGoesForWhatIsKnownAlready) {
  const auto name = [](int i) { return dns_question{"name" + std::to_string(i), dns_type::a}; };
  for (int i = 0; i < 8; ++i) learn(one, name(i));
  now += 2min;
  learn(two, name(7));
  EXPECT_EQ(book.size(), 8u);
  for (int i = 0; i < 7; ++i) EXPECT_EQ(decide(name(i)).outcome, one) << i;
  EXPECT_EQ(decide(name(7)).outcome, two);
}

TEST_F(AnswerBook, KeepOnlyDropsTheRest) {
  learn(one);
  learn(two, other);
  book.keep_only([](const dns_question& question) { return question == other; });
  EXPECT_EQ(decide().outcome, nullptr);
  EXPECT_EQ(decide(other).outcome, two);
}

}  // namespace
}  // namespace bunraku::policy::one_book
