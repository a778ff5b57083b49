#include "config/sections.hpp"
#include "config/table_reader.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

namespace shim::config {
namespace {

bool is_plugin_name(std::string_view name) {
  return !name.empty() && name.size() <= 32 &&
         std::ranges::all_of(name, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; });
}

void write_text(std::string& to, std::string_view text) {
  constexpr std::string_view digits = "0123456789abcdef";
  to += '"';
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      to += '\\';
      to += c;
    } else if (byte < 0x20) {
      to += "\\u00";
      to += digits[byte >> 4];
      to += digits[byte & 15];
    } else {
      to += c;
    }
  }
  to += '"';
}

/// As JSON; false if it holds something that JSON cannot.
bool write_json(std::string& to, const node& from) {
  switch (from.type) {
    case node::kind::boolean: to += from.truth ? "true" : "false"; return true;
    case node::kind::integer: to += std::to_string(from.number); return true;
    case node::kind::real: {
      std::array<char, 64> text{};
      const auto end = std::to_chars(text.data(), text.data() + text.size(), from.real).ptr;
      to.append(text.data(), end);
      return std::isfinite(from.real);
    }
    case node::kind::text: write_text(to, from.text); return true;
    case node::kind::time: return false;
    case node::kind::array:
    case node::kind::table: break;
  }
  const bool table = from.type == node::kind::table;
  bool good = true;
  to += table ? '{' : '[';
  for (const auto& each : table ? from.members : from.items) {
    if (to.back() != '{' && to.back() != '[') to += ',';
    if (table) {
      write_text(to, each.name);
      to += ':';
    }
    good = write_json(to, each) && good;
  }
  to += table ? '}' : ']';
  return good;
}

void read_plugin(const node& from, const std::string& file, configuration& into, bunraku::problems& found) {
  const auto at = file + ":" + std::to_string(from.line);
  if (from.type != node::kind::table) {
    found.emplace_back(bunraku::severity::error, at,
                       "`" + from.name.substr(0, 64) + "` stands in [plugin], where only tables may be.",
                       "Write [plugin.NAME] and the key below it; where plugins are is [plugins] directory.");
    return;
  }
  if (!is_plugin_name(from.name)) {
    found.emplace_back(bunraku::severity::error, at, "A plugin cannot be called `" + from.name.substr(0, 64) + "`.",
                       "Use 1 to 32 of a-z, 0-9 and _.");
    return;
  }
  // Ours are the keys that keys.cpp lists; all others are the plugin's.
  node ours = from, theirs;
  const auto known = names_in("plugin");
  const auto is_theirs = [&](const node& m) { return std::ranges::find(known, m.name) == known.end(); };
  std::erase_if(ours.members, is_theirs);
  std::ranges::copy_if(from.members, std::back_inserter(theirs.members), is_theirs);

  table_reader in(&ours, "plugin." + from.name, file, found);
  plugin_rule rule{
      .name = from.name, .load = in.text("load"), .deadline = in.duration("deadline"), .settings = {}, .where = at};
  if (rule.load.empty()) rule.load = rule.name;
  else if (!is_plugin_name(rule.load))
    in.error("load", "\"" + rule.load + "\" is no plugin's name.", "Give the file's name alone, without .so.");
  if (!write_json(rule.settings, theirs))
    found.emplace_back(bunraku::severity::error, at, "[plugin." + from.name + "] holds a date or no finite number.",
                       "Write dates as strings, in quotes.");
  into.plugins.push_back(std::move(rule));
}

}  // namespace

void read_plugins(const node& root, const std::string& file, configuration& into, bunraku::problems& found) {
  const auto* all = root.find("plugin");
  if (all == nullptr) return;
  const auto at = file + ":" + std::to_string(all->line);
  if (all->type != node::kind::table) {
    found.emplace_back(bunraku::severity::error, at, "`plugin` must be tables.",
                       "Write [plugin.NAME], with single brackets.");
    return;
  }
  if (all->members.size() > 16)
    found.emplace_back(bunraku::severity::error, at, "There are " + std::to_string(all->members.size()) + " plugins.",
                       "Have at most 16.");
  for (const auto& from : all->members) read_plugin(from, file, into, found);
}

}  // namespace shim::config
