#include "policy/answer_file.hpp"

#include "policy/dns_name.hpp"
#include "policy/stable_hash.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <tuple>

namespace bunraku::policy {
namespace {

using status = dns_answer::status;
using reason = answer_file_refusal::reason;

constexpr std::string_view magic = "bunraku-answers ";
constexpr std::string_view version = "1";
constexpr std::string_view sum_mark = "sum ";
constexpr std::size_t sum_digits = 16;
constexpr std::int64_t latest_time = 253402300799;  // the end of the year 9999
constexpr std::array<std::pair<std::string_view, dns_type>, 3> types{
    {{"srv", dns_type::srv}, {"a", dns_type::a}, {"aaaa", dns_type::aaaa}}};
constexpr std::array<std::pair<std::string_view, status>, 4> states{{{"found", status::found},
                                                                     {"no_data", status::no_data},
                                                                     {"no_such_name", status::no_such_name},
                                                                     {"absent", status::absent}}};

template <typename Table, typename Value>
std::string_view word_for(const Table& table, Value value) {
  for (const auto& [word, meant] : table)
    if (meant == value) return word;
  return {};
}

template <typename Value, std::size_t Size>
std::optional<Value> meaning_of(std::string_view text, const std::array<std::pair<std::string_view, Value>, Size>& in) {
  for (const auto& [word, meant] : in)
    if (word == text) return meant;
  return std::nullopt;
}

std::string hex(std::uint64_t number, std::size_t digits) {
  std::string text(digits, '0');
  for (auto at = text.rbegin(); at != text.rend(); ++at, number >>= 4) *at = "0123456789abcdef"[number & 15];
  return text;
}

/// The whole text as a number: digits only, no sign.
template <typename Number>
std::optional<Number> number_in(std::string_view text, Number most, int base = 10) {
  Number value = 0;
  if (text.starts_with('-')) return std::nullopt;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || end != text.data() + text.size() || value > most) return std::nullopt;
  return value;
}

/// Up to the next `until`, which is taken too; the rest if there is none.
std::string_view take(std::string_view& text, char until) {
  const auto end = text.find(until);
  const auto part = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return part;
}

/// Exactly `N` words with one blank between.
template <std::size_t N>
std::optional<std::array<std::string_view, N>> words(std::string_view line) {
  if (std::ranges::count(line, ' ') != N - 1) return std::nullopt;
  std::array<std::string_view, N> found;
  for (auto& word : found) word = take(line, ' ');
  return found;
}

/// A name that is written as DNS compares it and that fits into a line.
bool is_plain(std::string_view name) {
  const auto parsed = dns_name::from_text(name);
  return parsed && parsed->to_host() == std::string(name);
}

std::string text_of(const srv_record& srv) {
  return std::to_string(srv.priority) + ' ' + std::to_string(srv.weight) + ' ' + std::to_string(srv.port) + ' ' +
         srv.target;
}
std::string text_of(const std::array<std::uint8_t, 4>& octets) {
  std::string text;
  for (const auto octet : octets) text += (text.empty() ? "" : ".") + std::to_string(octet);
  return text;
}
std::string text_of(const std::array<std::uint8_t, 16>& octets) {
  std::string text;
  for (std::size_t i = 0; i < octets.size(); i += 2)
    text += (text.empty() ? "" : ":") + hex(static_cast<unsigned>(octets[i] << 8 | octets[i + 1]), 4);
  return text;
}

void write_records(const dns_answer& answer, std::string& into) {
  std::vector<std::string> lines;
  for (const auto& each : answer.srv) lines.push_back(text_of(each));
  for (const auto& each : answer.a) lines.push_back(text_of(each));
  for (const auto& each : answer.aaaa) lines.push_back(text_of(each));
  std::ranges::sort(lines);
  for (const auto& line : lines) into += "= " + line + '\n';
}

bool read_srv(std::string_view line, dns_answer& into) {
  const auto parts = words<4>(line);
  if (!parts) return false;
  const auto& [priority, weight, port, target] = *parts;
  constexpr unsigned most = 65535;
  const auto p = number_in(priority, most), w = number_in(weight, most), to = number_in(port, most);
  if (!p || !w || !to || *to == 0 || !is_plain(target)) return false;
  into.srv.push_back({static_cast<std::uint16_t>(*p), static_cast<std::uint16_t>(*w), static_cast<std::uint16_t>(*to),
                      std::string(target)});
  return true;
}

bool read_a(std::string_view line, dns_answer& into) {
  if (std::ranges::count(line, '.') != 3) return false;
  std::array<std::uint8_t, 4> octets{};
  for (auto& octet : octets) {
    const auto number = number_in<unsigned>(take(line, '.'), 255);
    if (!number) return false;
    octet = static_cast<std::uint8_t>(*number);
  }
  into.a.push_back(octets);
  return true;
}

bool read_aaaa(std::string_view line, dns_answer& into) {
  if (std::ranges::count(line, ':') != 7) return false;
  std::array<std::uint8_t, 16> octets{};
  for (std::size_t i = 0; i < octets.size(); i += 2) {
    const auto group = take(line, ':');
    const auto number = number_in<unsigned>(group, 65535, 16);
    if (!number || group.size() != 4) return false;
    octets[i] = static_cast<std::uint8_t>(*number >> 8);
    octets[i + 1] = static_cast<std::uint8_t>(*number & 255);
  }
  into.aaaa.push_back(octets);
  return true;
}

bool read_record(std::string_view line, stored_answer& into) {
  auto& answer = into.answer;
  if (answer.state != status::found) return false;
  if (answer.srv.size() + answer.a.size() + answer.aaaa.size() >= dns_answer::max_records) return false;
  switch (into.question.second) {
    case dns_type::srv: return read_srv(line, answer);
    case dns_type::a: return read_a(line, answer);
    case dns_type::aaaa: return read_aaaa(line, answer);
    case dns_type::cname:
    case dns_type::soa: break;
  }
  return false;
}

std::optional<stored_answer> read_head(std::string_view line) {
  const auto parts = words<4>(line);
  if (!parts) return std::nullopt;
  const auto& [type_word, name, state_word, time_word] = *parts;
  const auto type = meaning_of(type_word, types);
  const auto state = meaning_of(state_word, states);
  const auto time = number_in(time_word, latest_time);
  if (!type || !state || !time || !is_plain(name)) return std::nullopt;
  if (*state == status::absent && *type != dns_type::srv) return std::nullopt;
  stored_answer answer{{std::string(name), *type}, {}, std::chrono::sys_seconds(std::chrono::seconds(*time))};
  answer.answer.state = *state;
  return answer;
}

bool is_whole(const stored_answer& each) {
  const auto& [state, srv, a, aaaa, ttl, note] = each.answer;
  return (state == status::found) == (!srv.empty() || !a.empty() || !aaaa.empty());
}

std::unexpected<answer_file_refusal> refuse(reason why, std::string what) {
  return std::unexpected(answer_file_refusal{why, std::move(what)});
}

/// Everything but the sum; nothing if the sum is missing or wrong.
std::optional<std::string_view> without_sum(std::string_view text) {
  constexpr std::size_t tail = sum_mark.size() + sum_digits + 1;
  if (text.size() < tail || text.back() != '\n') return std::nullopt;
  const auto body = text.substr(0, text.size() - tail);
  const auto line = text.substr(body.size());
  if (!body.ends_with('\n') || !line.starts_with(sum_mark)) return std::nullopt;
  if (line.substr(sum_mark.size(), sum_digits) != hex(stable_hash(body), sum_digits)) return std::nullopt;
  return body;
}

}  // namespace

