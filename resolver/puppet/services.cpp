#include <bunraku/options.hpp>

namespace bunraku {
namespace {

struct service_rule {
  service which;
  // SRV owner names without the domain; a later one is asked when the earlier ones have no record.
  // Source: puppet/http/dns.rb. Puppet lets the CA fall back to _x-puppet too; we do not, since compilers are not CAs.
  std::vector<std::string> prefixes;
};

const std::vector<service_rule>& rules() {
  static const std::vector<service_rule> all = {
      {service::ca, {"_x-puppet-ca._tcp."}},
      {service::catalog, {"_x-puppet._tcp."}},
      {service::files, {"_x-puppet-fileserver._tcp.", "_x-puppet._tcp."}},
      {service::report, {"_x-puppet-report._tcp.", "_x-puppet._tcp."}},
  };
  return all;
}

struct setting {
  std::string name;
  std::string host;
  std::uint16_t port;
  bool set;
};

// The setting that names this service's master: its own one if that is set, else `server` with the service's own port.
setting setting_of(service which, const site& s) {
  setting general{"server", s.server, s.serverport, s.server_set};
  if (which == service::ca) {
    if (s.ca_server_set) return {"ca_server", s.ca_server, s.ca_port, true};
    return {general.name, general.host, s.ca_port, general.set};
  }
  if (which == service::report) {
    if (s.report_server_set) return {"report_server", s.report_server, s.report_port, true};
    return {general.name, general.host, s.report_port, general.set};
  }
  return general;
}

bool has_own_setting(service which, const site& s) {
  return (which == service::ca && s.ca_server_set) || (which == service::report && s.report_server_set);
}

std::string origin_of(const std::string& setting, const site& s) {
  return s.config_file.empty() ? setting : setting + " in " + s.config_file;
}

}  // namespace

std::vector<service_options> services_of(const site& from, bool prefer_srv) {
  const bool srv = (from.use_srv_records || prefer_srv) && !from.srv_domain.empty();
  std::vector<service_options> out;
  for (const auto& rule : rules()) {
    service_options service{std::string(builtin_name(rule.which)), {}};
    if (srv) {
      std::vector<std::string> owners;
      for (const auto& prefix : rule.prefixes) owners.push_back(prefix + from.srv_domain);
      service.sources.push_back(source::srv(std::move(owners)));
    }
    // Where server_list holds, `server` is not asked after it: when all of a list are down, people want to hear so
    // (PUP-7804, PUP-9076). A service with a setting of its own does not look at the list.
    const bool listed = !from.server_list.empty() && !has_own_setting(rule.which, from);
    const auto own = setting_of(rule.which, from);
    if (listed) {
      std::vector<master> masters;
      for (const auto& entry : from.server_list) masters.emplace_back(entry.host, entry.port, source_kind::list);
      service.sources.push_back(source::list(std::move(masters), origin_of("server_list", from)));
    } else if (own.set) {
      // Puppet's default `server = puppet` is never dialled: on a network nobody configured it can be anybody.
      service.sources.push_back(
          source::settings({master(own.host, own.port, source_kind::settings)}, origin_of(own.name, from)));
    }
    out.push_back(std::move(service));
  }
  return out;
}

}  // namespace bunraku
