// Compares our table of Puppet's settings with what a real Puppet said of them (fixtures/puppet_settings.txt).
#include "puppet/setting_table.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>
#include <string_view>

namespace bunraku::puppet {
namespace {

std::string_view word(setting_row::type kind) {
  using enum setting_row::type;
  switch (kind) {
    case text: return "text";
    case boolean: return "boolean";
    case integer: return "integer";
    case port: return "port";
    case path: return "path";
    case duration: return "duration";
    case ttl: return "ttl";
  }
  return {};
}

/// As the fixture writes it, for a setting of which it says `theirs`.
std::string_view default_of(const setting_row& row, std::string_view theirs) {
  const bool from_elsewhere = row.value == setting_row::from_host || row.value == setting_row::computed;
  if (from_elsewhere && theirs == "?") return "?";
  if (row.value == setting_row::no_value) return "-";
  return row.value;
}

TEST(SettingTable, SaysWhatPuppetSaysOfItsSettings) {
  std::ifstream file(TEST_SOURCE_DIR "/unit/puppet/fixtures/puppet_settings.txt");
  std::size_t seen = 0;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with('#')) continue;
    std::istringstream words(line);
    std::string name, kind, value;
    words >> name >> kind >> std::ws;
    std::getline(words, value);
    const auto* const row = find_setting(name);
    ASSERT_NE(row, nullptr) << name;
    EXPECT_EQ(row->name, name);
    EXPECT_EQ(word(row->kind), kind) << name;
    // Puppet has these from its run mode or the distribution; the one default that we do not follow is its ciphers.
    if (row->value != setting_row::from_host && name != "name" && name != "ciphers")
      EXPECT_EQ(default_of(*row, value), value) << name;
    ++seen;
  }
  EXPECT_EQ(seen, 233u);
}

TEST(SettingTable, KnowsWhatOnlyLaterPuppetsHave) {
  const auto is = [](std::string_view name, setting_row::type kind, std::string_view value) {
    const auto* const row = find_setting(name);
    return row != nullptr && row->kind == kind && row->value == value;
  };
  EXPECT_TRUE(is("allow_pson_serialization", setting_row::type::boolean, "false"));
  EXPECT_TRUE(is("ca_refresh_interval", setting_row::type::duration, "1d"));
  EXPECT_TRUE(is("hostcert_renewal_interval", setting_row::type::duration, "30d"));
  EXPECT_TRUE(is("report_configured_environmentpath", setting_row::type::boolean, "true"));
  EXPECT_TRUE(is("skip_logging_catalog_request_destination", setting_row::type::boolean, "false"));
}

TEST(SettingTable, DoesNotKnowWhatIsNoSetting) {
  for (const std::string_view name : {"", "a", "serve", "servers", "Server", "stringify_facts", "zzz"})
    EXPECT_EQ(find_setting(name), nullptr) << name;
}

}  // namespace
}  // namespace bunraku::puppet
