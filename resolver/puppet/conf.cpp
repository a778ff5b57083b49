#include "puppet/conf.hpp"

#include "puppet/ascii.hpp"
#include "puppet/utf8.hpp"

#include <bunraku/shown_text.hpp>

#include <algorithm>
#include <array>
#include <optional>

namespace bunraku::puppet {
namespace {

constexpr std::array<std::string_view, 5> allowed_sections = {"main", "server", "master", "agent", "user"};
// Settings that may only be in environment.conf: Puppet refuses to start when puppet.conf has them.
constexpr std::array<std::string_view, 3> environment_only = {"modulepath", "manifest", "config_version"};
constexpr std::size_t most_problems = 40;
constexpr std::string_view dropped = "; for this Puppet ignores the whole file and runs on defaults (server=puppet)";

// Ruby's \s.
bool is_blank(char c) noexcept { return c == ' ' || (c >= '\t' && c <= '\r'); }

std::string_view trim_front(std::string_view s) noexcept {
  while (!s.empty() && is_blank(s.front())) s.remove_prefix(1);
  return s;
}
std::string_view trim_back(std::string_view s) noexcept {
  while (!s.empty() && is_blank(s.back())) s.remove_suffix(1);
  return s;
}

std::size_t word_length(std::string_view s) noexcept {
  std::size_t length = 0;
  for (;;) {
    const auto next = first_code_point(s.substr(length));
    if (next.bytes == 0 || !is_word(next.value)) return length;
    length += next.bytes;
  }
}

// A line of any length, shown so that it can be found and read in a message.
std::string shown(std::string_view s) { return shown_text(s, 60) + (s.size() > 60 ? "..." : ""); }

bool is_option_word(std::string_view s) noexcept {
  return !s.empty() && std::ranges::all_of(s, [](char c) {
    return static_cast<unsigned char>(c) < 0x80 && is_word(static_cast<unsigned char>(c));
  });
}

// The inside of a `{...}` block. Returns what is wrong with it, or nothing.
std::optional<std::string> read_options(std::string_view block, conf_setting& into) {
  std::vector<std::string_view> parts;
  while (true) {
    const auto comma = block.find(',');
    const auto part = block.substr(0, comma);
    parts.push_back(comma == block.npos ? part : trim_back(part));
    if (comma == block.npos) break;
    block = trim_front(block.substr(comma + 1));
  }
  // Ruby's split drops empty fields at the end, and only there.
  while (!parts.empty() && parts.back().empty()) parts.pop_back();
  for (const auto part : parts) {
    const auto equals = part.find('=');
    const auto key = trim_back(trim_front(part.substr(0, equals)));
    const auto value = equals == part.npos ? std::string_view{} : trim_back(trim_front(part.substr(equals + 1)));
    if (!is_option_word(key) || !is_option_word(value)) return "'" + shown(part) + "' is not of the form name = value";
    if (key == "owner") into.owner = value;
    else if (key == "group") into.group = value;
    else if (key != "mode") return "there is no file option '" + std::string(key) + "'";
    else if (!std::ranges::all_of(value, ascii::is_digit)) return "a file mode must be a number";
  }
  return std::nullopt;
}

// Translates the text behind the `=`. Returns what is wrong with it, or nothing.
std::optional<std::string> read_value(std::string_view text, conf_setting& into) {
  if (ascii::same_name(text, "true") || ascii::same_name(text, "false")) {
    into.value = text.size() == 4 ? "true" : "false";
    return std::nullopt;
  }
  const auto is_quote = [](char c) { return c == '"' || c == '\''; };
  if (!text.empty() && is_quote(text.front())) text.remove_prefix(1);
  if (!text.empty() && is_quote(text.back())) text.remove_suffix(1);
  text = trim_back(text);

  into.value = text;
  for (auto open = text.find('{'); open != text.npos; open = text.find('{', open + 1)) {
    const auto close = text.find('}', open);
    if (close == text.npos) break;
    if (close == open + 1) continue;
    // Blanks around the options belong to the braces, unless there is nothing else.
    auto inside = text.substr(open + 1, close - open - 1);
    if (const auto trimmed = trim_front(inside); !trimmed.empty()) inside = trimmed;
    if (auto wrong = read_options(inside, into)) return wrong;
    into.value = std::string(text.substr(0, open)) + std::string(text.substr(close + 1));
    into.value.resize(trim_back(into.value).size());
    break;
  }
  return std::nullopt;
}

class parser {
 public:
  parser(const std::string& file) : file_(file) {}

  void line(std::string_view text) {
    ++line_;
    if (!text.empty() && text.back() == '\r') text.remove_suffix(1);
    if (!is_utf8(text)) {
      error("this line is not valid UTF-8" + std::string(dropped), "save the file as UTF-8, or remove the bytes");
      return;
    }
    const auto content = trim_back(trim_front(text));
    if (content.empty() || content.front() == '#') return;
    if (section(content) || setting(content)) return;
    not_understood(content);
  }

