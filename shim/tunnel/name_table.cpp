#include "tunnel/name_table.hpp"

#include <bunraku/master.hpp>

#include <algorithm>

namespace shim::tunnel {
namespace {

using kind = destination::kind;

std::string written(std::string_view host, std::uint16_t port) {
  return bunraku::master(std::string(host), port, bunraku::source_kind::list).to_string();
}

destination refuse(std::string why) { return {kind::refused, bunraku::service::catalog, {}, std::move(why)}; }

}  // namespace

name_table::name_table(const config::configuration& from, const bunraku::site& site)
    : certname_(site.certname), own_ports_{site.serverport} {
  const auto own = [this](std::uint16_t port) {
    if (port != 0 && std::ranges::find(own_ports_, port) == own_ports_.end()) own_ports_.push_back(port);
  };
  for (const auto& l : from.listen)
    if (l.way == config::listen_at::way_in::terminate) own(l.port);
  own(site.ca_port);
  own(site.report_port);
  for (std::size_t i = 0; i < from.services.size(); ++i) {
    services_.push_back(from.services[i].name);
    for (const auto& n : from.services[i].names)
      add(n.host, n.port, static_cast<bunraku::service>(i), "names in bunraku.toml");
  }
  add(site.server, site.serverport, bunraku::service::catalog, "server in puppet.conf");
  add(site.ca_server, site.ca_port, bunraku::service::ca, "ca_server in puppet.conf");
  add(site.report_server, site.report_port, bunraku::service::report, "report_server in puppet.conf");
}

void name_table::add(const std::string& host, std::uint16_t port, bunraku::service service, std::string_view origin) {
  const bool known = std::ranges::any_of(entries_, [&](const entry& e) { return e.port == port && e.host == host; });
  if (known || host.empty() || host == certname_) return;
  entries_.push_back({host, port, service, origin});
}

destination name_table::to(bunraku::service service) const {
  return {kind::service, service, service_name(service), {}};
}

destination name_table::refuse_unknown(const std::string& asked) const {
  return refuse(asked + " is no name of a service here: add it to `names` of a [service.NAME] in bunraku.toml");
}

destination name_table::find(std::string_view host, std::uint16_t port) const {
  const auto asked = written(host, port);
  if (host == certname_) {
    if (std::ranges::find(own_ports_, port) != own_ports_.end()) return {kind::own_node, {}, {}, {}};
    return refuse(asked + " is this node itself, but on port " + std::to_string(own_ports_.front()) +
                  ": see serverport in puppet.conf");
  }
  const entry* by_name = nullptr;
  for (const auto& e : entries_) {
    if (e.host != host) continue;
    if (e.port == port) return to(e.service);
    if (by_name == nullptr) by_name = &e;
  }
  if (by_name == nullptr) return refuse_unknown(asked);
  const auto& service = service_name(by_name->service);
  return refuse(asked + " is " + service + "'s name, but on port " + std::to_string(by_name->port) +
                ": ask for that one, or add it to `names` of [service." + service + "] in bunraku.toml");
}

destination name_table::find_server(std::string_view name, std::uint16_t listener_port) const {
  if (name == certname_) return {kind::own_node, {}, {}, {}};
  const entry* by_name = nullptr;
  for (const auto& e : entries_) {
    if (e.host != name) continue;
    if (e.port == listener_port) return to(e.service);
    if (by_name == nullptr) by_name = &e;
  }
  return by_name == nullptr ? refuse_unknown(std::string(name)) : to(by_name->service);
}

destination name_table::find_unnamed(const config::listen_at& listener) const {
  if (listener.service) return to(*listener.service);
  return refuse("it names no server in its TLS: give `service` in this [[listen]] of bunraku.toml to take it");
}

std::string name_table::known() const {
  std::string out;
  for (std::size_t i = 0; i < std::min<std::size_t>(entries_.size(), 8); ++i) {
    if (i != 0) out += ", ";
    out += written(entries_[i].host, entries_[i].port) + " (" + service_name(entries_[i].service) + ")";
  }
  return entries_.size() > 8 ? out + ", ..." : out;
}

}  // namespace shim::tunnel
