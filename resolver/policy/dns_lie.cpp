#include "policy/dns_lie.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

namespace bunraku::policy {
namespace {

template <class Number>
bool take_number(std::string_view& from, int base, Number& into) noexcept {
  const auto [end, error] = std::from_chars(from.data(), from.data() + from.size(), into, base);
  if (error != std::errc()) return false;
  from.remove_prefix(static_cast<std::size_t>(end - from.data()));
  return true;
}

bool take_blank(std::string_view& from) noexcept {
  if (!from.starts_with(' ')) return false;
  from.remove_prefix(std::min(from.find_first_not_of(' '), from.size()));
  return true;
}

std::optional<srv_record> srv_of(std::string_view line) {
  srv_record out;
  const bool numbers = take_number(line, 10, out.priority) && take_blank(line) && take_number(line, 10, out.weight) &&
                       take_blank(line) && take_number(line, 10, out.port) && take_blank(line);
  const auto name = dns_name::from_text(line);
  auto host = name ? name->to_host() : std::nullopt;
  if (!numbers || out.port == 0 || !host) return std::nullopt;
  out.target = std::move(*host);
  return out;
}

std::optional<std::array<std::uint8_t, 4>> ipv4_of(std::string_view line) {
  std::array<std::uint8_t, 4> out{};
  for (std::size_t i = 0; i != out.size(); ++i) {
    if (i != 0) {
      if (!line.starts_with('.')) return std::nullopt;
      line.remove_prefix(1);
    }
    if (!take_number(line, 10, out[i])) return std::nullopt;
  }
  return line.empty() ? std::optional(out) : std::nullopt;
}

}  // namespace

std::optional<dns_answer> answer_of(std::string_view lines, dns_type type) {
  dns_answer out;
  out.ttl = std::chrono::seconds(0);
  while (!lines.empty()) {
    const auto line = lines.substr(0, lines.find('\n'));
    lines.remove_prefix(std::min(line.size() + 1, lines.size()));
    if (line.empty()) continue;
    if (type == dns_type::srv) {
      auto record = srv_of(line);
      if (!record || out.srv.size() == dns_answer::max_records) return std::nullopt;
      out.srv.push_back(std::move(*record));
    } else if (type == dns_type::a) {
      const auto address = ipv4_of(line);
      if (!address || out.a.size() == dns_answer::max_records) return std::nullopt;
      out.a.push_back(*address);
    } else {
      return std::nullopt;
    }
  }
  const bool found = !out.srv.empty() || !out.a.empty();
  out.state = found ? dns_answer::status::found : dns_answer::status::no_such_name;
  return out;
}

}  // namespace bunraku::policy
