#include "puppetserver_load/load.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <cmath>

namespace puppetserver_load {
namespace {

namespace json = boost::json;

const json::object* object_at(const json::object* in, std::string_view key) {
  const auto* const value = in == nullptr ? nullptr : in->if_contains(key);
  return value == nullptr ? nullptr : value->if_object();
}

std::optional<double> number_at(const json::object* in, std::string_view key) {
  const auto* const value = in == nullptr ? nullptr : in->if_contains(key);
  if (value == nullptr) return std::nullopt;
  boost::system::error_code error;
  const auto number = value->to_number<double>(error);
  return error ? std::nullopt : std::optional(number);
}

/// Less than a fifth apart is no difference: these are samples of some seconds ago.
bool is_lighter(double a, double b) { return a < 0.8 * b; }

}  // namespace

std::optional<double> load_of(std::uint32_t status, std::string_view body) {
  if (status == 0 || status == 503) return busy;
  if (status != 200) return std::nullopt;
  boost::system::error_code error;
  const auto whole = json::parse(body, error);
  if (error || !whole.is_object()) return std::nullopt;
  const auto* const experimental = object_at(object_at(&whole.get_object(), "status"), "experimental");
  const auto* const metrics = object_at(experimental, "metrics");
  const auto free = number_at(metrics, "num-free-jrubies");
  if (!free) return std::nullopt;
  const auto* const lock = object_at(experimental, "jruby-pool-lock-status");
  const auto* const state = lock == nullptr ? nullptr : lock->if_contains("current-state");
  if (state != nullptr && state->is_string() && state->get_string().ends_with("acquired")) return busy;
  const auto* const waiting = metrics->if_contains("requested-instances");
  const double queue = waiting != nullptr && waiting->is_array() ? static_cast<double>(waiting->get_array().size()) : 0;
  const double borrow = std::max(1.0, number_at(metrics, "average-borrow-time").value_or(1));
  const double load = (queue + 1) / std::max(*free, 0.5) * borrow;
  return std::isfinite(load) ? std::optional(std::clamp(load, 0.0, busy)) : std::nullopt;
}

std::pair<std::size_t, std::size_t> two_choices::two_of(const std::string& service, const std::vector<candidate>& all,
                                                        std::size_t count, bool probed) {
  if (probed) {  // those that were asked for
    const auto& [a, b] = asked_[service];
    std::size_t first = count, second = count;
    for (std::size_t i = 0; i != count; ++i) {
      if (all[i].name == a) first = i;
      if (all[i].name == b) second = i;
    }
    if (first != count && second != count) return {first, second};
  }
  const std::size_t first = std::uniform_int_distribution<std::size_t>(0, count - 1)(chance_);
  std::size_t second = std::uniform_int_distribution<std::size_t>(0, count - 2)(chance_);
  second += second >= first;
  return {first, second};
}

two_choices::verdict two_choices::choose(const std::string& service, const std::vector<candidate>& all, bool probed) {
  verdict out;
  out.scores.assign(all.size(), 0);
  const auto count = static_cast<std::size_t>(
      std::ranges::find_if(all, [&](const candidate& c) { return c.group != all.front().group; }) - all.begin());
  if (count < 2) return out;
  const auto [first, second] = two_of(service, all, count, probed);
  const auto &a = all[first], &b = all[second];
  if (!probed && (!a.load || !b.load)) {
    asked_[service] = {a.name, b.name};
    out.ask = true;
    out.scores[first] = out.scores[second] = 1;
    return out;
  }
  bool first_wins = (chance_() & 1) != 0;
  if (a.load && b.load && is_lighter(*a.load, *b.load)) first_wins = true;
  if (a.load && b.load && is_lighter(*b.load, *a.load)) first_wins = false;
  out.scores[first_wins ? first : second] = -2;
  out.scores[first_wins ? second : first] = -1;
  return out;
}

}  // namespace puppetserver_load
