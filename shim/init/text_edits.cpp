#include "init/text_edits.hpp"

#include <algorithm>
#include <cctype>

namespace shim::init {
namespace {

constexpr std::string_view begin_mark = "# bunraku init: through bunraku; `bunraku init --undo` takes it back\n";
constexpr std::string_view end_mark = "# bunraku init: end\n";
constexpr std::string_view kept_mark = "# bunraku init, before: ";
constexpr std::string_view blanks = " \t\r\n\v\f";

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

/// Lines with their ends.
std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> out;
  while (!text.empty()) {
    const auto end = text.find('\n');
    out.push_back(text.substr(0, end == std::string_view::npos ? text.size() : end + 1));
    text.remove_prefix(out.back().size());
  }
  return out;
}

bool is_section(std::string_view line) {
  const auto inner = trimmed(line);
  return inner.size() > 2 && inner.front() == '[' && inner.back() == ']';
}

std::string_view name_set_by(std::string_view line) {
  const auto equals = line.find('=');
  return equals == std::string_view::npos ? std::string_view{} : trimmed(line.substr(0, equals));
}

std::string block_of(const settings& wanted) {
  std::string out(begin_mark);
  for (const auto& [name, value] : wanted) out += name + (value.empty() ? " =\n" : " = " + value + '\n');
  return out.append(end_mark);
}

void end_the_line(std::string& text) {
  if (!text.empty() && text.back() != '\n') text += '\n';
}

bool names(std::string_view line, std::string_view name) {
  line = line.substr(0, line.find('#'));
  bool first = true;
  while (!(line = trimmed(line)).empty()) {
    const auto word = line.substr(0, line.find_first_of(blanks));
    const bool same = std::ranges::equal(
        word, name, [](unsigned char a, unsigned char b) { return std::tolower(a) == std::tolower(b); });
    if (!first && same) return true;
    first = false;
    line.remove_prefix(word.size());
  }
  return false;
}

}  // namespace

std::string with_agent_settings(std::string_view puppet_conf, const settings& wanted) {
  std::string out;
  bool in_agent = false, written = false;
  for (const auto line : lines_of(puppet_conf)) {
    if (is_section(line)) {
      in_agent = trimmed(line) == "[agent]";
      out += line;
      if (in_agent && !written) {
        end_the_line(out);
        out += block_of(wanted);
        written = true;
      }
      continue;
    }
    const auto name = name_set_by(line);
    if (in_agent && std::ranges::any_of(wanted, [&](const auto& w) { return w.first == name; })) out += kept_mark;
    out += line;
  }
  if (!written) {
    end_the_line(out);
    if (!out.empty()) out += '\n';
    out += "[agent]\n" + block_of(wanted);
  }
  return out;
}

std::string with_name(std::string_view hosts, std::string_view name, std::string_view address) {
  const std::string ours =
      std::string(address) + ' ' + std::string(name) + " # bunraku init: the agent's way to bunraku\n";
  std::string out;
  bool written = false;
  for (const auto line : lines_of(hosts)) {
    if (!written && names(line, name)) {
      const auto first = trimmed(line);
      if (first.substr(0, first.find_first_of(blanks)) == address) return std::string(hosts);
      out += ours;
      written = true;
    }
    out += line;
  }
  if (!written) {
    end_the_line(out);
    out += ours;
  }
  return out;
}

}  // namespace shim::init
