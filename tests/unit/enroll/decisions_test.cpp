#include "enroll/decisions.hpp"

#include <gmock/gmock.h>

#include <string>
#include <utility>

namespace {

using namespace shim::enroll;
using std::chrono::seconds;
using testing::Eq;
using testing::Optional;

TEST(NextStep, GoesThroughPuppetsOwnOrderFromNothing) {
  progress have;
  EXPECT_EQ(next_step(have), step::fetch_ca);
  have.ca = true;
  EXPECT_EQ(next_step(have), step::fetch_crls);
  have.crls = true;
  EXPECT_EQ(next_step(have), step::make_key);
  have.key = true;
  EXPECT_EQ(next_step(have), step::submit_request);
  have.submitted = have.request = true;
  EXPECT_EQ(next_step(have), step::fetch_certificate);
  have.certificate = true;
  EXPECT_EQ(next_step(have), step::remove_request);
  have.request = false;
  EXPECT_EQ(next_step(have), step::done);
}

TEST(NextStep, NothingThatIsThereIsMadeAgain) {
  for (unsigned bits = 0; bits < 128; ++bits) {
    const auto is = [&](unsigned bit) { return (bits >> bit & 1) != 0; };
    const progress have{is(0), is(1), is(2), is(3), is(4), is(5), is(6)};
    const step next = next_step(have);
    EXPECT_FALSE(have.ca && next == step::fetch_ca) << bits;
    EXPECT_FALSE((have.crls || !have.wants_crls) && next == step::fetch_crls) << bits;
    EXPECT_FALSE((have.key || have.certificate) && next == step::make_key) << bits;
    EXPECT_FALSE(have.certificate && (next == step::submit_request || next == step::fetch_certificate)) << bits;
    EXPECT_EQ(next == step::key_is_lost, have.certificate && !have.key) << bits;
    const bool all = have.ca && (have.crls || !have.wants_crls) && have.key && have.certificate && !have.request;
    EXPECT_EQ(next == step::done, all) << bits;
  }
}

TEST(NextStep, ARequestOfAnEarlierProcessIsSentAgain) {
  progress have{.ca = true, .crls = true, .key = true, .request = true};
  EXPECT_EQ(next_step(have), step::submit_request);
}

TEST(Submission, OnlyPuppetserversThree400sMeanGoOn) {
  EXPECT_EQ(judge_submission(200, ""), submission::accepted);
  EXPECT_EQ(judge_submission(400, "a already has a requested certificate; ignoring certificate request"),
            submission::requested);
  EXPECT_EQ(judge_submission(400, "a already has a signed certificate; ignoring certificate request"),
            submission::signed_already);
  EXPECT_EQ(judge_submission(400, "a already has a revoked certificate; ignoring certificate request"),
            submission::revoked_already);
  EXPECT_EQ(judge_submission(400, "CSR 'a' contains subject alternative names"), submission::refused);
  EXPECT_EQ(judge_submission(400, ""), submission::refused);
}

TEST(Submission, OtherStatuses) {
  EXPECT_EQ(judge_submission(404, "already has a requested certificate"), submission::no_ca);
  EXPECT_EQ(judge_submission(405, ""), submission::no_ca);
  EXPECT_EQ(judge_submission(403, "Forbidden"), submission::refused);
  EXPECT_EQ(judge_submission(301, ""), submission::refused);
  for (const int status : {429, 500, 502, 503}) EXPECT_EQ(judge_submission(status, ""), submission::busy);
}

TEST(Fingerprint, IsReadInEveryUsualForm) {
  std::string digits, colons;
  for (int i = 0; i < 32; ++i) {
    digits += "aB";
    colons += i == 0 ? "AB" : ":AB";
  }
  for (const std::string& text : {digits, colons, "SHA256:" + digits, "sha256:" + colons, "SHA-256:" + colons})
    EXPECT_THAT(read_fingerprint(text), Optional(Eq(colons))) << text;
  for (const std::string& text : {std::string(), std::string("SHA256:"), digits.substr(1), digits + "0",
                                  "SHA1:" + digits, "SHA512:" + digits, digits.substr(2) + "zz", " " + digits})
    EXPECT_EQ(read_fingerprint(text), std::nullopt) << text;
}

TEST(Pause, IsAQuarterMoreOrLess) {
  std::chrono::milliseconds least = seconds(1000), most(0);
  for (std::uint64_t chance = 0; chance < 200'000; chance += 7) {
    const auto pause = pause_before_next({seconds(120), {}}, seconds(1'000'000), chance).value();
    least = std::min(least, pause);
    most = std::max(most, pause);
  }
  EXPECT_GE(least, seconds(90));
  EXPECT_LT(least, seconds(91));
  EXPECT_LT(most, seconds(150));
  EXPECT_GT(most, seconds(149));
  EXPECT_GT(pause_before_next({seconds(1), {}}, seconds(0), ~std::uint64_t{0}), seconds(0));
}

TEST(Pause, ThereIsNoneWithoutAnIntervalOrAfterItsLimit) {
  EXPECT_EQ(pause_before_next({seconds(0), {}}, seconds(0), 5), std::nullopt);
  EXPECT_EQ(pause_before_next({seconds(0), seconds(60)}, seconds(0), 5), std::nullopt);
  EXPECT_EQ(pause_before_next({seconds(10), seconds(0)}, seconds(0), 5), std::nullopt);
  EXPECT_EQ(pause_before_next({seconds(10), seconds(60)}, seconds(60), 5), std::nullopt);
}

TEST(Pause, TheLastTryIsWhenTheLimitIsOver) {
  EXPECT_EQ(pause_before_next({seconds(10), seconds(60)}, seconds(59), 5), seconds(1));
  EXPECT_EQ(pause_before_next({seconds(120), seconds(60)}, seconds(0), 5), seconds(60));
}

TEST(Duration, IsPuppets) {
  const std::pair<const char*, int> good[] = {{"0", 0},     {"90", 90},    {"90s", 90},     {"2m", 120},
                                              {"1h", 3600}, {"1d", 86400}, {"1y", 31536000}};
  for (const auto& [text, count] : good) EXPECT_THAT(read_duration(text), Optional(Eq(seconds(count)))) << text;
  for (const auto* bad : {"", "m", "1 m", "-1", "+1", "1.5m", "1ms", "unlimited", "101y", "9999999999999999999s"})
    EXPECT_EQ(read_duration(bad), std::nullopt) << bad;
}

// As Puppet's pidlock.rb: procname =~ /ruby/ && args =~ /puppet/ || procname =~ /puppet(-.*)?$/
TEST(Lock, IsHeldByWhatPuppetTakesForPuppet) {
  EXPECT_TRUE(holds_lock_for_puppet("ruby", "/usr/bin/ruby /usr/bin/puppet agent"));
  EXPECT_TRUE(holds_lock_for_puppet("puppet", "puppet agent: applying"));
  EXPECT_TRUE(holds_lock_for_puppet("puppet-agent", ""));
  EXPECT_TRUE(holds_lock_for_puppet("bunraku-puppet", "bunraku enroll"));
  EXPECT_FALSE(holds_lock_for_puppet("ruby", "irb"));
  EXPECT_FALSE(holds_lock_for_puppet("bunraku", "bunraku enroll --puppet-conf /etc/puppet/puppet.conf"));
  EXPECT_FALSE(holds_lock_for_puppet("puppetserver", "java puppet"));
  EXPECT_FALSE(holds_lock_for_puppet("", ""));
}

TEST(BeginningOf, IsOneShortPrintableLine) {
  EXPECT_EQ(beginning_of("<html>\n  <body>\x1b[31m no\r\n"), "<html> <body>?[31m no");
  EXPECT_EQ(beginning_of(std::string(1000, 'x')), std::string(100, 'x') + "...");
  EXPECT_EQ(beginning_of(""), "");
}

}  // namespace
