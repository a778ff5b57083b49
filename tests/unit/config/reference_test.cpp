#include "config/keys.hpp"
#include "unit/config/reading.hpp"

#include <fstream>
#include <sstream>

using namespace shim::config;

namespace {

std::string text_of(const std::string& file) {
  std::ifstream in(TEST_SOURCE_DIR "/../contrib/" + file);
  EXPECT_TRUE(in.good()) << file;
  return {std::istreambuf_iterator<char>(in), {}};
}

std::string reference() { return text_of("doc/configuration.md"); }

// With one space where there is any white space, without backquotes.
std::string words_of(const std::string& text) {
  std::istringstream in(text);
  std::string out;
  for (std::string word; in >> word;) out += word + ' ';
  std::erase(out, '`');
  return out;
}

// As mdoc has it: no backquotes, and names for quotes.
std::string in_mdoc(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '"') out += "\\(dq";
    else if (c == '\\') out += "\\e";
    else if (c != '`') out += c;
  }
  return out;
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
  if (table == "plugin") return "[plugin.NAME]";
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

TEST(ManPage, HasEveryKeyWithItsDefaultAndItsMeaning) {
  const auto page = words_of(text_of("man/bunraku.toml.5"));
  for (const auto& row : all_keys()) {
    const auto name = " .It Va " + std::string(row.name) + " ";
    const auto meaning = in_mdoc(row.about) + ". Takes: ";
    const auto fallback = "Default: " + (row.fallback.empty() ? "unset" : in_mdoc(row.fallback)) + ".";
    bool there = false;
    for (auto at = page.find(name); at != page.npos; at = page.find(name, at + 1)) {
      const auto entry = page.substr(at, page.find(" .It ", at + 1) - at);
      there = there || (entry.contains(meaning) && entry.contains(fallback));
    }
    EXPECT_TRUE(there) << row.table << '.' << row.name << ": " << meaning << fallback;
  }
}
