#pragma once
#include <bunraku/demands.hpp>
#include <bunraku/log.hpp>
#include <bunraku/master.hpp>
#include <bunraku/service.hpp>
#include <bunraku/site.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace bunraku {

class extensions;

/// One place that knows masters of a service.
/// Model: for `srv`, `owner_names` are absolute names (no trailing dot) and the first one that exists is the answer;
///        a later name is asked only if every earlier one has no SRV record at all. For the other kinds, `masters` in
///        the order to try them (each its own tier); or for `plugin`, `origin` is the name of the one that knows.
class source {
 public:
  static source srv(std::vector<std::string> owner_names) { return {source_kind::srv, std::move(owner_names), {}, {}}; }
  /// `origin` says where the list was written ("server_list in /etc/puppet/puppet.conf"), for `resolve` and logs.
  static source list(std::vector<master> masters, std::string origin) {
    return {source_kind::list, {}, std::move(masters), std::move(origin)};
  }
  static source settings(std::vector<master> masters, std::string origin) {
    return {source_kind::settings, {}, std::move(masters), std::move(origin)};
  }

  static source plugin(std::string name) { return {source_kind::plugin, {}, {}, std::move(name)}; }

  source_kind kind() const noexcept { return kind_; }
  const std::vector<std::string>& owner_names() const noexcept { return owner_names_; }
  const std::vector<master>& masters() const noexcept { return masters_; }
  const std::string& origin() const noexcept { return origin_; }

 private:
  source(source_kind kind, std::vector<std::string> names, std::vector<master> masters, std::string origin)
      : kind_(kind), owner_names_(std::move(names)), masters_(std::move(masters)), origin_(std::move(origin)) {}
  source_kind kind_;
  std::vector<std::string> owner_names_;
  std::vector<master> masters_;
  std::string origin_;
};

/// A service and its sources, in the order they are asked. A later source is asked only when every master of the
/// earlier ones was tried, or when they know none. A service that DNS calls absent (".") ends the chain.
struct service_options {
  std::string name;  ///< "ca", "catalog", "files", "report", or a further service's own name
  std::vector<source> sources;
  std::vector<std::string> pins{};  ///< as master_demands::pins, for this service instead of those
  std::string policy{};             ///< which extension orders masters of one priority and health; empty: none
  std::string probe{};              ///< which extension says how loaded a master is; empty: none
};

/// Names in a domain that has servers of its own: Consul's, or a cluster's.
struct dns_forward {
  std::string domain;                    ///< lower case, without dots at its ends: "consul"; itself and all below it
  std::vector<std::string> nameservers;  ///< as dns_options::nameservers; at least one
};

/// How names are looked up. A master without a dot that comes from a list or from settings ("server = puppet") is
/// looked up in each domain of resolv.conf's search list (at most six), then as it is, all within one
/// `lookup_deadline`. SRV names and their targets never are.
struct dns_options {
  std::vector<std::string> nameservers;             ///< "127.0.0.1:5353", "[::1]:53"; empty = /etc/resolv.conf
  std::vector<dns_forward> forward{};               ///< other servers for some domains; the longest that fits counts
  std::string resolv_conf = "/etc/resolv.conf";     ///< read anew when it changes; its search list counts in any case
  std::string hosts_file = "/etc/hosts";            ///< for the masters' addresses, before DNS; empty = not used
  std::chrono::milliseconds lookup_deadline{3000};  ///< for one name with all tries and servers; 100 ms to 60 s
  std::chrono::milliseconds try_timeout{1000};      ///< before the next server or try; 50 ms to `lookup_deadline`
  std::chrono::seconds ttl_floor{5};                ///< shorter TTLs are kept this long, and up to half as much more
  std::chrono::seconds ttl_ceiling{86400};          ///< longer ones are cut
  /// For "no such name" without an SOA, and after failures; then at most 10 s once a master cannot be reached.
  std::chrono::seconds negative_ttl{30};
  /// When DNS fails or is silent, its last answer serves until it is this old; 0: it does not. Whoever needs it waits
  /// for `try_timeout` at most, and not at all while DNS is known to be silent.
  std::chrono::seconds stale_for{std::chrono::days(7)};
  /// Records that were there and are gone still serve this long, unless none of their masters can be reached.
  std::chrono::seconds vanished_for{3600};
  /// Where the last good answers are kept for the next process; empty: nowhere. Its directory must exist.
  std::string store_file;
  bool store_is_read_only = false;  ///< what is there is used, and nothing is written
};

/// How masters are dialled.
struct connect_options {
  std::chrono::milliseconds connect_timeout{3000};  ///< TCP, per address; 10 ms to 5 min
  std::chrono::milliseconds tls_timeout{5000};      ///< handshake, after TCP; 10 ms to 5 min
  /// The next address or master starts after this (RFC 8305, 5); 10 ms to 1 min.
  std::chrono::milliseconds race_delay{250};
  std::size_t race_width = 3;  ///< connections under way at once, 1 to 8
  /// For "do you live?": as long may its connection, its handshake and its answer each take; or three round trips to
  /// that master, if those are more.
  std::chrono::milliseconds status_limit{500};
};

/// Everything a resolver needs. A plain value; copied in, and not judged: keep to the ranges. Where none is given, no
/// duration is negative or above a year (`max()` is no "for ever": it overflows).
struct resolver_options {
  std::vector<service_options> services;  ///< index_of(service) is the position; at least Puppet's four
  dns_options dns;
  connect_options connect;
  master_demands demands;  ///< of whom is called a master
  /// Our own listeners, so that a name mapped to us is no loop. The host is an IP literal; "0.0.0.0" or "::" stands for
  /// all addresses of this host, but not for an interface's further ones in the network of its first.
  std::vector<master> never_dial;
  /// What an agent alone waits for a connection (http_connect_timeout): how much time was spared by not waiting is
  /// counted with it, and nothing else.
  std::chrono::seconds agent_patience{120};
  std::string affinity;           ///< certname: which master of a tier this node prefers; empty = by chance
  std::shared_ptr<log_sink> log;  ///< may be null
  std::shared_ptr<bunraku::extensions> extensions{};  ///< plugins (load_plugins) or the caller's own; may be null
};

/// Puppet's four services as puppet.conf describes them: SRV (if use_srv_records, or if `prefer_srv` and there is a
/// srv_domain), then server_list, then server/ca_server/report_server as far as they are set.
/// `ca` never falls back to the generic `_x-puppet` record by itself. server_list leaves `ca` alone when ca_server is
/// set, and `report` when report_server is (facts of Puppet's own resolvers).
std::vector<service_options> services_of(const site& from, bool prefer_srv = false);

}  // namespace bunraku
