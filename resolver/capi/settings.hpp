#pragma once
#include "capi/failure.hpp"

#include <bunraku/identity.hpp>
#include <bunraku/options.hpp>
#include <bunraku/site.hpp>

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bunraku::capi {

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
  site_options where_;
  srv_records srv_ = srv_records::as_configured;
  dns_options dns_;
  connect_options connect_;
  std::array<std::optional<std::vector<master>>, 4> lists_;
};

}  // namespace bunraku::capi