  conf_reading take() && { return {std::move(conf_), std::move(problems_)}; }

 private:
  bool section(std::string_view content) {
    if (content.front() != '[' || content.back() != ']' || content.size() < 3) return false;
    const auto name = content.substr(1, content.size() - 2);
    if (word_length(name) != name.size()) return false;
    section_ = name;
    if (std::ranges::find(allowed_sections, name) == allowed_sections.end())
      error("there is no section [" + shown(name) + "]" + std::string(dropped),
            "use one of [main], [agent], [server], [master], [user], in lower case");
    return true;
  }

  bool setting(std::string_view content) {
    const auto name = content.substr(0, word_length(content));
    auto rest = trim_front(content.substr(name.size()));
    if (name.empty() || rest.empty() || rest.front() != '=') return false;
    rest = trim_front(rest.substr(1));
    conf_setting found;
    found.name = name;
    found.line = line_;
    if (auto wrong = read_value(rest, found)) {
      bad_block(found.name, rest, *wrong);
      return true;
    }
    if (std::ranges::find(environment_only, name) != environment_only.end())
      error("'" + found.name + "' may not be set in puppet.conf; Puppet refuses to start",
            "remove the line, or move it to the environment's environment.conf");
    warn_about(found);
    conf_.add(section_, std::move(found));
    return true;
  }

  void bad_block(const std::string& name, std::string_view value, const std::string& wrong) {
    const bool reference = value.find("${") != value.npos;
    error("braces in the value of '" + name + "' are read as a block of file options, and " + wrong +
              std::string(dropped),
          reference ? "write $name without braces"
                    : "remove the braces, or write {owner = root, group = root, mode = 0640}");
  }

  void warn_about(const conf_setting& s) {
    if (const auto hash = s.value.find('#'); hash != s.value.npos && hash > 0 && is_blank(s.value[hash - 1]))
      warning("Puppet has no comments behind a value: '" + s.name + "' is '" + shown(s.value) + "'",
              "put the comment on a line of its own");
    for (const std::string_view odd : {"\u00a0", "\u201c", "\u201d", "\u2018", "\u2019", "\u200b"})
      if (s.value.find(odd) != s.value.npos) {
        warning("the value of '" + s.name + "' has a typographic quote or a no-break space in it, which Puppet keeps",
                "type the value anew with plain quotes and spaces");
        break;
      }
    const auto* first = conf_.find(section_, s.name);
    if (first != nullptr && first->value != s.value)
      warning("'" + s.name + "' is already set in line " + std::to_string(first->line) + " to '" + shown(first->value) +
                  "', and Puppet takes the first one",
              "remove one of the two lines");
  }

  void not_understood(std::string_view content) {
    const auto name = content.substr(0, content.find_first_of(" \t="));
    std::string fix = "write name = value, [section], or a comment that begins with #";
    if (content.starts_with("\xef\xbb\xbf")) fix = "remove the byte order mark at the beginning of the line";
    else if (content.front() == ';') fix = "begin comments with #";
    else if (content.front() == '[') fix = "write [main] or [agent] with nothing else on the line, no comment either";
    else if (content.find('=') != content.npos && name.find('-') != name.npos)
      fix = "names of settings have underscores, not dashes";
    error("this is not a line of puppet.conf: '" + shown(content) + "'" + std::string(dropped), fix);
  }

  void error(std::string what, std::string fix) { add(severity::error, std::move(what), std::move(fix)); }
  void warning(std::string what, std::string fix) { add(severity::warning, std::move(what), std::move(fix)); }
  void add(severity level, std::string what, std::string fix) {
    // An error must not be lost behind many warnings; beyond that a broken file is told well enough.
    if (problems_.size() >= most_problems && (level == severity::warning || has_error(problems_))) return;
    problems_.emplace_back(level, file_ + ":" + std::to_string(line_), std::move(what), std::move(fix));
  }

  const std::string& file_;
  conf conf_;
  problems problems_;
  std::string section_ = "main";
  unsigned line_ = 0;
};

}  // namespace

const conf_setting* conf::find(std::string_view section_name, std::string_view name) const noexcept {
  const auto s = std::ranges::find(sections_, section_name, &section::name);
  if (s == sections_.end()) return nullptr;
  const auto found = std::ranges::find(s->settings, name, &conf_setting::name);
  return found == s->settings.end() ? nullptr : &*found;
}

void conf::add(std::string_view section_name, conf_setting setting) {
  auto s = std::ranges::find(sections_, section_name, &section::name);
  if (s == sections_.end()) s = sections_.insert(sections_.end(), {std::string(section_name), {}});
  s->settings.push_back(std::move(setting));
}

conf_reading parse_conf(std::string_view text, const std::string& file) {
  parser p(file);
  while (!text.empty()) {
    const auto end = text.find('\n');
    p.line(text.substr(0, end));
    if (end == text.npos) break;
    text.remove_prefix(end + 1);
  }
  return std::move(p).take();
}

}  // namespace bunraku::puppet
