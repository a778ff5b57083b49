#include "cli/print_status.hpp"

#include <boost/json.hpp>
#include <gmock/gmock.h>

#include <sstream>

using namespace shim::cli;
using testing::HasSubstr;
using testing::Not;

namespace {

boost::json::object record(const char* state, double since, const char* reason = "") {
  boost::json::object o{{"state", state}, {"since_seconds", since}, {"answered", 12}, {"failed", 0}};
  if (*reason != '\0') o["last_failure"] = reason;
  return o;
}

boost::json::object candidate(int place, const char* name, const char* state, const char* why) {
  return {{"place", place}, {"master", name}, {"source", "srv"}, {"priority", 10},       {"weight", 50},
          {"state", state}, {"share", 1.0},   {"why", why},      {"why_text", "because"}};
}

boost::json::object document(boost::json::array candidates) {
  boost::json::object source{
      {"source", "srv"},     {"names", {"_x-puppet._tcp.test"}}, {"known", true}, {"fresh", true},
      {"state", "answered"}, {"asked", "_x-puppet._tcp.test"},   {"masters", 2},  {"ttl_left", 41}};
  boost::json::object service{{"service", "catalog"}, {"pinned", nullptr}, {"more_sources", false}};
  service["sources"] = boost::json::array{source};
  service["candidates"] = std::move(candidates);
  return {{"version", 1},
          {"bunraku", "0.1.0"},
          {"certname", "agent1.test"},
          {"time", "2026-11-24T03:00:00Z"},
          {"started_seconds", 7380.0},
          {"listen", "127.0.0.1:8140"},
          {"run", nullptr},
          {"services", boost::json::array{service}}};
}

boost::json::object outage() {
  auto up = candidate(1, "two.test:8140", "up", "healthy");
  up["whole"] = record("up", 182);
  auto down = candidate(2, "one.test:8140", "down", "down");
  down["whole"] = record("down", 12, "connect: Connection refused");
  down["whole"].as_object()["failures_in_a_row"] = 3;
  down["until_seconds"] = 48.0;
  return document({up, down});
}

std::string explained(const boost::json::object& from) {
  std::ostringstream out;
  print_explain(out, from);
  return out.str();
}
std::string status_of(const boost::json::object& from) {
  std::ostringstream out;
  print_status(out, from);
  return out.str();
}
std::string explained_one(boost::json::object one) { return explained(document({std::move(one)})); }

}  // namespace

TEST(InWords, UsesTheTwoLargestUnits) {
  EXPECT_EQ(in_words(-3), "0 s");
  EXPECT_EQ(in_words(0.44), "0.4 s");
  EXPECT_EQ(in_words(9.94), "9.9 s");
  EXPECT_EQ(in_words(12.4), "12 s");
  EXPECT_EQ(in_words(59.7), "1 min");
  EXPECT_EQ(in_words(125), "2 min 5 s");
  EXPECT_EQ(in_words(12000), "3 h 20 min");
  EXPECT_EQ(in_words(4 * 86400 + 7300), "4 d 2 h");
}

TEST(Explain, AnOutageReadsAsWhatIsWrongUntilWhenAndWhatComesNext) {
  EXPECT_EQ(explained(outage()),
            R"(catalog, for agent1.test, at 2026-11-24T03:00:00Z

Sources, in the order they are asked:
  srv _x-puppet._tcp.test: 2 masters, asked again in 41 s at the earliest

Masters, in the order the next request tries them:
  1. two.test:8140 (priority 10, weight 50)
     up for 3 min 2 s
     why here: because
     so far: 12 answers
  2. one.test:8140 (priority 10, weight 50)
     down for 12 s, tried again in 48 s: connect: Connection refused (3 failures in a row)
     why here: because
     so far: 12 answers

Next: the next request goes to two.test:8140; if it fails, and the request may be repeated, to one.test:8140.
Run: no run is on.
)");
}

