#include "fault.hpp"

#include "openssl_handles.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <array>
#include <sstream>

namespace lab {
namespace {

namespace json = boost::json;

struct term_rule {
  std::string_view name;
  bool at_connection;
  bool has_number;
};

constexpr std::array<term_rule, 22> known{{
    {"refuse", true, false},
    {"reset_after_accept", true, false},
    {"hang_after_accept", true, false},
    {"plain_text", true, false},
    {"hang_after_handshake", true, false},
    {"reset_after_handshake", true, false},
    {"delay_ms", false, true},
    {"close_before_answer", false, false},
    {"reset_before_answer", false, false},
    {"hang_before_answer", false, false},
    {"die_before_answer", false, false},
    {"hang_after_headers", false, false},
    {"reset_after_bytes", false, true},
    {"close_after_bytes", false, true},
    {"hang_after_bytes", false, true},
    {"slow_bps", false, true},
    {"status", false, true},
    {"retry_after", false, true},
    {"raw", false, false},
    {"close_after_answer", false, false},
    {"notify_after_answer", false, false},
    {"last_answer", false, false},
}};

const term_rule& rule_of(std::string_view name) {
  const auto* found = std::ranges::find(known, name, &term_rule::name);
  if (found == known.end()) throw failure("no fault is called \"" + std::string(name) + "\"");
  return *found;
}

std::int64_t number_in(const std::string& term, const std::string& digits) {
  std::size_t used = 0;
  std::int64_t number = -1;
  try {
    number = std::stoll(digits, &used);
  } catch (const std::exception&) {
    used = 0;
  }
  if (used == 0 || used != digits.size() || number < 0)
    throw failure("\"" + term + "\": want a number after the colon");
  return number;
}

void add_term(fault& into, const std::string& term) {
  const auto colon = term.find(':');
  const auto name = term.substr(0, colon);
  const auto& rule = rule_of(name);
  if (rule.has_number != (colon != std::string::npos)) {
    throw failure("\"" + term + "\": " + (rule.has_number ? "wants" : "takes no") + " number");
  }
  into.terms[name] = rule.has_number ? number_in(term, term.substr(colon + 1)) : 1;
}

void read_match(fault& into, const json::object& match) {
  for (const auto& [key, value] : match) {
    if (key == "method") {
      into.method = std::string(value.as_string());
    } else if (key == "path_prefix") {
      into.path_prefix = std::string(value.as_string());
    } else if (key == "nth") {
      into.nth = json::value_to<std::uint64_t>(value);
    } else if (key == "times") {
      into.times = json::value_to<std::uint64_t>(value);
    } else {
      throw failure("\"match\" has no \"" + std::string(key) + "\"");
    }
  }
}

// Whether this match, just counted, is one to spoil.
bool chosen(fault& candidate) {
  ++candidate.matched;
  if (candidate.nth != 0 && candidate.matched != candidate.nth) return false;
  if (candidate.times != 0 && candidate.used >= candidate.times) return false;
  ++candidate.used;
  return true;
}

}  // namespace

std::optional<std::int64_t> fault::value(std::string_view term) const {
  const auto found = terms.find(term);
  if (found == terms.end()) return std::nullopt;
  return found->second;
}

bool fault::at_connection() const {
  return std::ranges::any_of(terms, [](const auto& term) { return rule_of(term.first).at_connection; });
}

fault parse_fault(const json::object& order) {
  fault parsed;
  std::istringstream terms{std::string(order.at("fault").as_string())};
  for (std::string term; std::getline(terms, term, ',');) add_term(parsed, term);
  if (parsed.terms.empty()) throw failure("\"fault\" is empty");
  if (const auto* match = order.if_contains("match")) read_match(parsed, match->as_object());
  if (const auto* body = order.if_contains("body")) parsed.body = std::string(body->as_string());
  if (const auto* type = order.if_contains("content_type")) parsed.content_type = std::string(type->as_string());
  if (parsed.at_connection() && !(parsed.path_prefix.empty() && parsed.method.empty())) {
    throw failure("a fault at the connection cannot match a method or a path");
  }
  return parsed;
}

std::uint64_t fault_table::add(fault added) {
  added.id = ++last_id_;
  faults_.push_back(std::move(added));
  return last_id_;
}

bool fault_table::remove(std::uint64_t id) {
  return faults_.remove_if([id](const fault& f) { return f.id == id; }) > 0;
}

bool fault_table::refuses() const {
  return std::ranges::any_of(faults_, [](const fault& f) { return f.has("refuse"); });
}

std::optional<fault> fault_table::on_connection() {
  for (auto& candidate : faults_) {
    if (candidate.at_connection() && !candidate.has("refuse") && chosen(candidate)) return candidate;
  }
  return std::nullopt;
}

std::optional<fault> fault_table::on_request(std::string_view method, std::string_view target) {
  std::optional<fault> first;
  for (auto& candidate : faults_) {
    if (candidate.at_connection()) continue;
    if (!candidate.method.empty() && candidate.method != method) continue;
    if (!target.starts_with(candidate.path_prefix)) continue;
    if (!first && chosen(candidate)) first = candidate;
  }
  return first;
}

}  // namespace lab
