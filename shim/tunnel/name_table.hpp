#pragma once
#include "config/configuration.hpp"

#include <bunraku/service.hpp>
#include <bunraku/site.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace shim::tunnel {

/// Where a client's wish leads.
struct destination {
  enum class kind : std::uint8_t {
    service,   ///< to a master of `service`
    own_node,  ///< this node's certname: to the way in `terminate`
    refused,   ///< nowhere; `why` says which setting would allow it
  };
  kind what = kind::refused;
  bunraku::service service = bunraku::service::catalog;
  std::string service_name;
  std::string why;  ///< one sentence without a full stop; has the name that was asked for in it
};

/// By which names the clients of `connect` and `passthrough` may ask for what: those of [service.NAME] in bunraku.toml,
/// then puppet.conf's server (catalog), ca_server and report_server with their ports, and the node's own certname.
/// A name and port that is in more than one of them leads where the first one says.
/// Threads: immutable.
class name_table {
 public:
  struct entry {
    std::string host;
    std::uint16_t port;
    bunraku::service service;
    std::string_view origin;  ///< "bunraku.toml", "server", ...; static
  };
  name_table(const config::configuration& from, const bunraku::site& site);

  /// CONNECT host:port. `host` is lower case, without a trailing dot.
  destination find(std::string_view host, std::uint16_t port) const;
  /// TLS for this server, at a listener on this port: where several services share a name, the port decides, then the
  /// order of entries().
  destination find_server(std::string_view name, std::uint16_t listener_port) const;
  /// TLS that names no server.
  destination find_unnamed(const config::listen_at& listener) const;

  const std::vector<entry>& entries() const noexcept { return entries_; }
  const std::string& certname() const noexcept { return certname_; }
  const std::vector<std::uint16_t>& own_ports() const noexcept { return own_ports_; }
  const std::string& service_name(bunraku::service s) const { return services_.at(bunraku::index_of(s)); }
  /// "puppet.example.com:8140 (catalog), ..." for people; the first eight.
  std::string known() const;

 private:
  void add(const std::string& host, std::uint16_t port, bunraku::service service, std::string_view origin);
  destination to(bunraku::service service) const;
  destination refuse_unknown(const std::string& asked) const;

  std::string certname_;
  std::vector<std::uint16_t> own_ports_;
  std::vector<std::string> services_;
  std::vector<entry> entries_;
};

}  // namespace shim::tunnel
