#include "config/routes.hpp"

#include "http/target.hpp"

namespace shim::config {
namespace {

bool matches(const route_rule& rule, std::string_view target, const http::field_list& headers, bool for_ca) noexcept {
  if (for_ca && !rule.path_prefix.starts_with("/puppet-ca/")) return false;
  if (!http::path_of(target).starts_with(rule.path_prefix)) return false;
  if (!rule.environment.empty()) {
    const auto environment = http::query_value(target, "environment");
    if (!environment || *environment != rule.environment) return false;
  }
  if (!rule.header_name.empty()) {
    const auto value = headers.find(rule.header_name);
    if (!value || *value != rule.header_value) return false;
  }
  return true;
}

}  // namespace

routes::routes(const configuration& from) : rules_(from.routes) {
  for (const auto& s : from.services) services_.push_back({s.name, s.first_byte_timeout});
}

route routes::decide(std::string_view method, std::string_view target, const http::field_list& headers) const noexcept {
  route to;
  to.endpoint = &bunraku::find_endpoint(method, target);
  to.service = to.endpoint->service;
  const bool for_ca = to.service == bunraku::service::ca;
  for (const auto& rule : rules_)
    if (matches(rule, target, headers, for_ca)) {
      to.service = rule.service;
      to.rule = &rule;
      break;
    }
  const auto& chosen = services_[bunraku::index_of(to.service)];
  to.service_name = chosen.name;
  to.first_byte = chosen.first_byte;
  return to;
}

}  // namespace shim::config
