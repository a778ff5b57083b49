#include "puppet/lookup.hpp"

#include "puppet/ascii.hpp"
#include "puppet/setting_table.hpp"

#include <bunraku/shown_text.hpp>

#include <algorithm>
#include <array>
#include <charconv>

namespace bunraku::puppet {
namespace {

constexpr std::size_t longest_value = 64 * 1024;
constexpr long long longest_duration = 100LL * 365 * 86400;

bool is_name_char(char c) noexcept { return ascii::is_letter_or_digit(c) || c == '_'; }

std::unexpected<problem> wrong(std::string where, std::string what, std::string fix) {
  return std::unexpected(problem(severity::error, std::move(where), std::move(what), std::move(fix)));
}

// Seconds, or nothing if it is not a duration. Longer than a century counts as a century.
std::optional<long long> seconds_of(std::string_view text) noexcept {
  long long unit = 1;
  if (!text.empty()) switch (text.back()) {
      case 'y': unit = 365LL * 86400; break;
      case 'd': unit = 86400; break;
      case 'h': unit = 3600; break;
      case 'm': unit = 60; break;
      case 's': break;
      default: unit = 0;
    }
  if (unit != 0) text.remove_suffix(std::min<std::size_t>(text.size(), 1));
  else unit = 1;
  if (text.empty() || !std::ranges::all_of(text, ascii::is_digit)) return std::nullopt;
  long long count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error != std::errc{} || count > longest_duration / unit) return longest_duration;
  return count * unit;
}

}  // namespace

std::optional<long long> ruby_integer(std::string_view text) noexcept {
  while (!text.empty() && (text.front() == ' ' || (text.front() >= '\t' && text.front() <= '\r')))
    text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || (text.back() >= '\t' && text.back() <= '\r'))) text.remove_suffix(1);
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  int base = 10;
  if (text.size() > 1 && text.front() == '0') {
    const char mark = static_cast<char>(text[1] | 0x20);
    base = mark == 'x' ? 16 : mark == 'b' ? 2 : mark == 'd' ? 10 : 8;
    text.remove_prefix(base != 8 || mark == 'o' || text[1] == '_' ? 2 : 1);
  }
  std::string digits;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '_') digits += text[i];
    else if (i == 0 || i + 1 == text.size() || text[i - 1] == '_') return std::nullopt;
  }
  long long value = 0;
  if (digits.empty() || digits.front() == '-') return std::nullopt;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
  if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  return negative ? -value : value;
}

const conf_setting* lookup::set_by(std::string_view name) const noexcept {
  if (const auto* s = in_.from->find("agent", name)) return s;
  return in_.from->find("main", name);
}

std::string lookup::where(std::string_view name) const {
  const bool by_caller = (name == "certname" && !in_.certname.empty()) || (name == "ssldir" && !in_.ssldir.empty());
  const auto* s = by_caller ? nullptr : set_by(name);
  return s == nullptr ? std::string(name) : in_.file + ":" + std::to_string(s->line);
}

std::expected<std::string, problem> lookup::value(std::string_view name) {
  if (const auto found = known_.find(name); found != known_.end()) return found->second;
  auto result = evaluate(name);
  known_.emplace(name, result);
  return result;
}

std::expected<std::string, problem> lookup::evaluate(std::string_view name) {
  if (std::ranges::find(under_way_, name) != under_way_.end())
    return wrong(where(name), "the value of '" + std::string(name) + "' refers to itself, directly or through others",
                 "write the value out in one of them");
  std::expected<std::string, problem> raw = std::string{};
  if (name == "certname" && !in_.certname.empty()) return in_.certname;
  if (name == "ssldir" && !in_.ssldir.empty()) return in_shape(in_.ssldir, name);
  if (const auto* s = set_by(name)) raw = s->value;
  else raw = raw_default(name);
  if (!raw) return raw;

  under_way_.push_back(name);
  auto result = interpolate(*raw, name);
  under_way_.pop_back();
  if (!result) return result;
  return in_shape(std::move(*result), name);
}

