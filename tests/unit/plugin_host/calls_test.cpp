#include "unit/plugin_host/plugin_site.hpp"

#include <gmock/gmock.h>

#include <unistd.h>

using namespace bunraku;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

namespace {

class PluginCalls : public PluginTest {
 protected:
  source_reply masters(plugins& of) {
    std::optional<source_reply> got;
    of.masters(loop_.get_executor(), "trickster", "catalog", [&](source_reply r) { got = std::move(r); });
    EXPECT_FALSE(got) << "a reply within the call";
    run_until([&] { return got.has_value(); });
    return std::move(*got);
  }
  fault interfere(plugins& with, moment::kind what) {
    moment when;
    when.what = what;
    when.host = "a.test";
    std::optional<fault> got;
    with.interfere(loop_.get_executor(), std::move(when), [&](fault f) { got = std::move(f); });
    run_until([&] { return got.has_value(); });
    return std::move(*got);
  }
};

TEST_F(PluginCalls, ASourceNamesMasters) {
  const auto all = load("{}");
  const auto said = masters(*all);
  EXPECT_TRUE(said.answered);
  ASSERT_EQ(said.masters.size(), 1U);
  EXPECT_EQ(said.masters[0].to_string(), "compile1.example.com:8140") << "lower case, without the dot";
  EXPECT_EQ(said.masters[0].source(), source_kind::plugin);
  EXPECT_EQ(said.masters[0].priority(), 10);
  EXPECT_EQ(said.valid, std::chrono::minutes(1));
}

TEST_F(PluginCalls, AHostThatCannotBeOneIsAFailureAndToldOnce) {
  const auto all = load("{\"masters\":\"nonsense\"}");
  const auto said = masters(*all);
  EXPECT_FALSE(said.answered);
  EXPECT_THAT(said.note, HasSubstr("without a usable host"));
  masters(*all);
  const auto facts = all->facts()[0];
  EXPECT_EQ(facts.failed, 2U);
  EXPECT_THAT(facts.last_failure, HasSubstr("masters: it names a master without a usable host"));
  const auto first = log_->all.find("plugin.failed");
  ASSERT_NE(first, std::string::npos);
  EXPECT_EQ(log_->all.find("plugin.failed", first + 1), std::string::npos);
}

TEST_F(PluginCalls, APolicyScores) {
  const auto all = load("{}");
  std::optional<plan_scores> got;
  plan_question q;
  q.service = "catalog";
  for (const auto* host : {"a.test", "b.test", "c.test"})
    q.candidates.push_back({.who = {host, 8140, source_kind::srv}});
  all->score(loop_.get_executor(), "trickster", q, [&](plan_scores s) { got = std::move(s); });
  run_until([&] { return got.has_value(); });
  EXPECT_EQ(got->what, plan_scores::kind::scores);
  EXPECT_THAT(got->scores, ElementsAre(0, -1, -2));
}

TEST_F(PluginCalls, AProbeAsksAndJudges) {
  const auto all = load("{}");
  std::optional<probe_question> asked;
  all->question(loop_.get_executor(), "trickster", "catalog", [&](probe_question q) { asked = std::move(q); });
  std::optional<std::optional<double>> load, silent;
  const master who("a.test", 8140, source_kind::srv);
  all->judge(loop_.get_executor(), "trickster", {who, 200, "seven.."}, [&](auto l) { load = l; });
  all->judge(loop_.get_executor(), "trickster", {who, 0, ""}, [&](auto l) { silent = l; });
  run_until([&] { return asked && load && silent; });
  EXPECT_EQ(asked->path, "/status/v1/load");
  EXPECT_EQ(*load, std::optional(7.0));
  EXPECT_EQ(*silent, std::nullopt);
}

TEST_F(PluginCalls, APathThatIsNoneAndALoadThatIsNoneAreFailures) {
  const auto all = load("{\"path\":\"bad\",\"load\":\"negative\"}");
  std::optional<probe_question> asked;
  std::optional<std::optional<double>> load;
  all->question(loop_.get_executor(), "trickster", "catalog", [&](probe_question q) { asked = std::move(q); });
  all->judge(loop_.get_executor(), "trickster", {{"a.test", 8140, source_kind::srv}, 200, "x"},
             [&](auto l) { load = l; });
  run_until([&] { return asked && load; });
  EXPECT_EQ(asked->path, "");
  EXPECT_EQ(*load, std::nullopt);
  EXPECT_EQ(all->facts()[0].failed, 2U);
}

TEST_F(PluginCalls, AnObserverInjectsAFaultThatFitsTheMoment) {
  const auto all = load("{}");
  EXPECT_TRUE(all->interferes());
  EXPECT_EQ(interfere(*all, moment::kind::connect).what, fault::kind::refuse);
  EXPECT_EQ(interfere(*all, moment::kind::request).what, fault::kind::none);
}

TEST_F(PluginCalls, AFaultThatDoesNotFitIsIgnoredAndTold) {
  const auto all = load("{\"interfere\":\"misfit\"}");
  EXPECT_FALSE(interfere(*all, moment::kind::request));
  EXPECT_THAT(all->facts()[0].last_failure, HasSubstr("does not fit the moment"));
}

TEST_F(PluginCalls, HeadersThatWouldSplitAnAnswerAreRefused) {
  const auto all = load("{\"interfere\":\"headers\"}");
  EXPECT_FALSE(interfere(*all, moment::kind::request));
  EXPECT_THAT(all->facts()[0].last_failure, HasSubstr("headers"));
}

TEST_F(PluginCalls, OneThatHangsCostsItsDeadlineOnceAndNobodyElse) {
  const auto all = load(wait_settings("go"), std::chrono::milliseconds(50));
  const auto late = masters(*all);
  EXPECT_FALSE(late.answered);
  EXPECT_THAT(log_->all, HasSubstr("plugin=trickster plugin.late"));
  EXPECT_EQ(all->facts()[0].now, plugin_facts::state::late);
  // While it hangs it is not waited for: ten more cost nothing, and none of them is put to it.
  for (int i = 0; i != 10; ++i) EXPECT_FALSE(masters(*all).answered);
  EXPECT_EQ(all->facts()[0].late, 1U);
  touch("go");
  run_until([&] { return all->facts()[0].now == plugin_facts::state::running; });
  EXPECT_TRUE(masters(*all).answered);
  EXPECT_THAT(log_->all, HasSubstr("plugin=trickster plugin.back"));
}

TEST_F(PluginCalls, EventsThatNobodyTakesAreDroppedAndCounted) {
  const auto all = load(wait_settings("go"));
  for (int i = 0; i != 1500; ++i) all->see({});
  const auto dropped = all->facts()[0].dropped;
  EXPECT_GE(dropped, 400U);
  EXPECT_LE(dropped, 476U);
  touch("go");
  run_until([&] { return all->facts()[0].calls >= 1024; });
}

TEST_F(PluginCalls, OneThatHangsForGoodIsLeftBehind) {
  auto all = load(wait_settings("never"), std::chrono::milliseconds(20));
  masters(*all);
  all.reset();  // comes back, which is the test
}

TEST_F(PluginCalls, OneLeftBehindThatComesBackAfterAllIsDestroyed) {
  auto all = load(wait_settings("go", "gone"), std::chrono::milliseconds(20));
  std::filesystem::remove(directory_ / "gone");  // the trial's, which is over
  masters(*all);
  all.reset();
  EXPECT_FALSE(is_there("gone"));
  touch("go");
  run_until([&] { return is_there("gone"); });
}

TEST_F(PluginCalls, WhoWaitsWhenItAllEndsIsForgotten) {
  auto all = load(wait_settings("go"));
  auto alive = std::make_shared<int>(1);
  all->masters(loop_.get_executor(), "trickster", "catalog", [alive](const source_reply&) { FAIL(); });
  all->stop();
  EXPECT_EQ(alive.use_count(), 1);
  touch("go");
  all.reset();
  loop_.restart();
  loop_.run_for(std::chrono::milliseconds(1));
}

TEST_F(PluginCalls, AnUnknownNameAndAKindThatItIsNotReplyThatThereIsNothing) {
  const auto all = load("{}");
  std::optional<source_reply> got;
  all->masters(loop_.get_executor(), "nobody", "catalog", [&](source_reply r) { got = std::move(r); });
  EXPECT_FALSE(got);
  run_until([&] { return got.has_value(); });
  EXPECT_FALSE(got->answered);
}

TEST_F(PluginCalls, ASourceThatIsNotAskedSaysWhyInsteadOfBeingLate) {
  install("trickster");
  const auto why_none = [&](plugins& of, const std::string& name) {
    std::optional<source_reply> got;
    of.masters(loop_.get_executor(), name, "catalog", [&](source_reply r) { got = std::move(r); });
    run_until([&] { return got.has_value(); });
    EXPECT_FALSE(got->answered);
    return got->note;
  };
  const auto refused = load_plugins(options({choice("{\"create\":\"fail\"}")})).value;
  EXPECT_EQ(why_none(*refused, "trickster"),
            "plugin trickster is not used: It will not work with its settings: it does not like `create`. See the "
            "plugin's README");
  EXPECT_EQ(why_none(*refused, "nobody"), "plugin nobody is not loaded");
}

TEST_F(PluginCalls, StatusAndOrders) {
  const auto all = load("{}");
  masters(*all);
  std::optional<std::string> status;
  std::optional<plugins::control_reply> good, bad, nobody;
  const auto ex = loop_.get_executor();
  all->status(ex, "trickster", [&](std::string s) { status = std::move(s); });
  all->control(ex, "trickster", "{}", [&](plugins::control_reply r) { good = std::move(r); });
  all->control(ex, "trickster", "{\"do\": 1}", [&](plugins::control_reply r) { bad = std::move(r); });
  all->control(ex, "nobody", "{}", [&](plugins::control_reply r) { nobody = std::move(r); });
  run_until([&] { return status && good && bad && nobody; });
  EXPECT_EQ(*status, "{\"calls\": 1}");
  EXPECT_TRUE(good->done);
  EXPECT_EQ(good->text, "{\"did\": \"nothing\"}");
  EXPECT_FALSE(bad->done);
  EXPECT_EQ(bad->text, "it takes no orders but {}");
  EXPECT_EQ(nobody->text, "There is no plugin `nobody` running.");
  EXPECT_EQ(all->facts()[0].failed, 0U) << "to refuse an order is no failure";
}

}  // namespace
