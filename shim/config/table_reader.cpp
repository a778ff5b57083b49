#include "config/table_reader.hpp"

#include "config/values.hpp"

#include <bunraku/token_uri.hpp>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <limits>

namespace shim::config {
namespace {

std::string_view unquoted(std::string_view toml_text) noexcept {
  return toml_text.size() >= 2 && toml_text.front() == '"' ? toml_text.substr(1, toml_text.size() - 2) : toml_text;
}

bool has_control(std::string_view text) noexcept {
  return std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

std::vector<std::string_view> words(std::string_view choices) {
  std::vector<std::string_view> out;
  while (!choices.empty()) {
    const auto bar = choices.find('|');
    out.push_back(choices.substr(0, bar));
    choices = bar == std::string_view::npos ? std::string_view{} : choices.substr(bar + 1);
  }
  return out;
}

std::string listed(const std::vector<std::string_view>& all) {
  std::string out;
  for (const auto& one : all) {
    if (!out.empty()) out += ", ";
    out += one;
  }
  return out;
}

std::string example_of(const key_row& row) {
  switch (row.takes) {
    case shape::boolean: return "true or false";
    case shape::integer: return "a number, as " + std::string(row.fallback);
    case shape::duration: return "a string with a number and a unit (ms, s, m, h, d), as " + std::string(row.fallback);
    case shape::text:
    case shape::path:
    case shape::key:
    case shape::choice: return "a string in quotes";
    case shape::texts: return "an array of strings, as [\"one\", \"two\"]";
    case shape::users: return "an array of user names and numbers, as [\"puppet\", 1000]";
    case shape::pair: return "a table, as { name = \"X-Canary\", value = \"yes\" }";
  }
  return {};
}

}  // namespace

table_reader::table_reader(const node* from, std::string table, const std::string& file, bunraku::problems& found)
    : from_(from), table_(std::move(table)), file_(file), found_(found) {
  if (from_ == nullptr) return;
  if (from_->type != node::kind::table) {
    found_.emplace_back(bunraku::severity::error, where(),
                        "`" + table_ + "` must be a table, not " + std::string(name_of(from_->type)) + ".",
                        "Write its keys below a line [" + table_ + "].");
    from_ = nullptr;
    return;
  }
  const auto known = names_in(table_);
  for (const auto& member : from_->members) {
    const auto& name = member.name;
    if (std::ranges::find(known, name) != known.end()) continue;
    const auto meant = nearest(name, known);
    error(name, "[" + table_ + "] has no key `" + name + "`.",
          meant.empty() ? "Its keys are " + listed(known) + "." : "Did you mean `" + std::string(meant) + "`?");
  }
}

std::string table_reader::where(std::string_view key) const {
  const node* at = key.empty() ? nullptr : given(key);
  if (at == nullptr) at = from_;
  return at == nullptr ? file_ : file_ + ":" + std::to_string(at->line);
}

void table_reader::error(std::string_view key, std::string what, std::string fix) {
  found_.emplace_back(bunraku::severity::error, where(key), std::move(what), std::move(fix));
}
void table_reader::warning(std::string_view key, std::string what, std::string fix) {
  found_.emplace_back(bunraku::severity::warning, where(key), std::move(what), std::move(fix));
}

const key_row& table_reader::row(std::string_view key) const {
  const auto* found = find_key(table_, key);
  if (found == nullptr) std::abort();  // a key that keys.cpp does not list: ours to mend
  return *found;
}

const node* table_reader::of_kind(std::string_view key, node::kind wanted) {
  const auto* at = given(key);
  if (at == nullptr || at->type == wanted) return at;
  error(key, "`" + std::string(key) + "` must not be " + std::string(name_of(at->type)) + ".",
        "Give " + example_of(row(key)) + ".");
  return nullptr;
}

bool table_reader::boolean(std::string_view key) {
  const auto* at = of_kind(key, node::kind::boolean);
  return at == nullptr ? row(key).fallback == "true" : at->truth;
}

std::int64_t table_reader::integer(std::string_view key) {
  const auto& r = row(key);
  if (const auto* at = of_kind(key, node::kind::integer)) {
    if (at->number >= r.least && at->number <= r.most) return at->number;
    error(key, "`" + std::string(key) + "` is " + std::to_string(at->number) + ".",
          "Give a number from " + std::to_string(r.least) + " to " + std::to_string(r.most) + ".");
  }
  std::int64_t value = 0;
  std::from_chars(r.fallback.data(), r.fallback.data() + r.fallback.size(), value);
  return value;
}

std::chrono::milliseconds table_reader::duration(std::string_view key) {
  const auto& r = row(key);
  if (const auto* at = of_kind(key, node::kind::text)) {
    const auto value = parse_duration(at->text);
    if (value && value->count() >= r.least && value->count() <= r.most) return *value;
    const auto range =
        "from " + to_string(std::chrono::milliseconds(r.least)) + " to " + to_string(std::chrono::milliseconds(r.most));
    error(key,
          "`" + std::string(key) + "` is \"" + (at->text.size() > 64 ? "..." : at->text) + "\"" +
              (value ? "." : ", which is no duration."),
          value ? "Give a duration " + range + "."
                : "Give a number and a unit (ms, s, m, h, d), as " + std::string(r.fallback) + ", " + range + ".");
  }
  return parse_duration(unquoted(r.fallback)).value_or(std::chrono::milliseconds(0));
}

bool table_reader::sound(std::string_view key, const std::string& value, const key_row& r) {
  const auto name = "`" + std::string(key) + "`";
  if (has_control(value)) {
    error(key, name + " holds a control character.", "Remove it; in a TOML string \\ begins an escape.");
  } else if (r.takes == shape::choice) {
    const auto allowed = words(r.choices);
    if (std::ranges::find(allowed, value) != allowed.end()) return true;
    const auto meant = nearest(value, allowed);
    error(key, name + " is \"" + value.substr(0, 64) + "\", which it cannot be.",
          (meant.empty() ? std::string() : "Did you mean \"" + std::string(meant) + "\"? ") + "There are " +
              listed(allowed) + ".");
    return false;
  } else if (r.takes != shape::texts && value.size() < static_cast<std::size_t>(r.least)) {
    error(key, name + " is empty.", "Give a value or remove the line.");
  } else if (r.takes != shape::texts && value.size() > static_cast<std::size_t>(r.most)) {
    error(key, name + " is longer than " + std::to_string(r.most) + " bytes.", "Shorten it.");
  } else if (r.takes == shape::path && !value.starts_with('/')) {
    error(key, name + " is \"" + value.substr(0, 256) + "\", which is not an absolute path.",
          "Begin it with /; bunraku's working directory is not yours.");
  } else if (r.takes == shape::key && !bunraku::is_token_uri(value) && !value.starts_with('/')) {
    error(key, name + " is \"" + value.substr(0, 256) + "\", which is neither an absolute path nor a key in a token.",
          "Begin it with / or with pkcs11:.");
  } else if (const auto uri = bunraku::parse_token_uri(value);
             r.takes == shape::key && bunraku::is_token_uri(value) && !uri.mistake.empty()) {
    error(key, name + " names no key in a token: " + uri.mistake + ".",
          "Write it as in RFC 7512: \"pkcs11:token=NAME;object=NAME?pin-source=FILE\".");
  } else {
    return true;
  }
  return false;
}

std::string table_reader::text(std::string_view key) {
  const auto& r = row(key);
  const auto* at = given(key);
  // true and false without quotes where they are words among others.
  if (at != nullptr && at->type == node::kind::boolean && r.takes == shape::choice && r.choices.contains("true"))
    return at->truth ? "true" : "false";
  at = of_kind(key, node::kind::text);
  if (at != nullptr && sound(key, at->text, r)) return at->text;
  return std::string(unquoted(r.fallback));
}

std::vector<std::string> table_reader::texts(std::string_view key) {
  const auto& r = row(key);
  const auto* at = given(key);
  if (at == nullptr) return {};
  if (at->type == node::kind::text) return sound(key, at->text, r) ? std::vector{at->text} : std::vector<std::string>{};
  at = of_kind(key, node::kind::array);
  if (at == nullptr) return {};
  if (at->items.size() > static_cast<std::size_t>(r.most)) {
    error(key, "`" + std::string(key) + "` has " + std::to_string(at->items.size()) + " entries.",
          "Give at most " + std::to_string(r.most) + ".");
    return {};
  }
  std::vector<std::string> out;
  for (const auto& item : at->items) {
    if (item.type != node::kind::text)
      error(key, "`" + std::string(key) + "` holds " + std::string(name_of(item.type)) + ".",
            "Give " + example_of(r) + ".");
    else if (sound(key, item.text, r)) out.push_back(item.text);
  }
  return out;
}

std::vector<std::variant<std::uint32_t, std::string>> table_reader::users(std::string_view key) {
  const auto* at = of_kind(key, node::kind::array);
  if (at == nullptr) return {};
  std::vector<std::variant<std::uint32_t, std::string>> out;
  if (at->items.size() > static_cast<std::size_t>(row(key).most)) {
    error(key, "`users` has " + std::to_string(at->items.size()) + " entries.",
          "Give at most " + std::to_string(row(key).most) + ".");
    return out;
  }
  for (const auto& item : at->items) {
    if (item.type == node::kind::text && !item.text.empty() && item.text.size() <= 64 && !has_control(item.text))
      out.emplace_back(item.text);
    // 2^32 - 1 is the kernel's "nobody in particular".
    else if (item.type == node::kind::integer && item.number >= 0 &&
             item.number < std::numeric_limits<std::uint32_t>::max())
      out.emplace_back(static_cast<std::uint32_t>(item.number));
    else error(key, "`users` holds something that is no user.", "Give " + example_of(row(key)) + ".");
  }
  return out;
}

std::optional<std::pair<std::string, std::string>> table_reader::pair(std::string_view key) {
  const auto* at = of_kind(key, node::kind::table);
  if (at == nullptr) return std::nullopt;
  const auto* name = at->find("name");
  const auto* value = at->find("value");
  const bool good = at->members.size() == 2 && name != nullptr && value != nullptr && name->type == node::kind::text &&
                    value->type == node::kind::text;
  if (!good) {
    error(key, "`" + std::string(key) + "` must have exactly `name` and `value`, both strings.",
          "Give " + example_of(row(key)) + ".");
    return std::nullopt;
  }
  const auto most = static_cast<std::size_t>(row(key).most);
  if (name->text.size() > most || value->text.size() > most || has_control(value->text)) {
    error(key, "`" + std::string(key) + "` holds a control character or more than " + std::to_string(most) + " bytes.",
          "Give what a header can hold.");
    return std::nullopt;
  }
  return std::pair(name->text, value->text);
}

}  // namespace shim::config