TEST(Explain, EachStateHasItsWords) {
  auto c = candidate(1, "one.test:8140", "saturated", "saturated");
  c["own"] = record("saturated", 3, "503, Retry-After 15 s");
  c["whole"] = record("up", 100);
  c["until_seconds"] = 12.0;
  EXPECT_THAT(explained_one(c),
              HasSubstr("saturated for 3 s, left alone for 12 s more: 503, Retry-After 15 s; for catalog alone\n"));

  c = candidate(1, "one.test:8140", "draining", "draining");
  c["whole"] = record("draining", 180);
  EXPECT_THAT(explained_one(c), HasSubstr("drained for 3 min, until undrained\n"));
  c["until_seconds"] = 3420.0;
  EXPECT_THAT(explained_one(c), HasSubstr("drained for 3 min, ends in 57 min\n"));

  c = candidate(1, "one.test:8140", "probation", "trial");
  c["whole"] = record("probation", 2, "connect: Connection refused");
  c["trial_is_free"] = true;
  EXPECT_THAT(explained_one(c), HasSubstr("was down; the next request to it is a trial: connect: Connection refused"));
  c["trial_is_free"] = false;
  EXPECT_THAT(explained_one(c), HasSubstr("was down; a trial request is under way"));

  c = candidate(1, "one.test:8140", "suspect", "suspect");
  c["whole"] = record("suspect", 2);
  EXPECT_THAT(explained_one(c), HasSubstr("suspect for 2 s: slower than another master\n"));

  c = candidate(1, "one.test:8140", "up", "healthy");
  EXPECT_THAT(explained_one(c), HasSubstr("     not tried yet\n"));
  c["whole"] = record("up", 6);
  c["share"] = 0.25;
  EXPECT_THAT(explained_one(c), HasSubstr("up for 6 s, back with 25 % of its weight and growing\n"));
  c["source"] = "list";
  EXPECT_THAT(explained_one(c), HasSubstr("up for 6 s\n")) << "a list has no weights";
}

TEST(Explain, NobodyAndOnlyTheDeadAreSaidAsSuch) {
  EXPECT_THAT(explained(document({})), HasSubstr("Next: nobody to ask"));
  EXPECT_TRUE(somebody_is_missing(document({})));
  auto down = candidate(1, "one.test:8140", "down", "down");
  down["whole"] = record("down", 12, "tls: certificate expired");
  EXPECT_THAT(explained_one(down), HasSubstr("Next: all are down; still, the next request tries one.test:8140"));
  EXPECT_TRUE(somebody_is_missing(document({down})));
  EXPECT_FALSE(somebody_is_missing(outage()));
}

TEST(Status, WhatFailsThroughThisNodeAloneIsSaidOfMastersThatAreUp) {
  auto one = candidate(1, "one.test:8140", "up", "healthy");
  one["whole"] = record("up", 6, "the master refused our certificate with alert 44 \"certificate revoked\"");
  EXPECT_THAT(status_of(document({one})), Not(HasSubstr("refused our certificate")));
  EXPECT_FALSE(somebody_is_missing(document({one})));
  auto& whole = one["whole"].as_object();
  whole["own_faults"] = 7;
  whole["own_faults_in_a_row"] = 2;
  EXPECT_THAT(status_of(document({one})), HasSubstr("up for 6 s: this node's own fault: the master refused our "
                                                    "certificate with alert 44 \"certificate revoked\" (2 in a row)"));
  EXPECT_THAT(explained_one(one), HasSubstr("so far: 12 answers, 7 through this node's own fault\n"));
  EXPECT_TRUE(somebody_is_missing(document({one})));
}

TEST(Status, ANodeWhoseCertificateIsRefusedServesNobody) {
  auto d = outage();
  d["credentials"] = boost::json::array();
  EXPECT_FALSE(somebody_is_missing(d));  // it was never enrolled
  d["credentials_refused"] = boost::json::object{{"severity", "error"}, {"where", "x.pem"}, {"what", "is revoked"}};
  EXPECT_TRUE(somebody_is_missing(d));
  EXPECT_THAT(explained(d), HasSubstr("Next: nobody is asked: no certificate is in use"));
}

