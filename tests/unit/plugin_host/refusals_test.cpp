#include "unit/plugin_host/plugin_site.hpp"

#include <gmock/gmock.h>

#include <sys/stat.h>
#include <unistd.h>

using namespace bunraku;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

namespace {

class PluginRefusals : public PluginTest {};

TEST_F(PluginRefusals, AGoodOneRunsAndSaysWhatItIs) {
  const auto all = load("{}")->facts();
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].now, plugin_facts::state::running);
  EXPECT_EQ(all[0].version, "1.0");
  EXPECT_EQ(all[0].about, "for tests");
  EXPECT_THAT(all[0].kinds, ElementsAre("source", "policy", "probe", "observer"));
}

TEST_F(PluginRefusals, WhatItSaysOfItselfIsShownAsOneLineOfUtf8) {
  install("scribble");
  problems found;
  constexpr auto shown =
      "caf\u00e9 ?"
      "?- [31m v w";
  EXPECT_EQ(check_plugins(options({{.name = "scribble"}}), found).at(0).about, shown);
  EXPECT_EQ(load_plugins(options({{.name = "scribble"}})).value->facts().at(0).about, shown);
  install("scrawl");
  EXPECT_THAT(check_plugins(options({{.name = "scrawl"}}), found).at(0).reason,
              HasSubstr("It calls itself \"sc? l\"."));
}

TEST_F(PluginRefusals, CheckingFindsTheSameWithoutLoading) {
  install("trickster");
  problems found;
  const auto good = check_plugins(options({choice("{}")}), found);
  EXPECT_TRUE(found.empty());
  EXPECT_THAT(good.at(0).kinds, ElementsAre("source", "policy", "probe", "observer"));
  const auto bad = check_plugins(options({choice("{\"create\":\"fail\"}")}), found);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].where(), "here:1");
  EXPECT_EQ(bad.at(0).now, plugin_facts::state::refused);
}

TEST_F(PluginRefusals, OneThatOthersMayWriteTo) {
  const auto file = install("trickster");
  ASSERT_EQ(::chmod(file.c_str(), 0775), 0);
  EXPECT_THAT(refusal("{}"), HasSubstr("Others than root may write to " + file));
}

TEST_F(PluginRefusals, OneOfAnotherUser) {
  const auto file = install("trickster");
  ASSERT_EQ(::chown(file.c_str(), 65534, 0), 0);
  EXPECT_THAT(refusal("{}"), HasSubstr("belongs to user 65534, not to root"));
}

TEST_F(PluginRefusals, ADirectoryThatOthersMayWriteToEvenASticky) {
  install("trickster");
  ASSERT_EQ(::chmod(directory_.c_str(), 01777), 0);
  EXPECT_THAT(refusal("{}"), HasSubstr("Others than root may write to the directory"));
}

TEST_F(PluginRefusals, ADirectoryBelowOneThatOthersMayWriteTo) {
  install("trickster");
  const auto inner = directory_ / "inner";
  std::filesystem::create_directory(inner);
  std::filesystem::rename(directory_ / "trickster.so", inner / "trickster.so");
  ASSERT_EQ(::chmod(directory_.c_str(), 0777), 0);
  const auto made = load_plugins({.directory = inner, .load = {choice("{}")}});
  ASSERT_EQ(made.found.size(), 1U);
  EXPECT_THAT(made.found[0].what(), HasSubstr("Others than root may write to the directory " + directory_.string()));
}

TEST_F(PluginRefusals, ALinkOutOfTheDirectory) {
  const auto elsewhere = install("trickster", "other");
  ASSERT_EQ(::symlink(elsewhere.c_str(), (directory_ / "trickster.so").c_str()), 0);
  EXPECT_THAT(refusal("{}"), HasSubstr("is a symbolic link"));
}

TEST_F(PluginRefusals, ANameThatIsAPath) {
  install("trickster");
  auto way_out = choice("{}");
  way_out.file = "../trickster";
  const auto made = load_plugins(options({way_out}));
  ASSERT_EQ(made.found.size(), 1U);
  EXPECT_THAT(made.found[0].what(), HasSubstr("is no plugin's name"));
}

TEST_F(PluginRefusals, OneThatIsNotThere) { EXPECT_THAT(refusal("{}"), HasSubstr("trickster.so is not there.")); }

TEST_F(PluginRefusals, OneThatIsNoSharedObject) {
  touch("trickster.so");
  EXPECT_THAT(refusal("{}"), HasSubstr("cannot be loaded"));
}

TEST_F(PluginRefusals, OneWithoutTheFunction) {
  install("dumb", "trickster");
  EXPECT_THAT(refusal("{}"), HasSubstr("has no function bunraku_plugin_entry"));
}

TEST_F(PluginRefusals, OneForAnotherInterface) {
  install("future");
  const auto made = load_plugins(options({{.name = "future"}}));
  ASSERT_EQ(made.found.size(), 1U);
  EXPECT_THAT(made.found[0].what(), HasSubstr("built for plugin interface 2; this bunraku's is 1"));
}

