#include "config/document.hpp"

#include <algorithm>
#include <tuple>

// Header-only and without exceptions: the packaged shared library is built with them, which is another ABI.
#undef TOML_HEADER_ONLY
#undef TOML_SHARED_LIB
#define TOML_HEADER_ONLY 1
#define TOML_EXCEPTIONS 0
#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>

namespace shim::config {
namespace {

node convert(const toml::node& from, unsigned line) {
  node made;
  made.line = line;
  if (const auto* table = from.as_table()) {
    made.type = node::kind::table;
    for (const auto& [key, value] : *table) {
      made.members.push_back(convert(value, static_cast<unsigned>(key.source().begin.line)));
      made.members.back().name = key.str();
    }
    // The library sorts by name; services are numbered, and problems told, in the order of the file.
    std::ranges::sort(made.members, {}, [](const node& m) { return std::tie(m.line, m.name); });
  } else if (const auto* array = from.as_array()) {
    made.type = node::kind::array;
    for (const auto& item : *array)
      made.items.push_back(convert(item, static_cast<unsigned>(item.source().begin.line)));
  } else if (const auto* text = from.as_string()) {
    made.type = node::kind::text;
    made.text = text->get();
  } else if (const auto* number = from.as_integer()) {
    made.type = node::kind::integer;
    made.number = number->get();
  } else if (const auto* truth = from.as_boolean()) {
    made.type = node::kind::boolean;
    made.truth = truth->get();
  } else {
    made.type = from.is_floating_point() ? node::kind::real : node::kind::time;
  }
  return made;
}

}  // namespace

const node* node::find(std::string_view key) const noexcept {
  for (const auto& member : members)
    if (member.name == key) return &member;
  return nullptr;
}

std::string_view name_of(node::kind k) noexcept {
  switch (k) {
    case node::kind::boolean: return "true or false";
    case node::kind::integer: return "an integer";
    case node::kind::real: return "a number with a point";
    case node::kind::text: return "a string";
    case node::kind::time: return "a date or time";
    case node::kind::array: return "an array";
    case node::kind::table: return "a table";
  }
  return {};
}

std::expected<node, syntax_error> parse_document(std::string_view text) {
  if (text.size() > largest_document) return std::unexpected(syntax_error{1, "the file is larger than 1 MiB"});
  const auto parsed = toml::parse(text);
  if (!parsed)
    return std::unexpected(syntax_error{static_cast<unsigned>(parsed.error().source().begin.line),
                                        std::string(parsed.error().description())});
  return convert(parsed.table(), 1);
}

}  // namespace shim::config
