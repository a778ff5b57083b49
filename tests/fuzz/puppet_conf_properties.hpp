#pragma once
#include "puppet/conf.hpp"
#include "puppet/settings.hpp"

#include <bunraku/options.hpp>

#include <string>
#include <string_view>

namespace puppet_conf_properties {

/// What must hold for any bytes as puppet.conf: problems are few and complete, and a site without errors is one that
/// can be used as it stands. Returns what is broken, or nothing.
inline std::string check(std::string_view bytes) {
  using namespace bunraku;
  const auto conf = puppet::parse_conf(bytes, "p");
  puppet::lookup::inputs in;
  in.from = &conf.value;
  in.file = "p";
  in.directories = puppet::known_layouts()[3];
  in.host = {"node1", "example.com"};
  in.home = "/root";
  const auto read = puppet::read_settings(in);

  if (conf.found.size() > 100) return "more problems than anybody reads";
  for (const auto* list : {&conf.found, &read.found})
    for (const auto& p : *list)
      if (p.where().empty() || p.what().empty() || p.fix().empty()) return "a problem without place, cause or advice";
  if (has_error(read.found)) return {};

  const site& s = read.value;
  for (const auto* path : {&s.confdir, &s.vardir, &s.ssldir, &s.credentials.certificate, &s.credentials.private_key,
                           &s.credentials.ca, &read.privatekeydir})
    if (!path->starts_with('/')) return "a path that is not absolute: " + *path;
  if (s.credentials.crl.empty() != (s.credentials.check == revocation::none))
    return "a CRL against the revocation mode";
  for (const auto* host : {&s.server, &s.ca_server, &s.report_server})
    if (!puppet::is_host(*host)) return "not a host: " + *host;
  if (s.serverport == 0 || s.ca_port == 0 || s.report_port == 0) return "port 0";
  if (s.certname.empty() || s.certname.find('/') != s.certname.npos) return "a certname that cannot be a file's name";
  if (s.runinterval.count() < 0 || s.http_connect_timeout.count() < 0) return "a negative duration";
  for (const auto& service : services_of(s, true))
    for (const auto& source : service.sources)
      for (const auto& m : source.masters())
        if (!puppet::is_host(m.host()) || m.port() == 0) return "a master that cannot exist: " + m.to_string();
  return {};
}

}  // namespace puppet_conf_properties
