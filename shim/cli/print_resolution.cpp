#include "cli/print_resolution.hpp"

#include "cli/text_table.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <fmt/format.h>
#include <optional>
#include <ostream>

namespace shim::cli {
namespace {

using bunraku::master;
using bunraku::source_answer;
using bunraku::source_kind;

std::string_view word_for(source_answer::status s) {
  switch (s) {
    case source_answer::status::answered: return "answered";
    case source_answer::status::empty: return "empty";
    case source_answer::status::absent: return "absent";
    case source_answer::status::failed: return "failed";
  }
  return {};
}

std::string headline(const source_answer& a) {
  std::string line = std::string(bunraku::name_of(a.kind)) + " " + a.asked;
  switch (a.state) {
    case source_answer::status::answered:
      if (a.kind == source_kind::srv) line += fmt::format(", asked again in {} s at the earliest", a.ttl_left.count());
      break;
    case source_answer::status::empty: line += ": no masters"; break;
    case source_answer::status::absent: line += ": \".\", the service is decidedly not offered (RFC 2782)"; break;
    case source_answer::status::failed: line += ": no answer: " + a.error.message(); break;
  }
  return line;
}

// Masters in the order of the standard's reading: priority, then the heavier first.
std::vector<master> sorted(const source_answer& a) {
  auto out = a.masters;
  if (a.kind == source_kind::srv)
    std::ranges::sort(out, [](const master& x, const master& y) {
      if (x.priority() != y.priority()) return x.priority() < y.priority();
      if (x.weight() != y.weight()) return x.weight() > y.weight();
      return x < y;
    });
  return out;
}

// A master counts at its lowest priority; the weights of its records there add up.
std::string reason_in_srv(const source_answer& a, const master& who) {
  std::optional<std::uint16_t> priority;
  for (const auto& m : a.masters)
    if (m == who) priority = std::min(priority.value_or(m.priority()), m.priority());
  if (!priority) return {};
  std::uint64_t tier = 0, own = 0;
  bool alone = true;
  for (const auto& m : a.masters) {
    if (m.priority() != *priority) continue;
    alone = alone && m == who;
    tier += m.weight();
    if (m == who) own += m.weight();
  }
  auto why = fmt::format("SRV priority {}", *priority);
  if (!alone) why += tier == 0 ? ", all weights 0" : fmt::format(", weight {} of {}", own, tier);
  return why;
}

const source_answer* first_answer(const bunraku::resolution& said) {
  for (const auto& a : said.answers) {
    if (a.state == source_answer::status::absent) return nullptr;
    if (!a.masters.empty()) return &a;
  }
  return nullptr;
}

void print_answer(std::ostream& to, const source_answer& a) {
  to << "  " << headline(a) << '\n';
  if (!a.note.empty()) to << "    " << a.note << '\n';
  if (a.masters.empty()) return;
  if (a.kind == source_kind::srv) {
    text_table table({"priority", "weight", "master"});
    for (const auto& m : sorted(a))
      table.add({std::to_string(m.priority()), std::to_string(m.weight()), m.to_string()});
    table.print(to, 4);
  } else {
    for (const auto& m : a.masters) to << "    " << m.to_string() << '\n';
  }
}

boost::json::object json_of(const master& m, bool srv) {
  boost::json::object o{{"host", m.host()}, {"port", m.port()}};
  if (srv) o["priority"] = m.priority(), o["weight"] = m.weight();
  return o;
}

// Each record's chance to come first. Source: RFC 2782, page 3, with what it leaves open drawn by chance: of n records
// of weight sum S, z of them with weight 0, w / (S + 1), or 1 / (z (S + 1)) for w = 0; without any, (w + 1/n) / (S +
// 1).
std::vector<std::pair<master, double>> first_shares(const bunraku::resolution& from) {
  std::vector<std::pair<master, double>> out;
  const auto* first = first_answer(from);
  if (first == nullptr) return out;
  if (first->kind != source_kind::srv) return {{first->masters.front(), 1.0}};
  auto tier = sorted(*first);
  const auto same_record = [](const master& a, const master& b) { return a == b && a.weight() == b.weight(); };
  std::erase_if(tier, [lowest = tier.front().priority()](const master& m) { return m.priority() != lowest; });
  tier.erase(std::unique(tier.begin(), tier.end(), same_record), tier.end());
  double sum = 1, zeros = 0;
  for (const auto& m : tier) sum += m.weight(), zeros += m.weight() == 0 ? 1 : 0;
  for (const auto& m : tier) {
    double share = m.weight();
    if (zeros == 0) share += 1.0 / static_cast<double>(tier.size());
    else if (m.weight() == 0) share = 1.0 / zeros;
    out.emplace_back(m, share / sum);
  }
  return out;
}

}  // namespace

std::string reason_of(const bunraku::resolution& said, const master& who) {
  bool earlier = false;
  for (const auto& a : said.answers) {
    const auto at = std::ranges::find(a.masters, who);
    if (at == a.masters.end()) {
      earlier = earlier || !a.masters.empty();
      continue;
    }
    if (a.kind != source_kind::srv)
      return fmt::format("{} {} in {}{}", bunraku::name_of(a.kind), at - a.masters.begin() + 1, a.asked,
                         earlier ? ", after the sources before it" : "");
    return reason_in_srv(a, who);
  }
  return {};
}

pick_count count_picks(const bunraku::resolution& from, std::uint64_t picks, std::uint64_t seed) {
  pick_count count{picks, seed, {}};
  const auto shares = first_shares(from);
  for (const auto& m : order_by_draw(from, seed)) {
    double expected = 0;
    for (const auto& [who, share] : shares)
      if (who == m) expected += share;
    count.lines.push_back({m, expected, {}});
  }
  for (auto& line : count.lines) line.places.resize(count.lines.size());
  std::ranges::sort(count.lines, [](const pick_count::line& a, const pick_count::line& b) {
    return a.expected != b.expected ? a.expected > b.expected : a.who < b.who;
  });
  for (std::uint64_t i = 0; i < picks; ++i) {
    std::size_t place = 0;
    for (const auto& m : order_by_draw(from, seed + i)) {
      const auto at = std::ranges::find(count.lines, m, &pick_count::line::who);
      if (at != count.lines.end()) ++at->places[place++];
    }
  }
  return count;
}

void print(std::ostream& to, const resolved& one, const std::optional<pick_count>& picks) {
  to << one.said.service_name << '\n';
  if (one.said.answers.empty()) to << "  no source: nothing says who serves it\n";
  for (const auto& a : one.said.answers) print_answer(to, a);
  if (one.order.empty()) {
    to << "  order: nobody\n";
  } else {
    to << "  order, by " << one.order_by << ":\n";
    text_table table;
    std::size_t place = 0;
    for (const auto& m : one.order) table.add({std::to_string(++place), m.to_string(), reason_of(one.said, m)});
    table.print(to, 4);
  }
  if (!picks || picks->lines.empty()) return;
  to << fmt::format("  first in {} draws, seeds from {}:\n", picks->picks, picks->seed);
  text_table table({"master", "times", "share", "by weight"});
  for (const auto& line : picks->lines)
    table.add({line.who.to_string(), std::to_string(line.places[0]),
               fmt::format("{:.2f} %", 100.0 * static_cast<double>(line.places[0]) / static_cast<double>(picks->picks)),
               fmt::format("{:.2f} %", 100.0 * line.expected)});
  table.print(to, 4);
}

boost::json::object to_json(const resolved& one, const std::optional<pick_count>& picks) {
  boost::json::array answers, order;
  for (const auto& a : one.said.answers) {
    const bool srv = a.kind == source_kind::srv;
    boost::json::array masters;
    for (const auto& m : sorted(a)) masters.push_back(json_of(m, srv));
    boost::json::object o{{"source", bunraku::name_of(a.kind)}, {"asked", a.asked}, {"state", word_for(a.state)}};
    if (srv && a.state != source_answer::status::failed) o["ttl_left"] = a.ttl_left.count();
    if (a.error) o["error"] = a.error.message();
    if (!a.note.empty()) o["note"] = a.note;
    o["masters"] = std::move(masters);
    answers.push_back(std::move(o));
  }
  for (const auto& m : one.order) {
    auto o = json_of(m, false);
    o["why"] = reason_of(one.said, m);
    order.push_back(std::move(o));
  }
  boost::json::object out{{"service", one.said.service_name},
                          {"answers", std::move(answers)},
                          {"order_by", one.order_by},
                          {"order", std::move(order)}};
  if (picks) {
    boost::json::array lines;
    for (const auto& line : picks->lines)
      lines.push_back(boost::json::object{{"master", line.who.to_string()},
                                          {"expected", line.expected},
                                          {"places", boost::json::value_from(line.places)}});
    out["picks"] = boost::json::object{{"count", picks->picks}, {"seed", picks->seed}, {"masters", std::move(lines)}};
  }
  return out;
}

}  // namespace shim::cli
