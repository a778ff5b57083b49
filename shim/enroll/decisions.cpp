#include "enroll/decisions.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

namespace shim::enroll {

step next_step(const progress& have) noexcept {
  if (have.certificate && !have.key) return step::key_is_lost;
  if (!have.ca) return step::fetch_ca;
  if (have.wants_crls && !have.crls) return step::fetch_crls;
  if (!have.key) return step::make_key;
  if (have.certificate) return have.request ? step::remove_request : step::done;
  return have.submitted ? step::fetch_certificate : step::submit_request;
}

submission judge_submission(int status, std::string_view body) noexcept {
  if (status == 200) return submission::accepted;
  const auto says = [&](std::string_view words) { return body.find(words) != body.npos; };
  if (status == 400) {
    // Puppet takes every 400 for "go on". These three are that; any other is a refusal that no waiting mends.
    if (says("already has a requested certificate")) return submission::requested;
    if (says("already has a signed certificate")) return submission::signed_already;
    if (says("already has a revoked certificate")) return submission::revoked_already;
    return submission::refused;
  }
  if (status == 404 || status == 405) return submission::no_ca;
  if (status == 429 || status >= 500) return submission::busy;
  return submission::refused;
}

std::optional<std::string> read_fingerprint(std::string_view text) {
  std::string digits;
  const auto colon = text.find(':');
  if (colon == 6 || colon == 7) {
    std::string algorithm;
    for (const char c : text.substr(0, colon))
      if (c != '-') algorithm += static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    if (algorithm == "sha256") text.remove_prefix(colon + 1);
  }
  for (const char c : text) {
    if (c == ':') continue;
    const bool lower = c >= 'a' && c <= 'f';
    if (!lower && !(c >= 'A' && c <= 'F') && !(c >= '0' && c <= '9')) return std::nullopt;
    if (digits.size() == 64) return std::nullopt;
    digits += lower ? static_cast<char>(c - 'a' + 'A') : c;
  }
  if (digits.size() != 64) return std::nullopt;
  std::string out;
  for (std::size_t i = 0; i < digits.size(); i += 2) out += (i == 0 ? "" : ":") + digits.substr(i, 2);
  return out;
}

std::optional<std::chrono::milliseconds> pause_before_next(const wait_rule& rule, std::chrono::milliseconds waited,
                                                           std::uint64_t chance) noexcept {
  const std::chrono::milliseconds whole(rule.between);
  if (whole.count() == 0 || (rule.longest && waited >= *rule.longest)) return std::nullopt;
  const auto off = static_cast<std::int64_t>(chance % static_cast<std::uint64_t>(whole.count() / 2));
  const auto pause = whole - whole / 4 + std::chrono::milliseconds(off);
  return rule.longest ? std::min<std::chrono::milliseconds>(pause, *rule.longest - waited) : pause;
}

std::optional<std::chrono::seconds> read_duration(std::string_view text) noexcept {
  constexpr std::int64_t day = 86400, most = 36500 * day;
  constexpr std::pair<char, std::int64_t> units[] = {{'y', 365 * day}, {'d', day}, {'h', 3600}, {'m', 60}, {'s', 1}};
  std::int64_t unit = 1, count = 0;
  for (const auto& [letter, seconds] : units) {
    if (!text.ends_with(letter)) continue;
    unit = seconds;
    text.remove_suffix(1);
    break;
  }
  const auto [end, bad] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (bad != std::errc{} || end != text.data() + text.size() || count < 0 || count > most / unit) return std::nullopt;
  return std::chrono::seconds(count * unit);
}

bool holds_lock_for_puppet(std::string_view name, std::string_view command_line) noexcept {
  if (name.find("ruby") != name.npos && command_line.find("puppet") != command_line.npos) return true;
  constexpr std::string_view puppet = "puppet";
  for (auto at = name.find(puppet); at != name.npos; at = name.find(puppet, at + 1)) {
    const auto rest = name.substr(at + puppet.size());
    if (rest.empty() || rest.front() == '-') return true;
  }
  return false;
}

std::string beginning_of(std::string_view body) {
  constexpr std::size_t most = 100;
  std::string out;
  for (const char c : body.substr(0, most)) {
    const bool blank = c == ' ' || c == '\n' || c == '\r' || c == '\t';
    if (blank && (out.empty() || out.back() == ' ')) continue;
    out += blank ? ' ' : c > ' ' && c <= '~' ? c : '?';
  }
  while (out.ends_with(' ')) out.pop_back();
  return body.size() > most ? out + "..." : out;
}

}  // namespace shim::enroll
