#include <bunraku/token_uri.hpp>

#include <algorithm>
#include <array>
#include <optional>

namespace bunraku {
namespace {

constexpr std::string_view scheme = "pkcs11:";
// RFC 7512, 2.3, as far as the engine knows them.
constexpr std::array<std::string_view, 10> path_attributes{"token",
                                                           "manufacturer",
                                                           "serial",
                                                           "model",
                                                           "object",
                                                           "type",
                                                           "id",
                                                           "library-manufacturer",
                                                           "library-description",
                                                           "library-version"};

std::optional<unsigned> hex_digit(char c) noexcept {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a' + 10);
  if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A' + 10);
  return std::nullopt;
}

/// Nothing if a % is not followed by two digits, or means a NUL.
std::optional<std::string> decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    if (text.size() - i < 3) return std::nullopt;
    const auto high = hex_digit(text[i + 1]), low = hex_digit(text[i + 2]);
    if (!high || !low || *high + *low == 0) return std::nullopt;
    out += static_cast<char>(*high * 16 + *low);
    i += 2;
  }
  return out;
}

struct attribute {
  std::string_view name, value;
};

/// Calls `each` for the attributes between separators, until it returns a mistake.
template <class Each>
std::string for_each_attribute(std::string_view text, char separator, Each each) {
  while (!text.empty()) {
    const auto end = text.find(separator);
    const auto one = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
    const auto equals = one.find('=');
    if (equals == std::string_view::npos) return "it has a part without `=`";
    if (auto mistake = each(attribute{one.substr(0, equals), one.substr(equals + 1)}); !mistake.empty()) return mistake;
  }
  return {};
}

std::string take_path(std::string_view text, token_uri& into) {
  bool names_something = false;
  auto mistake = for_each_attribute(text, ';', [&](attribute a) -> std::string {
    if (std::ranges::find(path_attributes, a.name) == path_attributes.end())
      return "it has no attribute `" + std::string(a.name.substr(0, 64)) + "`";
    if (!decoded(a.value)) return "its `" + std::string(a.name) + "` has a % that two hexadecimal digits do not follow";
    if (a.name == "type" && a.value != "private") return "its `type` is not `private`";
    names_something |= a.name == "object" || a.name == "id";
    return {};
  });
  if (mistake.empty() && !names_something) mistake = "it says by no `object` or `id` which key is meant";
  into.key = std::string(scheme) + std::string(text);
  return mistake;
}

std::string take_file(attribute a, std::string& into) {
  auto path = decoded(a.value.starts_with("file:") ? a.value.substr(5) : a.value);
  if (path && path->starts_with("//")) path->erase(0, 2);  // file:///etc/pin
  if (!path || !path->starts_with('/')) return "its `" + std::string(a.name) + "` is no absolute path";
  into = std::move(*path);
  return {};
}

std::string take_query(std::string_view text, token_uri& into) {
  return for_each_attribute(text, '&', [&](attribute a) -> std::string {
    if (a.name == "pin-source") return take_file(a, into.pin_file);
    if (a.name == "module-path") return take_file(a, into.module_path);
    if (a.name == "pin-value")
      return "it holds a PIN, which others may read here; write that into a file of mode 0600 and name it by "
             "`pin-source`";
    return "behind its ? may be `pin-source` and `module-path`, not `" + std::string(a.name.substr(0, 64)) + "`";
  });
}

}  // namespace

bool is_token_uri(std::string_view text) noexcept { return text.starts_with(scheme); }

token_uri_reading parse_token_uri(std::string_view text) {
  token_uri_reading out;
  const auto query = text.find('?');
  text.remove_prefix(std::min(scheme.size(), text.size()));
  const auto path = text.substr(0, query == std::string_view::npos ? query : query - scheme.size());
  out.mistake = take_path(path, out.value);
  if (out.mistake.empty() && path.size() < text.size())
    out.mistake = take_query(text.substr(path.size() + 1), out.value);
  return out;
}

}  // namespace bunraku
