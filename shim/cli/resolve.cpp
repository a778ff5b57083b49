#include "cli/print_problems.hpp"
#include "cli/print_resolution.hpp"
#include "cli/verbs.hpp"
#include "config/keys.hpp"

#include <bunraku/resolver.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/json.hpp>

#include <algorithm>
#include <iostream>
#include <map>

namespace shim::cli {
namespace {

using error_code = boost::system::error_code;

struct asked_service {
  bunraku::resolution said;
  bunraku::plan plan;
};

// Asks about all of them at once and waits for the last.
std::map<std::uint16_t, asked_service> ask(const std::vector<std::uint16_t>& which, bunraku::resolver_options options) {
  boost::asio::io_context loop(1);
  bunraku::resolver resolver(loop.get_executor(), std::move(options), nullptr);
  std::map<std::uint16_t, asked_service> out;
  for (const auto index : which) {
    const auto service = static_cast<bunraku::service>(index);
    resolver.async_resolve(service, [&out, &resolver, index, service](error_code, bunraku::resolution said) {
      out[index].said = std::move(said);
      // The plan is what a request would get, by the answers that are known now.
      resolver.async_plan(service,
                          [&out, index](error_code, bunraku::plan plan) { out[index].plan = std::move(plan); });
    });
  }
  loop.run();
  return out;
}

// What a request's plan holds first, then what later sources would add when all of these failed.
std::vector<bunraku::master> order_by_plan(asked_service& one, const std::string& certname) {
  std::vector<bunraku::master> order;
  while (one.plan.front() != nullptr) order.push_back(one.plan.take_front());
  for (const auto& m : order_of(one.said, certname))
    if (std::ranges::find(order, m) == order.end()) order.push_back(m);
  return order;
}

std::optional<std::vector<std::uint16_t>> chosen(const invocation& with, const bunraku::resolver_options& options) {
  std::vector<std::uint16_t> all;
  std::vector<std::string_view> names;
  for (std::size_t i = 0; i < options.services.size(); ++i) {
    names.push_back(options.services[i].name);
    if (with.service.empty() || with.service == options.services[i].name) all.push_back(static_cast<std::uint16_t>(i));
  }
  if (!all.empty()) return all;
  std::cerr << "bunraku: there is no service `" << with.service << "`.";
  if (const auto meant = config::nearest(with.service, names); !meant.empty())
    std::cerr << " Did you mean `" << meant << "`?";
  std::cerr << " There are";
  for (std::size_t i = 0; i < names.size(); ++i) std::cerr << (i == 0 ? " " : ", ") << names[i];
  std::cerr << ".\n";
  return std::nullopt;
}

}  // namespace

int resolve(const invocation& with) {
  auto made = daemon::load_setup(with);
  if (!bunraku::has_error(made.found)) daemon::add_source_plugins(made);
  print(std::cerr, made.found);
  if (!made.options || bunraku::has_error(made.found)) return not_done;
  made.options->dns.store_is_read_only = true;  // the file is the daemon's
  const auto which = chosen(with, *made.options);
  if (!which) return not_done;

  auto answers = ask(*which, *made.options);
  boost::json::array all;
  bool somebody_missing = false;
  for (auto& [index, answer] : answers) {
    resolved one;
    one.order = with.seed ? order_by_draw(answer.said, *with.seed) : order_by_plan(answer, made.options->affinity);
    one.said = std::move(answer.said);
    one.order_by =
        with.seed ? "seed " + std::to_string(*with.seed) : "this node's certname (" + made.site->certname + ")";
    somebody_missing = somebody_missing || one.order.empty();
    std::optional<pick_count> picks;
    if (with.picks != 0) picks = count_picks(one.said, with.picks, with.seed.value_or(0));
    if (with.json) {
      all.push_back(to_json(one, picks));
    } else {
      if (index != which->front()) std::cout << '\n';
      print(std::cout, one, picks);
    }
  }
  if (with.json) std::cout << boost::json::serialize(boost::json::object{{"services", std::move(all)}}) << '\n';
  return somebody_missing ? bad_news : good;
}

}  // namespace shim::cli
