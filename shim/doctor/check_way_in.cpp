#include "config/values.hpp"
#include "doctor/finding.hpp"

#include <algorithm>
#include <fmt/core.h>

namespace shim::doctor {
namespace {

using way_in = config::listen_at::way_in;

std::string joined(const std::vector<std::string>& all) {
  std::string out;
  for (const auto& one : all) out += (out.empty() ? "" : ", ") + one;
  return out;
}

std::string where_set(const facts& of, std::string_view setting) {
  const auto& s = *of.site;
  if (const auto found = s.given.find(setting); found != s.given.end()) return found->second.where;
  return s.config_file.empty() ? "puppet.conf" : s.config_file;
}

bool listens_at(const facts& of, way_in way, const std::string& address, std::uint16_t port) {
  return std::ranges::any_of(of.configured->listen, [&](const config::listen_at& l) {
    if (l.way != way || (l.inherit.empty() && l.port != port)) return false;
    return !l.inherit.empty() || l.address == address || l.address == "0.0.0.0" || l.address == "::";
  });
}
bool listens_on_port(const facts& of, way_in way, std::uint16_t port) {
  return std::ranges::any_of(of.configured->listen, [&](const config::listen_at& l) {
    return l.way == way && (!l.inherit.empty() || l.port == port);
  });
}

/// By http_proxy_host and http_proxy_port: is that us?
bool by_connect(const facts& of) {
  const auto& given = of.site->given;
  const auto host = given.find("http_proxy_host");
  if (host == given.end()) return false;
  const auto port = given.find("http_proxy_port");
  const auto number = port == given.end() ? std::string("3128") : port->second.value;
  return std::ranges::any_of(of.configured->listen, [&](const config::listen_at& l) {
    return l.way == way_in::connect && (!l.inherit.empty() || std::to_string(l.port) == number) &&
           (config::is_loopback(host->second.value) || host->second.value == "localhost");
  });
}

/// Where a name should lead, as a line of /etc/hosts says it.
std::string own_address(const facts& of, way_in way, std::uint16_t port) {
  for (const char* usual : {"127.0.1.1", "127.0.0.1", "::1"})
    if (listens_at(of, way, usual, port)) return usual;
  for (const auto& l : of.configured->listen)
    if (l.way == way && l.port == port) return l.address;
  return "127.0.1.1";
}

void check_address(const facts& of, const std::string& name, way_in way, std::uint16_t port,
                   std::vector<finding>& found) {
  const auto looked = of.lookups.find(name);
  if (looked == of.lookups.end()) return;
  const std::string line = own_address(of, way, port) + " " + name;
  if (looked->second.addresses.empty()) {
    found.push_back({.level = gravity::error,
                     .check = "name-unknown",
                     .where = name,
                     .what = "The agent cannot find this name's address: " + looked->second.error + ".",
                     .why = "The agent connects to it to reach bunraku; runs fail.",
                     .fix = "echo '" + line + "' >> /etc/hosts"});
    return;
  }
  std::vector<std::string> elsewhere;
  for (const auto& a : looked->second.addresses)
    if (!listens_at(of, way, a, port)) elsewhere.push_back(a);
  if (elsewhere.empty()) return;
  const bool all = elsewhere.size() == looked->second.addresses.size();
  found.push_back(
      {.level = all ? gravity::error : gravity::warning,
       .check = "name-elsewhere",
       .where = name,
       .what = fmt::format("It leads to {}, where bunraku does not listen (port {}).", joined(elsewhere), port),
       .why = all ? "The agent goes there instead of to bunraku; runs fail or go past it."
                  : "The agent may try that address first, and waits for it.",
       .fix = "In /etc/hosts: " + line +
              (all ? "   # or add a [[listen]] for that address"
                   : "   # and no other line with that name; or add a [[listen]] for that address")});
}

}  // namespace

void check_way_in(const facts& of, std::vector<finding>& found) {
  if (!of.site || !of.configured || by_connect(of)) return;
  const auto& s = *of.site;
  const bool terminates =
      std::ranges::any_of(of.configured->listen, [](const config::listen_at& l) { return l.way == way_in::terminate; });
  if (s.server == s.certname) {
    if (!listens_on_port(of, way_in::terminate, s.serverport)) {
      found.push_back(
          {.level = gravity::error,
           .check = "port",
           .where = where_set(of, "serverport"),
           .what =
               fmt::format("The agent connects to port {}, and no [[listen]] of bunraku.toml is there.", s.serverport),
           .why = "Every run fails at its first request.",
           .fix = fmt::format("In bunraku.toml: [[listen]] address = \"127.0.0.1:{}\"   # or mend serverport",
                              s.serverport)});
      return;
    }
    check_address(of, s.certname, way_in::terminate, s.serverport, found);
    return;
  }
  if (listens_on_port(of, way_in::passthrough, s.serverport)) {
    check_address(of, s.server, way_in::passthrough, s.serverport, found);
    return;
  }
  if (!terminates) return;
  found.push_back({.level = gravity::error,
                   .check = "server-elsewhere",
                   .where = where_set(of, "server"),
                   .what = s.server_set ? "server is " + s.server + ", not this node itself."
                                        : "server is not set, so the agent goes to a host called puppet.",
                   .why = "The agent goes past bunraku, which then does nothing for it.",
                   .fix = "server = $certname"});
}

}  // namespace shim::doctor
