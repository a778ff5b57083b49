#include "cli/moment.hpp"
#include "cli/print_chain.hpp"
#include "cli/print_problems.hpp"
#include "cli/verbs.hpp"
#include "config/assemble.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <iostream>

namespace shim::cli {
namespace {

using bunraku::severity;

void take_demands(const config::configuration& from, const std::string& service, bunraku::chain_question& into,
                  bunraku::problems& found) {
  into.demands = from.demands;
  const auto named = std::ranges::find(from.services, service, &config::service_rule::name);
  if (named != from.services.end()) into.pins = named->pins;
  else found.emplace_back(severity::error, "--service", "there is no service `" + service + "`", "");
}

/// Without --ca it is this node that asks, with all that it demands; with it nothing of this host is read but what
/// --config names.
void take_trust(const invocation& with, bunraku::chain_question& into, bunraku::problems& found) {
  const auto add = [&](const bunraku::problems& more) { found.insert(found.end(), more.begin(), more.end()); };
  if (with.ca.empty()) {
    const auto made = daemon::load_setup(with);
    add(made.found);
    if (!made.configuration || !made.site) return;
    into.trust = config::files_of(made.configuration->upstream, *made.site);
    take_demands(*made.configuration, into.service, into, found);
  } else {
    into.trust.ca = with.ca;
    if (!with.config_given) return;
    const auto read = daemon::read_configuration(with);
    add(read.found);
    if (read.sketch) take_demands(*read.sketch, into.service, into, found);
  }
}

std::optional<bunraku::revocation> read_revocation(const std::string& text) {
  if (text == "chain") return bunraku::revocation::chain;
  if (text == "leaf") return bunraku::revocation::leaf;
  if (text == "none") return bunraku::revocation::none;
  return std::nullopt;
}

/// A host is dialled in lower case and without a dot at its end.
std::string as_dialled(std::string host) {
  if (host.ends_with('.')) host.pop_back();
  std::ranges::transform(host, host.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return host;
}

}  // namespace

int verify_chain(const invocation& with) {
  bunraku::problems found;
  bunraku::chain_question question;
  question.chain = with.chain;
  question.host = as_dialled(with.name);
  if (!with.service.empty()) question.service = with.service;
  if (!with.time.empty()) {
    question.at = read_moment(with.time);
    if (!question.at)
      found.emplace_back(severity::error, "--time", "`" + with.time.substr(0, 100) + "` is no time",
                         "write one in UTC like 2027-01-31 or 2027-01-31T12:30:00Z");
  }
  take_trust(with, question, found);
  if (!with.crl.empty()) question.trust.crl = with.crl;
  if (const auto check = read_revocation(with.revocation)) question.trust.check = *check;
  if (!with.ca.empty() && question.trust.crl.empty() && question.trust.check != bunraku::revocation::none)
    found.emplace_back(severity::error, "--crl", "no CRL bundle is named, and revocation is to be checked",
                       "give --crl FILE, or --revocation none");
  if (!bunraku::has_error(found)) {
    const auto verdict = bunraku::verify_chain(question);
    found.insert(found.end(), verdict.found.begin(), verdict.found.end());
    print(std::cerr, found);
    if (bunraku::has_error(found)) return not_done;
    if (with.json) std::cout << boost::json::serialize(to_json(question, verdict)) << '\n';
    else print(std::cout, question, verdict);
    return verdict.error ? bad_news : good;
  }
  print(std::cerr, found);
  return not_done;
}

}  // namespace shim::cli
