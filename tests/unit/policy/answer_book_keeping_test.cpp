// What is kept for the next process, and what a lie does to it.
#include "unit/policy/answer_book_fixture.hpp"

namespace bunraku::policy::one_book {
namespace {

TEST_F(AnswerBook, WhatComesFromDiskIsAskedForAndServesWhenDnsIsSilent) {
  book.restore(srv, one, now - 3h, now);
  expect(action::ask, dns_standing::stale, one);
  EXPECT_TRUE(decide().from_disk);
  const auto said = learn(failure(silence));
  EXPECT_EQ(said.outcome, one);
  EXPECT_TRUE(said.from_disk);
  EXPECT_EQ(said.learned, start - 3h);
  EXPECT_FALSE(learn(two).from_disk);
  EXPECT_FALSE(decide().from_disk);
}

TEST_F(AnswerBook, DiskNeverOverrulesDnsNorComesFromTheFuture) {
  learn(one);
  book.restore(srv, two, now + 3h, now);
  EXPECT_EQ(decide().outcome, one);
  book.restore(other, two, now + 3h, now);
  EXPECT_EQ(decide(other).learned, now);
}

TEST_F(AnswerBook, WhatIsTooOldOnDiskDoesNotServe) {
  book.restore(srv, one, now - 8 * 24h, now);
  expect(action::ask, dns_standing::failed, nullptr);
  EXPECT_FALSE(learn(failure(refusal)).from_disk);
  EXPECT_FALSE(decide().from_disk);
  EXPECT_TRUE(book.worth_keeping(now).empty());
}

TEST_F(AnswerBook, AnswersAreWorthKeepingAndFailuresAreNot) {
  learn(one);
  learn(failure(silence), other);
  const auto kept = book.worth_keeping(now);
  ASSERT_EQ(kept.size(), 1u);
  EXPECT_EQ(kept.front().question, srv);
  EXPECT_EQ(kept.front().learned, now);
}

TEST_F(AnswerBook, ALieIsServedWithinItsTtlAndIsNothingAfterIt) {
  const auto lie = lie_of("two.example.com");
  const auto until = learn(lie).until;
  now = until - 1ms;
  expect(action::serve, dns_standing::fresh, lie);
  EXPECT_TRUE(book.worth_keeping(now).empty());
  now = until;
  expect(action::ask, dns_standing::failed, nullptr);
  const auto failed = failure(silence);
  EXPECT_EQ(learn(failed).outcome, failed);
  expect(action::serve, dns_standing::failed, failed);
}

TEST_F(AnswerBook, WhatDnsSaidBeforeALieComesBackAfterIt) {
  learn(one);
  now += 10min;
  now = learn(lie_of("two.example.com")).until;
  const auto said = learn(failure(silence));
  EXPECT_EQ(said.outcome, one);
  EXPECT_EQ(said.standing, dns_standing::stale);
  EXPECT_EQ(said.learned, start);
}

TEST_F(AnswerBook, WhatDnsSaidBeforeLiesIsWhatIsWorthKeeping) {
  learn(one);
  now += 10min;
  learn(lie_of("two.example.com"));
  now += 10min;
  learn(lie_of("three.example.com"));
  const auto kept = book.worth_keeping(now);
  ASSERT_EQ(kept.size(), 1u);
  EXPECT_EQ(kept.front().outcome, one);
  EXPECT_EQ(kept.front().learned, start);
  EXPECT_EQ(decide().outcome->answer.srv.front().target, "three.example.com") << "it is served all the same";
  now += 8 * 24h;
  EXPECT_TRUE(book.worth_keeping(now).empty()) << "it is too old by now";
}

TEST_F(AnswerBook, WhatDnsSaysAfterALieReplacesIt) {
  learn(one);
  now += 10min;
  now = learn(lie_of("two.example.com")).until;
  const auto truth = records("three.example.com");
  learn(truth);
  expect(action::serve, dns_standing::fresh, truth);
  ASSERT_EQ(book.worth_keeping(now).size(), 1u);
  EXPECT_EQ(book.worth_keeping(now).front().outcome, truth);
}

TEST_F(AnswerBook, OnlyOtherRecordsAreAChange) {
  learn(one);
  EXPECT_EQ(book.changes(), 1u);
  now += 1min;
  learn(records("one.example.com", 5s));
  learn(failure(silence));
  EXPECT_EQ(book.changes(), 1u);
  learn(two);
  EXPECT_EQ(book.changes(), 2u);
}

TEST_F(AnswerBook, TheOrderOfRecordsIsNoChange) {
  dns_outcome there, back;
  there.answer.state = back.answer.state = status::found;
  there.answer.srv = {{1, 1, 1, "a"}, {2, 2, 2, "b"}};
  back.answer.srv = {{2, 2, 2, "b"}, {1, 1, 1, "a"}};
  EXPECT_TRUE(same_content(there, back));
  back.answer.srv.front().weight = 3;
  EXPECT_FALSE(same_content(there, back));
}

}  // namespace
}  // namespace bunraku::policy::one_book
