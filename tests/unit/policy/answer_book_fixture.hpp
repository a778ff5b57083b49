#pragma once
#include "policy/answer_book.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <utility>

/// One book, what DNS may say, and a clock.
namespace bunraku::policy::one_book {

using namespace std::chrono_literals;
using action = dns_decision::action;
using status = dns_answer::status;
using time_point = answer_book::time_point;

inline const dns_question srv{"_x-puppet._tcp.example.com", dns_type::srv};
inline const dns_question other{"puppet.example.com", dns_type::a};
constexpr time_point start{100000s};
constexpr auto silence = dns_outcome::failure::silence, refusal = dns_outcome::failure::refusal;

inline dns_outcome_ptr records(std::string target, std::chrono::seconds ttl = 60s) {
  dns_outcome outcome;
  outcome.answer.state = status::found;
  outcome.answer.srv.push_back({10, 50, 8140, std::move(target)});
  outcome.answer.ttl = ttl;
  return std::make_shared<dns_outcome>(std::move(outcome));
}
inline dns_outcome_ptr lie_of(std::string target) {
  auto lie = *records(std::move(target), 0s);
  lie.is_lie = true;
  return std::make_shared<dns_outcome>(std::move(lie));
}
inline dns_outcome_ptr answer(status state, std::chrono::seconds ttl = 60s) {
  dns_outcome outcome;
  outcome.answer.state = state;
  outcome.answer.ttl = ttl;
  return std::make_shared<dns_outcome>(std::move(outcome));
}
inline dns_outcome_ptr failure(dns_outcome::failure why) {
  return std::make_shared<dns_outcome>(dns_outcome{{}, why, "a story"});
}

class AnswerBook : public testing::Test {
 protected:
  dns_decision decide(const dns_question& question = srv) const { return book.decide(question, now); }
  dns_decision learn(dns_outcome_ptr outcome, const dns_question& question = srv) {
    return book.learn(question, std::move(outcome), now, chance);
  }
  void expect(action what, dns_standing standing, const dns_outcome_ptr& outcome) {
    const auto decided = decide();
    EXPECT_EQ(decided.what, what);
    EXPECT_EQ(decided.standing, standing);
    EXPECT_EQ(decided.outcome, outcome);
  }

  answer_rules rules{{5s, 86400s, 30s}, 7 * 24h, 1h, 10s};
  answer_book book{rules, 8};
  random chance{7};
  time_point now = start;
  const dns_outcome_ptr one = records("one.example.com"), two = records("two.example.com");
};

}  // namespace bunraku::policy::one_book
