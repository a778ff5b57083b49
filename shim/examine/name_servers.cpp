#include "examine/examine.hpp"

#include <bunraku/resolver.hpp>

#include <boost/asio/io_context.hpp>

#include <algorithm>
#include <fstream>
#include <memory>
#include <sstream>

namespace shim::examine {
namespace {

namespace net = boost::asio;
using bunraku::source_answer;

constexpr std::size_t most_servers = 8;

/// resolv.conf(5): of its name servers the first three are used.
std::vector<std::string> servers_in(const std::string& resolv_conf) {
  constexpr std::size_t most = 3;
  std::vector<std::string> out;
  std::ifstream in(resolv_conf);
  for (std::string line; std::getline(in, line) && out.size() < most;) {
    std::istringstream words(line);
    std::string key, address;
    if (words >> key >> address && key == "nameserver") out.push_back(address);
  }
  return out;
}

void take(doctor::name_server_fact& into, const bunraku::resolution& said, std::size_t& answered) {
  for (const auto& one : said.answers) {
    if (one.kind != bunraku::source_kind::srv || one.state == source_answer::status::failed) continue;
    ++answered;
    std::vector<std::string> masters;
    for (const auto& m : one.masters) masters.push_back(m.to_string());
    std::ranges::sort(masters);
    into.masters[one.asked] = std::move(masters);
  }
}

}  // namespace

void ask_name_servers(doctor::facts& into, const bunraku::resolver_options& options) {
  const auto servers = options.dns.nameservers.empty() ? servers_in(options.dns.resolv_conf) : options.dns.nameservers;
  for (const auto& one : servers) into.name_servers.push_back({.server = one, .masters = {}});
  if (servers.size() < 2 || servers.size() > most_servers) return;  // each service's own finding tells of a single one
  net::io_context loop(1);
  std::vector<std::size_t> answered(servers.size()), asked(servers.size());
  std::vector<std::unique_ptr<bunraku::resolver>> resolvers;
  for (std::size_t i = 0; i != servers.size(); ++i) {
    auto alone = options;
    alone.dns.nameservers = {servers[i]};
    alone.extensions = nullptr;  // plugins have no part in it
    resolvers.push_back(std::make_unique<bunraku::resolver>(loop.get_executor(), std::move(alone), nullptr));
    for (std::size_t s = 0; s != options.services.size(); ++s)
      resolvers.back()->async_resolve(static_cast<bunraku::service>(s), [&, i](boost::system::error_code,
                                                                               const bunraku::resolution& said) {
        asked[i] +=
            static_cast<std::size_t>(std::ranges::count(said.answers, bunraku::source_kind::srv, &source_answer::kind));
        take(into.name_servers[i], said, answered[i]);
      });
  }
  loop.run();
  for (std::size_t i = 0; i != servers.size(); ++i) into.name_servers[i].silent = asked[i] != 0 && answered[i] == 0;
}

}  // namespace shim::examine
