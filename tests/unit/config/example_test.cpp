#include "config/keys.hpp"
#include "unit/config/reading.hpp"

#include <fstream>
#include <sstream>

using namespace shim::config;

namespace {

std::vector<std::string> example() {
  std::ifstream in(TEST_SOURCE_DIR "/../contrib/bunraku.toml.example");
  EXPECT_TRUE(in.good());
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

// "#key = value" and "#[table]" are settings, "# text" is for people.
bool is_setting(const std::string& line) {
  return line.size() > 1 && line[0] == '#' && (line[1] == '[' || (line[1] >= 'a' && line[1] <= 'z'));
}

}  // namespace

TEST(Example, UncommentedItIsAConfiguration) {
  std::string text;
  for (const auto& line : example()) text += (is_setting(line) ? line.substr(1) : line) + "\n";
  EXPECT_GT(reading::good(text).routes.size(), 0u);
}

TEST(Example, AsItStandsItChangesNothing) {
  for (const auto& line : example()) EXPECT_TRUE(line.empty() || line[0] == '#') << line;
}

TEST(Example, EveryKeyIsInItWithItsDefaultAndItsMeaning) {
  std::string words, table;
  std::set<std::string> settings;
  for (const auto& line : example()) {
    if (!is_setting(line)) {
      std::istringstream in(line.substr(std::min<std::size_t>(line.size(), 1)));
      for (std::string word; in >> word;) words += word + ' ';
    } else if (line[1] == '[') {
      table = line.substr(line.rfind('[') + 1, line.find(']') - line.rfind('[') - 1);
    } else {
      settings.insert(table + ' ' + line.substr(1));
      settings.insert(table + ' ' + line.substr(1, line.find(' ') - 1));
    }
  }
  for (const auto& row : all_keys()) {
    const std::string of(row.table), name(row.name);
    const bool any_service = of == "service", any_plugin = of == "plugin";
    const bool there =
        settings.contains(of + ' ' + name) || (any_plugin && settings.contains("plugin.file_source " + name)) ||
        (any_service && (settings.contains("service.canary " + name) || settings.contains("service.catalog " + name)));
    EXPECT_TRUE(there) << of << '.' << name;
    EXPECT_NE(words.find(row.about), std::string::npos) << of << '.' << name << ": " << row.about;
    if (row.fallback.empty() || row.fallback == "[]") continue;
    const auto line = name + " = " + std::string(row.fallback);
    EXPECT_TRUE(settings.contains((any_service  ? "service.canary"
                                   : any_plugin ? "plugin.file_source"
                                                : of) +
                                  ' ' + line))
        << of << ": " << line;
  }
}
