#include "io/resolv_conf.hpp"

#include "puppet/lines.hpp"

#include <boost/asio/ip/address_v4.hpp>

#include <charconv>
#include <span>

namespace bunraku::io {
namespace {

using puppet::take_line;
using puppet::words_of;

constexpr std::size_t max_servers = 3;
constexpr std::size_t max_search_domains = 6;  // resolv.conf(5), before glibc 2.26 lifted it

std::expected<name_server, std::string> refuse(std::string_view text, std::string_view why) {
  return std::unexpected("'" + std::string(text.substr(0, 100)) + "' is not a name server: " + std::string(why));
}

/// "fe80::1%eth0" too. Whether there is such an interface is nothing to ask before it is needed.
bool read_address(std::string_view text, name_server& into) {
  const auto percent = text.find('%');
  boost::system::error_code bad;
  into.address = boost::asio::ip::make_address(std::string(text.substr(0, percent)), bad);
  if (bad || percent == std::string_view::npos) return !bad;
  into.scope = text.substr(percent + 1);
  return !into.scope.empty() && into.address.is_v6() && into.address.to_v6().is_link_local();
}

}  // namespace

std::string name_server::to_string() const {
  const auto text = address.to_string() + (scope.empty() ? "" : "%" + scope);
  return (address.is_v6() ? "[" + text + "]" : text) + ":" + std::to_string(port);
}

std::expected<name_server, std::string> parse_name_server(std::string_view text) {
  std::string_view host = text, port;
  if (text.starts_with('[')) {
    const auto close = text.find(']');
    if (close == std::string_view::npos) return refuse(text, "the bracket is not closed");
    host = text.substr(1, close - 1);
    port = text.substr(close + 1);
    if (!port.empty() && port.front() != ':') return refuse(text, "a ':' and the port must follow the bracket");
  } else if (const auto colon = text.find(':'); colon != std::string_view::npos && colon == text.rfind(':')) {
    host = text.substr(0, colon);
    port = text.substr(colon);
  }

  name_server server;
  if (!read_address(host, server))
    return refuse(text, "an IP address, perhaps with ':port', is needed (IPv6 with a port in brackets)");
  if (!port.empty()) {
    port.remove_prefix(1);
    const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), server.port);
    if (error != std::errc{} || end != port.data() + port.size() || server.port == 0)
      return refuse(text, "the port must be 1 to 65535");
  }
  return server;
}

std::vector<name_server> parse_resolv_conf(std::string_view text) {
  std::vector<name_server> servers;
  while (!text.empty() && servers.size() < max_servers) {
    const auto words = words_of(take_line(text), "#;");
    if (words.size() < 2 || words[0] != "nameserver") continue;
    name_server server;
    if (read_address(words[1], server)) servers.push_back(std::move(server));
  }
  if (servers.empty()) servers.push_back({boost::asio::ip::address_v4::loopback(), 53});
  return servers;
}

std::vector<std::string> parse_search_list(std::string_view text) {
  std::vector<std::string> domains;
  while (!text.empty()) {
    auto words = words_of(take_line(text), "#;");
    if (words.size() < 2 || (words[0] != "search" && words[0] != "domain")) continue;
    if (words[0] == "domain") words.resize(2);
    domains.clear();
    for (auto word : std::span(words).subspan(1)) {
      if (word.ends_with('.')) word.remove_suffix(1);
      if (!word.empty() && domains.size() < max_search_domains) domains.emplace_back(word);
    }
  }
  return domains;
}

void resolv_conf::refresh() {
  const auto text = file_.read_if_changed();
  if (!text) return;
  servers_ = parse_resolv_conf(*text);
  search_list_ = parse_search_list(*text);
}

const std::vector<name_server>& resolv_conf::name_servers() {
  refresh();
  return servers_;
}

const std::vector<std::string>& resolv_conf::search_list() {
  refresh();
  return search_list_;
}

}  // namespace bunraku::io