std::string write_answer_file(std::span<const stored_answer> answers) {
  std::string text = std::string(magic) + std::string(version) + '\n';
  std::size_t count = 0;
  for (const auto& each : answers) {
    const auto type = word_for(types, each.question.second);
    const auto state = word_for(states, each.answer.state);
    const auto time = each.learned.time_since_epoch().count();
    if (type.empty() || state.empty() || !is_plain(each.question.first) || !is_whole(each)) continue;
    if (time < 0 || time > latest_time) continue;
    std::string entry =
        std::string(type) + ' ' + each.question.first + ' ' + std::string(state) + ' ' + std::to_string(time) + '\n';
    write_records(each.answer, entry);
    if (++count > max_stored_answers || text.size() + entry.size() + 64 > max_answer_file_bytes) break;
    text += entry;
  }
  return text + std::string(sum_mark) + hex(stable_hash(text), sum_digits) + '\n';
}

std::expected<std::vector<stored_answer>, answer_file_refusal> read_answer_file(std::string_view text) {
  if (text.size() > max_answer_file_bytes || !text.starts_with(magic))
    return refuse(reason::foreign, "was not written by bunraku");
  auto rest = text.substr(magic.size());
  const auto of = take(rest, '\n');
  const auto body = without_sum(text);
  if (of != version) {
    if (const auto number = number_in<unsigned>(of, 1000000); number && *number > 1)
      return refuse(reason::newer,
                    "is of version " + std::to_string(*number) + ", which only a newer bunraku can read");
    return refuse(reason::damaged, "is torn or was changed by hand");
  }
  if (!body) return refuse(reason::damaged, "is torn or was changed by hand (its checksum is missing or wrong)");

  std::vector<stored_answer> answers;
  auto lines = body->substr(magic.size() + version.size() + 1);
  for (std::size_t number = 2; !lines.empty(); ++number) {
    const auto line = take(lines, '\n');
    bool good = false;
    if (line.starts_with("= ")) {
      good = !answers.empty() && read_record(line.substr(2), answers.back());
    } else if (auto head = read_head(line); head && answers.size() < max_stored_answers) {
      good = answers.empty() || is_whole(answers.back());
      answers.push_back(std::move(*head));
    }
    if (!good) return refuse(reason::damaged, "is damaged: line " + std::to_string(number) + " makes no sense");
  }
  if (!answers.empty() && !is_whole(answers.back())) return refuse(reason::damaged, "is damaged: its end is missing");
  return answers;
}

}  // namespace bunraku::policy
