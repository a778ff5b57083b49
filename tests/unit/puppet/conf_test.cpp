#include "puppet/conf.hpp"

#include "puppet/utf8.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace bunraku::puppet {
namespace {

using testing::HasSubstr;

conf_reading parse(const std::string& text) { return parse_conf(text, "/etc/puppet/puppet.conf"); }

// Exactly one problem of this level at this line, whose text and advice hold these words.
void expect_only(const conf_reading& r, severity level, unsigned line, const std::string& what,
                 const std::string& fix) {
  ASSERT_EQ(r.found.size(), 1u);
  const auto& p = r.found.front();
  EXPECT_EQ(p.level(), level);
  EXPECT_EQ(p.where(), "/etc/puppet/puppet.conf:" + std::to_string(line));
  EXPECT_THAT(p.what(), HasSubstr(what));
  EXPECT_THAT(p.fix(), HasSubstr(fix));
}

TEST(Conf, LastLineNeedsNoNewline) {
  const auto r = parse("[agent]\nserver = a");
  ASSERT_NE(r.value.find("agent", "server"), nullptr);
  EXPECT_EQ(r.value.find("agent", "server")->value, "a");
  EXPECT_EQ(r.value.find("agent", "server")->line, 2u);
}

TEST(Conf, SettingsKeepOwnerAndGroupOfTheirBlock) {
  const auto r = parse("ssldir = /a {owner = service, group = root, mode = 0755}\n");
  ASSERT_NE(r.value.find("main", "ssldir"), nullptr);
  EXPECT_EQ(r.value.find("main", "ssldir")->value, "/a");
  EXPECT_EQ(r.value.find("main", "ssldir")->owner, "service");
  EXPECT_EQ(r.value.find("main", "ssldir")->group, "root");
}

TEST(Conf, SaysThatPuppetDropsTheFile) {
  expect_only(parse("[main]\nhello\n"), severity::error, 2, "Puppet ignores the whole file", "name = value");
}
TEST(Conf, AdvisesOnSemicolonComments) {
  expect_only(parse("; comment\n"), severity::error, 1, "; comment", "begin comments with #");
}
TEST(Conf, AdvisesOnDashedNames) {
  expect_only(parse("[main]\nca-server = a\n"), severity::error, 2, "ca-server = a", "underscores");
}
TEST(Conf, AdvisesOnCommentBehindSection) {
  expect_only(parse("[agent] # x\n"), severity::error, 1, "[agent] # x", "nothing else on the line");
}
TEST(Conf, AdvisesOnUnknownSections) {
  expect_only(parse("\n[production]\n"), severity::error, 2, "no section [production]", "[agent]");
}
TEST(Conf, AdvisesOnBracesAroundReferences) {
  expect_only(parse("[main]\nssldir = ${confdir}/ssl\n"), severity::error, 2, "'ssldir'", "$name without braces");
}
TEST(Conf, AdvisesOnByteOrderMark) {
  expect_only(parse("\xef\xbb\xbf[main]\n"), severity::error, 1, "not a line", "byte order mark");
}
TEST(Conf, AdvisesOnInvalidUtf8) { expect_only(parse("# caf\xe9\n"), severity::error, 1, "UTF-8", "UTF-8"); }
TEST(Conf, RefusesSettingsOfEnvironmentConf) {
  expect_only(parse("[server]\nmodulepath = /x\n"), severity::error, 2, "refuses to start", "environment.conf");
}

TEST(Conf, WarnsOfCommentBehindValue) {
  expect_only(parse("[main]\nserver = a # x\n"), severity::warning, 2, "'a # x'", "line of its own");
}
TEST(Conf, TakesHashWithoutBlankAsPartOfTheValue) {
  for (const std::string value : {"a#b", "a# b", "#b"})
    EXPECT_TRUE(parse("[main]\ntags = " + value + "\n").found.empty()) << value;
}
TEST(Conf, OptionsAreWordsAndAModeIsANumber) {
  for (const std::string good : {"{owner = az_AZ09}", "{mode = 0649}", "{ owner = root , group = root }"})
    EXPECT_TRUE(parse("[main]\nlogdir = /l " + good + "\n").found.empty()) << good;
  for (const std::string bad :
       {"{owner}", "{owner = }", "{= root}", "{owner = a b}", "{owner = a-b}", "{ow-ner = root}", "{owner = caf\u00e9}",
        "{mode = 06x}", "{mode = 064/}", "{mode = 064:}"})
    EXPECT_TRUE(has_error(parse("[main]\nlogdir = /l " + bad + "\n").found)) << bad;
}
TEST(Conf, OptionsNeedNoBlanks) {
  const auto r = parse("[main]\nlogdir = /l{owner=root,group=adm}\n");
  ASSERT_TRUE(r.found.empty());
  EXPECT_EQ(r.value.find("main", "logdir")->owner, "root");
  EXPECT_EQ(r.value.find("main", "logdir")->group, "adm");
}
TEST(Conf, ASectionStandsInBothBrackets) {
  EXPECT_TRUE(parse("server = a]\n").found.empty());
  for (const std::string line : {"[main", "main]", "[]", "["})
    expect_only(parse(line + "\n"), severity::error, 1, line, "");
}
TEST(Conf, WarnsWhenSecondOccurrenceDiffers) {
  expect_only(parse("[main]\nserver = a\n\nserver = b\n"), severity::warning, 4, "line 2 to 'a'", "remove one");
}
TEST(Conf, AcceptsSecondOccurrenceThatSaysTheSame) {
  EXPECT_TRUE(parse("[main]\nserver = a\nserver = a\n").found.empty());
}
TEST(Conf, AcceptsSameSettingInTwoSections) { EXPECT_TRUE(parse("server = a\n[agent]\nserver = b\n").found.empty()); }
TEST(Conf, WarnsOfTypographicQuotes) {
  expect_only(parse("server = \u201ca\u201d\n"), severity::warning, 1, "typographic", "plain quotes");
}

TEST(Conf, TellsEveryProblemAtOnce) {
  const auto r = parse("; a\n[foo]\nb-c = d\nserver = x # y\n");
  ASSERT_EQ(r.found.size(), 4u);
  EXPECT_THAT(r.found[3].where(), HasSubstr(":4"));
}
TEST(Conf, StopsTellingProblemsOfAFileThatIsSomethingElse) {
  std::string text;
  for (int i = 0; i < 10000; ++i) text += "no setting at all\n";
  const auto r = parse(text);
  EXPECT_TRUE(has_error(r.found));
  EXPECT_LT(r.found.size(), 100u);
}
TEST(Conf, KeepsAnErrorBehindManyWarnings) {
  std::string text;
  for (int i = 0; i < 1000; ++i) text += "s" + std::to_string(i) + " = a # b\n";
  EXPECT_TRUE(has_error(parse(text + "garbage\n").found));
}
TEST(Conf, ShowsOnlyTheBeginningOfALongLine) {
  const auto r = parse(std::string(100000, 'x') + "\n");
  ASSERT_EQ(r.found.size(), 1u);
  EXPECT_LT(r.found[0].what().size(), 300u);
}
TEST(Conf, ShowsNoHalfCharacters) {
  const auto r = parse(std::string(59, 'x') + "\u00e9\u00e9\n");
  ASSERT_EQ(r.found.size(), 1u);
  EXPECT_TRUE(is_utf8(r.found[0].what()));
}
TEST(Conf, ShowsNoControlCharacters) {
  const auto r = parse("a\x1b[31mb\n");
  ASSERT_EQ(r.found.size(), 1u);
  EXPECT_EQ(r.found[0].what().find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace bunraku::puppet