TEST(Status, AReloadThatWasRefusedIsSaid) {
  auto d = outage();
  EXPECT_THAT(status_of(d), Not(HasSubstr("reload")));
  d["reload_failed"] = true;
  EXPECT_THAT(status_of(d), HasSubstr("\nthe last reload was refused: an older configuration is in use"));
}

TEST(Status, WhereNobodyIsKnownTheSourcesSayWhy) {
  auto d = document({});
  EXPECT_THAT(status_of(d), HasSubstr("nobody  srv _x-puppet._tcp.test: 2 masters"));
  d["services"].at(0).at("sources").at(0).as_object()["note"] = "no name server could be reached";
  EXPECT_THAT(status_of(d), HasSubstr("nobody  no name server could be reached\n"));
}

TEST(Explain, AnOldAnswerOfDnsIsSaidAsSuch) {
  auto d = outage();
  auto& source = d["services"].at(0).at("sources").at(0).as_object();
  source["stale"] = true;
  source["age"] = 7200;
  EXPECT_THAT(explained(d), HasSubstr("2 masters, an old answer of 2 h ago: DNS does not say so now"));
  source["known"] = false;
  EXPECT_THAT(explained(d), HasSubstr("srv _x-puppet._tcp.test: not asked yet\n"));
}

TEST(Status, IsOneLineForEachMaster) {
  const auto text = status_of(outage());
  EXPECT_THAT(text, HasSubstr("bunraku 0.1.0, pid 0, as agent1.test: up for 2 h 3 min\n"));
  EXPECT_THAT(text, HasSubstr("service  #  master         state\n"
                              "catalog  1  two.test:8140  up for 3 min 2 s\n"
                              "         2  one.test:8140  down for 12 s, tried again in 48 s: connect: Connection "
                              "refused (3 failures in a row)\n"));
}

TEST(Status, WhatAnotherProcessSaysCannotTouchTheTerminal) {
  auto d = outage();
  d["services"].at(0).at("candidates").at(1).at("whole").as_object()["last_failure"] = "\x1b[2J\n";
  EXPECT_THAT(status_of(d), Not(HasSubstr("\x1b")));
}

TEST(Status, FieldsThatAreMissingOrOfAnotherTypeDoNoHarm) {
  status_of({});
  explained({});
  status_of({{"services", 7}, {"run", "x"}});
  explained({{"services", {1, nullptr, boost::json::object{{"candidates", {1, boost::json::object{}}}}}}});
}

TEST(Status, CredentialsAndTheirEndsAreToldByLeg) {
  auto d = outage();
  EXPECT_THAT(status_of(d), Not(HasSubstr("certificate")));  // an older daemon says nothing of them
  const auto end = [](double seconds) { return boost::json::object{{"file", "/f"}, {"not_after_seconds", seconds}}; };
  auto certificate = end(86400.0 * 12 + 3600);
  certificate["serial"] = "0x1F";
  boost::json::object problem{{"severity", "warning"}, {"where", "/f"}, {"what", "it ends"}, {"fix", "renew it"}};
  boost::json::object own{{"leg", "both"}, {"certificate", certificate}, {"ca", end(86400 * 400)}, {"crl", end(-60)}};
  own["problems"] = boost::json::array{problem};
  d["credentials"] = boost::json::array{own};
  EXPECT_THAT(status_of(d), HasSubstr("certificate 0x1F ends in 12 d 1 h; CA ends in 400 d; CRL ended 1 min ago\n"
                                      "  warning: /f: it ends. To do: renew it\n"));
  d["credentials"].at(0).as_object()["leg"] = "local";
  d["credentials"].at(0).as_object()["crl"] = nullptr;
  EXPECT_THAT(status_of(d), HasSubstr("certificate 0x1F for local clients ends in 12 d 1 h; CA ends in 400 d\n"));
  d["credentials"] = boost::json::array{};
  problem["severity"] = "error";
  d["credentials_refused"] = problem;
  d["credentials_watched"] = false;
  EXPECT_THAT(status_of(d), HasSubstr("no certificate is in use\n"
                                      "  error: /f: it ends (what is there now is not in use). To do: renew it\n"
                                      "  warning: changed certificates are noticed when the next local client comes"));
}
