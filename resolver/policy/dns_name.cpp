#include "policy/dns_name.hpp"

#include "puppet/ascii.hpp"

#include <algorithm>

namespace bunraku::policy {
namespace {

bool is_host_character(char c) noexcept { return ascii::is_lower(c) || ascii::is_digit(c) || c == '-' || c == '_'; }

/// Calls `each(label)` for every label but the root; stops when it returns false.
template <typename Each>
bool for_labels(std::string_view wire, Each each) {
  for (std::size_t at = 0; wire[at] != '\0';) {
    const auto size = static_cast<unsigned char>(wire[at]);
    if (!each(wire.substr(at + 1, size))) return false;
    at += 1u + size;
  }
  return true;
}

}  // namespace

std::optional<dns_name> dns_name::from_text(std::string_view text) {
  if (text == ".") return dns_name{};
  if (text.ends_with('.')) text.remove_suffix(1);
  dns_name name;
  for (;;) {
    const auto dot = text.find('.');
    if (!name.append(text.substr(0, dot))) return std::nullopt;
    if (dot == std::string_view::npos) return name;
    text.remove_prefix(dot + 1);
  }
}

bool dns_name::append(std::string_view label) {
  if (label.empty() || label.size() > max_label || wire_.size() + 1 + label.size() > max_wire) return false;
  wire_.back() = static_cast<char>(label.size());
  std::ranges::transform(label, std::back_inserter(wire_), [](char c) { return ascii::lower(c); });
  wire_.push_back('\0');
  return true;
}

std::string dns_name::to_text() const {
  if (is_root()) return ".";
  std::string text;
  for_labels(wire_, [&](std::string_view label) {
    if (!text.empty()) text += '.';
    for (const char c : label) {
      const auto octet = static_cast<unsigned char>(c);
      if (c == '.' || c == '\\' || c == '"' || octet <= ' ' || octet >= 0x7f) {
        text += '\\';
        for (const unsigned place : {100u, 10u, 1u}) text += static_cast<char>('0' + octet / place % 10);
      } else {
        text += c;
      }
    }
    return true;
  });
  return text;
}

std::optional<std::string> dns_name::to_host() const {
  if (is_root()) return std::nullopt;
  std::string host;
  std::string_view last;
  const bool plain = for_labels(wire_, [&](std::string_view label) {
    if (!host.empty()) host += '.';
    host += label;
    last = label;
    return std::ranges::all_of(label, is_host_character);
  });
  if (!plain || std::ranges::all_of(last, ascii::is_digit)) return std::nullopt;
  return host;
}

}  // namespace bunraku::policy
