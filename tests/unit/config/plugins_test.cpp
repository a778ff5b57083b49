#include "unit/config/reading.hpp"

#include <gmock/gmock.h>

using namespace shim::config;
using ::testing::HasSubstr;

TEST(PluginTables, OtherKeysAreHandedOnAsJson) {
  const auto c = reading::good(
      "[plugins]\ndirectory = \"/opt/plugins\"\n[plugin.mine]\ndeadline = \"20ms\"\nload = \"theirs\"\nz = 1\na = "
      "\"q\\\"\\n\"\n"
      "on = true\nshare = 0.5\nlist = [1, \"two\"]\nempty = []\n[plugin.mine.deep]\nk = {}\n");
  EXPECT_EQ(c.plugin_directory, "/opt/plugins");
  ASSERT_EQ(c.plugins.size(), 1u);
  const auto& p = c.plugins[0];
  EXPECT_EQ(p.name, "mine");
  EXPECT_EQ(p.load, "theirs");
  EXPECT_EQ(p.deadline.count(), 20);
  EXPECT_EQ(p.settings, R"({"z":1,"a":"q\"\u000a","on":true,"share":0.5,"list":[1,"two"],"empty":[],"deep":{"k":{}}})");
}

TEST(PluginTables, WhatIsNoPlainTextInAStringIsEscaped) {
  const auto c = reading::good("[plugin.p]\na = \"\\u0001\\u001f\\u0020\\u007f\"\n\"b\\\\\" = '\\d'\noff = false\n");
  EXPECT_EQ(c.plugins.at(0).settings, "{\"a\":\"\\u0001\\u001f \x7f\",\"b\\\\\":\"\\\\d\",\"off\":false}");
}

TEST(PluginTables, HaveNamesOfSmallLettersDigitsAndOneSign) {
  for (const auto& name : {std::string("a"), std::string("z_09"), std::string(32, 'x')})
    EXPECT_EQ(reading::good("[plugin." + name + "]\n").plugins.at(0).name, name);
  for (const auto& name : {std::string(), std::string("A"), std::string("a-b"), std::string("a/"), std::string("a:"),
                           std::string("a`"), std::string("a{"), std::string("a b"), std::string(33, 'x')})
    EXPECT_THAT(reading::bad("[plugin.\"" + name + "\"]\n"), HasSubstr("A plugin cannot be called `" + name + "`."));
}

TEST(PluginTables, AreTablesAndAtMost16) {
  EXPECT_THAT(reading::bad("[[plugin]]\n"), HasSubstr("b.toml:1: error: `plugin` must be tables."));
  std::string text;
  for (int i = 0; i < 16; ++i) text += "[plugin.x" + std::to_string(i) + "]\n";
  EXPECT_EQ(reading::good(text).plugins.size(), 16u);
  EXPECT_THAT(reading::bad(text + "[plugin.y]\n"), HasSubstr("There are 17 plugins. Have at most 16."));
}

TEST(PluginTables, AServiceNamesThemOnlyIfTheyAreThere) {
  const auto c = reading::good(
      "[plugin.near]\n[service.catalog]\npolicy = \"near\"\nprobe = \"busy\"\n[plugin.busy]\n[service.far]\nsource = "
      "\"near\"\nnames = "
      "[\"far.test\"]\n");
  EXPECT_EQ(c.services[1].policy, "near");
  EXPECT_EQ(c.services[1].probe, "busy");
  EXPECT_EQ(c.services[4].source, "near");
  EXPECT_THAT(reading::bad("[plugin.near]\n[service.catalog]\npolicy = \"neat\"\n"), HasSubstr("Did you mean `near`?"));
  EXPECT_THAT(reading::bad("[service.catalog]\nprobe = \"load\"\n"),
              HasSubstr("There is no plugin `load`. Add [plugin.load]."));
}

TEST(PluginTables, WhatCannotBeIsRefusedWhereItStands) {
  EXPECT_THAT(reading::bad("[plugin.\"../x\"]\n"), HasSubstr("A plugin cannot be called `../x`."));
  EXPECT_THAT(reading::bad("[plugin.x]\nwhen = 2026-11-27\n"), HasSubstr("holds a date or no finite number"));
  EXPECT_THAT(reading::bad("[plugin.x]\nwhen = [2026-11-27, 1]\n"), HasSubstr("holds a date or no finite number"));
  EXPECT_THAT(reading::bad("[plugin.x]\nhow = nan\n"), HasSubstr("holds a date or no finite number"));
  EXPECT_THAT(reading::bad("[plugin.x]\nload = \"a/b\"\n"), HasSubstr("no plugin's name"));
  EXPECT_THAT(reading::bad("[plugin.x]\ndeadline = 1.5\n"), HasSubstr("`deadline` must not be a number with a point"));
  EXPECT_THAT(reading::bad("[plugin.x]\ndeadline = \"0s\"\n"), HasSubstr("from 1ms to 1m"));
  EXPECT_THAT(reading::bad("[plugins]\ndirectory = \"here\"\n"), HasSubstr("not an absolute path"));
  EXPECT_THAT(reading::bad("[plugin]\ndirectory = \"/here\"\n"), HasSubstr("[plugins] directory"));
}
