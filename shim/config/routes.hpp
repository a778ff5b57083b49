#pragma once
#include "config/configuration.hpp"
#include "http/head.hpp"

#include <bunraku/endpoint.hpp>
#include <bunraku/service.hpp>

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

namespace shim::config {

/// Where one request goes. `service_name` and `endpoint` live as long as the `routes` they came from.
struct route {
  bunraku::service service = bunraku::service::catalog;
  std::string_view service_name;
  const bunraku::endpoint* endpoint = nullptr;  ///< its row in the built-in table: who may repeat it
  std::chrono::milliseconds first_byte{0};
  const route_rule* rule = nullptr;  ///< the [[route]] that decided, or null
};

/// The effective routing table: the configured rules in order, then the built-in endpoint table.
/// A request that the built-in table gives to `ca` is only taken by a rule whose path_prefix begins with /puppet-ca/:
/// an environment or a header chosen on the agent must not move where certificates are asked for.
/// What may be repeated is decided by the endpoint's own row, wherever the request goes.
/// Threads: immutable.
class routes {
 public:
  explicit routes(const configuration& from);

  /// `target` is the request target byte for byte; conditions are compared with its bytes, never decoded. A header
  /// condition holds if the first field of that name has the value. No allocation.
  route decide(std::string_view method, std::string_view target, const http::field_list& headers) const noexcept;

  const std::vector<route_rule>& rules() const noexcept { return rules_; }

 private:
  struct target_service {
    std::string name;
    std::chrono::milliseconds first_byte;
  };
  std::vector<route_rule> rules_;
  std::vector<target_service> services_;
};

}  // namespace shim::config
