#include "http/target.hpp"

namespace shim::http {

namespace {

bool is_plain(char c) noexcept { return c > 0x20 && c < 0x7f && c != '"' && c != '\\'; }

}  // namespace

std::string_view path_of(std::string_view target) noexcept { return target.substr(0, target.find('?')); }

std::optional<std::string_view> query_value(std::string_view target, std::string_view name) noexcept {
  const std::size_t mark = target.find('?');
  if (mark == std::string_view::npos) return std::nullopt;
  std::string_view rest = target.substr(mark + 1);
  for (;;) {
    const std::size_t separator = rest.find('&');
    const std::string_view parameter = rest.substr(0, separator);
    if (parameter.starts_with(name)) {
      if (parameter.size() == name.size()) return std::string_view{};
      if (parameter[name.size()] == '=') return parameter.substr(name.size() + 1);
    }
    if (separator == std::string_view::npos) return std::nullopt;
    rest.remove_prefix(separator + 1);
  }
}

void append_loggable_path(std::string& out, std::string_view target, std::size_t max_bytes) {
  constexpr std::string_view hex = "0123456789abcdef";
  const auto path = path_of(target);
  bool all_plain = path.size() <= max_bytes;
  for (const char c : path) all_plain &= is_plain(c);  // no end at the first: the compiler looks at many at once
  if (all_plain) {
    out += path;
    return;
  }
  const std::size_t start = out.size();
  for (const char c : path) {
    const auto u = static_cast<unsigned char>(c);
    const bool plain = is_plain(c);
    if (out.size() - start + (plain ? 1 : 4) > max_bytes) {
      out.append("...");
      return;
    }
    if (plain) {
      out.push_back(c);
    } else {
      out.append("\\x").push_back(hex[u >> 4]);
      out.push_back(hex[u & 15]);
    }
  }
}

}  // namespace shim::http
