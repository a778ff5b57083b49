#include "config/keys.hpp"
#include "unit/config/reading.hpp"

#include <fstream>
#include <sstream>

using namespace shim::config;

namespace {

std::string reference() {
  std::ifstream in(TEST_SOURCE_DIR "/../contrib/doc/configuration.md");
  EXPECT_TRUE(in.good());
  return {std::istreambuf_iterator<char>(in), {}};
}

// The lines below "## [table]" or "## [[table]]".
std::string section(const std::string& text, const std::string& heading) {
  const auto from = text.find("\n## " + heading + "\n");
  if (from == text.npos) return {};
  return text.substr(from, text.find("\n## ", from + 1) - from);
}

std::string heading_of(std::string_view table) {
  if (table == "listen" || table == "route") return "[[" + std::string(table) + "]]";
  if (table.starts_with("service")) return "[service.NAME]";
  return "[" + std::string(table) + "]";
}

}  // namespace

TEST(Reference, HasEveryKeyWithItsDefaultAndItsMeaning) {
  const auto text = reference();
  for (const auto& row : all_keys()) {
    std::istringstream in(section(text, heading_of(row.table)));
    const auto begin = "| `" + std::string(row.name) + "`";
    const auto fallback = row.fallback.empty() ? std::string("| unset |") : "| `" + std::string(row.fallback) + "` |";
    bool there = false;
    for (std::string line; std::getline(in, line);)
      there = there || (line.starts_with(begin) && line.contains(fallback) && line.contains(row.about));
    EXPECT_TRUE(there) << row.table << '.' << row.name << ": " << fallback << ' ' << row.about;
  }
}

TEST(Reference, ItsExamplesAreConfigurations) {
  const auto text = reference();
  int examples = 0;
  for (auto at = text.find("```toml\n"); at != text.npos; at = text.find("```toml\n", at + 1), ++examples) {
    const auto from = at + 8;
    reading::good(text.substr(from, text.find("```", from) - from));
  }
  EXPECT_GT(examples, 2);
}