TEST_F(PluginRefusals, OneWhoseTableEndsTooEarly) {
  install("small");
  const auto made = load_plugins(options({{.name = "small"}}));
  ASSERT_EQ(made.found.size(), 1U);
  EXPECT_THAT(made.found[0].what(), HasSubstr("no create() or no destroy()"));
}

TEST_F(PluginRefusals, OneThatForgotItsSizeIsNotTakenForAnotherInterfaces) {
  install("sizeless");
  const auto made = load_plugins(options({{.name = "sizeless"}}));
  ASSERT_EQ(made.found.size(), 1U);
  EXPECT_THAT(made.found[0].what(), HasSubstr("Its table has the size 0"));
  EXPECT_THAT(made.found[0].fix(), HasSubstr("Fill in `size`"));
}

TEST_F(PluginRefusals, OneThatIsOfNoKind) {
  install("kindless");
  const auto made = load_plugins(options({{.name = "kindless"}}));
  ASSERT_EQ(made.found.size(), 1U);
  EXPECT_THAT(made.found[0].what(), HasSubstr("neither a source nor a policy, probe or observer"));
}

TEST_F(PluginRefusals, OneThatCallsItselfOtherwise) {
  install("alias");
  const auto made = load_plugins(options({{.name = "alias"}}));
  ASSERT_EQ(made.found.size(), 1U);
  EXPECT_THAT(made.found[0].what(), HasSubstr("It calls itself \"trickster\""));
}

TEST_F(PluginRefusals, OneThatCrashesWhenItIsMade) {
  install("trickster");
  EXPECT_THAT(refusal("{\"create\":\"crash\"}"), HasSubstr("crashes when it is made (SIGSEGV)"));
}

TEST_F(PluginRefusals, OneThatEndsTheProcess) {
  install("trickster");
  EXPECT_THAT(refusal("{\"create\":\"exit\"}"), HasSubstr("ended the process when it was made (exit 3)"));
}

TEST_F(PluginRefusals, OneThatHangsWhenItIsMade) {
  install("trickster");
  EXPECT_THAT(refusal("{\"create\":\"hang\"}"), HasSubstr("did not come back from create()"));
}

TEST_F(PluginRefusals, OneThatDoesNotLikeItsSettingsSaysWhy) {
  install("trickster");
  EXPECT_THAT(refusal("{\"create\":\"fail\"}"), HasSubstr("it does not like `create`"));
}

TEST_F(PluginRefusals, TheRestRuns) {
  install("trickster");
  install("dumb");
  auto twin = choice("{}");
  twin.name = "twin";
  twin.file = "trickster";
  const auto made = load_plugins(options({{.name = "dumb"}, choice("{\"create\":\"crash\"}"), twin}));
  EXPECT_EQ(made.found.size(), 2U);
  EXPECT_FALSE(has_error(made.found));
  const auto all = made.value->facts();
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all[0].now, plugin_facts::state::refused);
  EXPECT_EQ(all[1].now, plugin_facts::state::refused);
  EXPECT_EQ(all[2].now, plugin_facts::state::running);
}

TEST_F(PluginRefusals, ManyThatHangTakeNoMoreTimeThanTwoAndTheRestRuns) {
  install("trickster");
  std::vector<plugin_choice> all;
  for (const std::string name : {"one", "two", "three", "four", "five"})
    all.push_back({.name = name, .file = "trickster", .settings = R"({"create":"hang"})"});
  all.push_back(choice("{}"));
  const auto begun = std::chrono::steady_clock::now();
  const auto made = load_plugins(options(all));
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(20)) << "25 s, were it 5 s for each";
  EXPECT_EQ(made.found.size(), 5U);
  EXPECT_EQ(made.value->facts().back().now, plugin_facts::state::running);
}

TEST_F(PluginRefusals, AReloadTakesOverWhatStaysTheSame) {
  install("trickster");
  const auto first = load_plugins(options({choice("{}")}));
  log_->all.clear();
  auto moved = choice("{}");
  moved.where = "here:9";
  const auto second = load_plugins(options({moved}), first.value);
  EXPECT_TRUE(second.found.empty());
  EXPECT_EQ(second.value->facts()[0].now, plugin_facts::state::running);
  EXPECT_EQ(second.value->facts()[0].calls, first.value->facts()[0].calls);
  auto gone = first.value;
  EXPECT_EQ(second.value->facts()[0].calls, 1U) << "it was made once more";
}

TEST_F(PluginRefusals, AReloadThatWouldLoseARunningOneIsAnError) {
  install("trickster");
  const auto first = load_plugins(options({choice("{}")}));
  const auto second = load_plugins(options({choice("{\"create\":\"fail\"}")}), first.value);
  EXPECT_TRUE(has_error(second.found));
  EXPECT_EQ(first.value->facts()[0].now, plugin_facts::state::running);
}

}  // namespace
