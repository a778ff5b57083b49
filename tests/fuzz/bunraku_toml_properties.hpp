#pragma once
#include "config/assemble.hpp"
#include "config/configuration.hpp"
#include "config/routes.hpp"

#include <string>
#include <string_view>

namespace bunraku_toml_properties {

/// Why any bytes, read as bunraku.toml, broke a promise; empty if they did not.
inline std::string check(std::string_view text) {
  const auto made = shim::config::parse_configuration(text, "b.toml");
  if (made.value.has_value() == has_error(made.found)) return "a value and an error, or neither";
  for (const auto& p : made.found) {
    if (p.what().empty() || !p.where().starts_with("b.toml")) return "a problem without place or sentence";
    // What was quoted from the file is not taken whole: a line on a terminal stays readable.
    if (p.what().size() > 5000 || p.fix().size() > 5000) return "a problem of more than 5000 bytes";
  }
  if (!made.sketch) return {};
  // Also what is not to be run with must not crash those who only look at it.
  const auto& c = *made.sketch;
  if (c.services.size() < 4) return "one of Puppet's services is missing";
  bunraku::site site;
  site.certname = "agent1.example.com";
  if (shim::config::assemble(c, site).services.size() != c.services.size()) return "services got lost";
  const shim::config::routes routes(c);
  for (const char* target : {"/puppet/v3/catalog/a?environment=canary", "/puppet-ca/v1/certificate/ca", "/"})
    if (routes.decide("GET", target, {}).endpoint == nullptr) return "a request without a way";
  return {};
}

}  // namespace bunraku_toml_properties