// Only called for names in the table. The problem's place is that of the setting which refers to it.
std::expected<std::string, problem> lookup::raw_default(std::string_view name) const {
  const auto* row = find_setting(name);
  if (row == nullptr || row->value == setting_row::no_value)
    return wrong(std::string(name), "'" + std::string(name) + "' has no value", "set it in puppet.conf");
  if (row->value == setting_row::computed)
    return wrong(std::string(name), "the default of '" + std::string(name) + "' is not known to bunraku",
                 "write the value out");
  if (row->value != setting_row::from_host) return std::string(row->value);
  const auto& d = in_.directories;
  if (name == "certname") return in_.host.certname();
  if (name == "srv_domain") return in_.host.domain;
  if (name == "confdir") return d.confdir;
  if (name == "ssldir") return d.ssldir;
  if (name == "vardir") return d.vardir;
  if (name == "codedir") return d.codedir;
  if (name == "publicdir") return d.publicdir;
  if (name == "rundir") return d.rundir;
  return d.logdir;
}

std::expected<std::string, problem> lookup::interpolate(std::string_view raw, std::string_view name) {
  std::string out;
  while (!raw.empty()) {
    const auto dollar = std::min(raw.find('$'), raw.size());
    out += raw.substr(0, dollar);
    raw.remove_prefix(dollar);
    if (raw.empty()) break;
    const bool braces = raw.size() > 1 && raw[1] == '{';
    const auto begin = raw.begin() + (braces ? 2 : 1);
    const auto end = std::find_if_not(begin, raw.end(), is_name_char);
    const std::string_view referred(begin, end);
    if (referred.empty() || (braces && (end == raw.end() || *end != '}'))) {
      out += '$';
      raw.remove_prefix(1);
      continue;
    }
    const auto expression = raw.substr(0, referred.size() + (braces ? 3 : 1));
    raw.remove_prefix(expression.size());
    auto value = reference(referred, expression, name);
    if (!value) return value;
    out += *value;
    if (out.size() > longest_value)
      return wrong(where(name), "the value of '" + std::string(name) + "' grows beyond 64 KiB",
                   "write it out, shorter");
  }
  return out;
}

std::expected<std::string, problem> lookup::reference(std::string_view name, std::string_view expression,
                                                      std::string_view inside) {
  if (name == "run_mode") return "agent";
  // Puppet leaves this one as it stands everywhere but in config_version.
  if (name == "environment") return std::string(expression);
  const auto* row = find_setting(name);
  const bool valueless = row != nullptr && set_by(name) == nullptr && row->value == setting_row::no_value;
  if (row == nullptr || valueless)
    return wrong(where(inside),
                 "the value of '" + std::string(inside) + "' refers to " + shown_text(expression, 100) +
                     ", and there is no " + (valueless ? "value for that setting" : "such setting"),
                 "write the value out; only Puppet's own settings can be referred to, not facts");
  auto found = value(name);
  if (!found && set_by(name) == nullptr && row->value == setting_row::computed)
    return wrong(where(inside),
                 "the value of '" + std::string(inside) + "' refers to " + shown_text(expression, 100) +
                     ", whose default bunraku does not know",
                 "write the value out");
  return found;
}

std::expected<std::string, problem> lookup::in_shape(std::string value, std::string_view name) const {
  const auto* row = find_setting(name);
  const auto bad = [&](std::string_view wanted, std::string fix) {
    return wrong(where(name),
                 "'" + std::string(name) + "' is '" + shown_text(value, 100) + "', which is not " + std::string(wanted),
                 std::move(fix));
  };
  using enum setting_row::type;
  switch (row == nullptr ? text : row->kind) {
    case text: return value;
    case boolean:
      if (value == "true" || value == "false") return value;
      return bad("true or false", "write true or false");
    case integer:
    case port: {
      const auto number = ruby_integer(value);
      if (number && (row->kind == integer || (*number >= 0 && *number <= 65535))) return std::to_string(*number);
      return row->kind == port ? bad("a port", "write a number from 1 to 65535")
                               : bad("a number", "write a whole number");
    }
    case ttl:
    case duration: {
      if (row->kind == ttl && value == "unlimited") return value;
      if (const auto seconds = seconds_of(value)) return std::to_string(*seconds);
      return bad("a duration", "write one whole number and one of y, d, h, m or s, such as 90s or 2m");
    }
    case path: {
      auto expanded = expand_path(value, in_.home);
      if (expanded.starts_with('/')) return expanded;
      return bad("an absolute path", "write the path from / on; Puppet would take it from wherever it is started");
    }
  }
  return value;
}

}  // namespace bunraku::puppet
