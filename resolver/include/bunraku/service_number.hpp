#pragma once
#include <bunraku/options.hpp>
#include <bunraku/service.hpp>

#include <algorithm>
#include <string_view>

namespace bunraku {

/// The number that the service of this name has `now`; gone_service: there is none. It mostly is the one that it had
/// `before`, but resolver::replace may have changed it since, or given that one to another service. No allocation.
inline service number_of(std::string_view name, const resolver_options& now, service before) noexcept {
  const auto& all = now.services;
  if (index_of(before) < all.size() && all[index_of(before)].name == name) return before;
  const auto found = std::ranges::find(all, name, &service_options::name);
  return found == all.end() ? gone_service : static_cast<service>(found - all.begin());
}

}  // namespace bunraku
