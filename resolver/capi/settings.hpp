#pragma once
#include "capi/failure.hpp"

#include <bunraku/identity.hpp>
#include <bunraku/options.hpp>
#include <bunraku/site.hpp>

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bunraku::capi {

/// The master that a program speaks of, however it writes the name. Throws failure.
master master_at(std::string_view host, std::uint16_t port);

/// What bunraku_options_set was told, checked; and what it makes of the files of this node.
class settings {
 public:
  /// Throws failure.
  void set(std::string_view key, std::string_view value);

  struct reading {
    resolver_options options;
    std::shared_ptr<const identity> own;
    std::string no_identity;  ///< why `own` is null
  };
  /// Blocking file reads. Throws failure.
  reading read() const;

 private:
  enum class srv_records { as_configured, yes, no };
  bool set_site(std::string_view key, std::string_view value);
  bool set_dns(std::string_view key, std::string_view value);
  bool set_connect(std::string_view key, std::string_view value);
  bool set_demand(std::string_view key, std::string_view value);
  void apply(site& to) const;

  site_options where_;
  srv_records srv_ = srv_records::as_configured;
  dns_options dns_;
  connect_options connect_;
  master_demands demands_;
  std::array<std::optional<std::vector<master>>, 4> lists_;
  // Puppet's own settings, as if given on its command line.
  std::map<std::string, std::string, std::less<>> hosts_;
  std::map<std::string, std::uint16_t, std::less<>> ports_;
  std::optional<std::vector<site::host_port>> server_list_;  // port 0: serverport
};

}  // namespace bunraku::capi
