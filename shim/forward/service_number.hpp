#pragma once
#include <bunraku/options.hpp>
#include <bunraku/service.hpp>

#include <algorithm>
#include <string_view>

namespace shim::forward {

/// The number that the service of this name has now; gone_service: there is none. It mostly is the one that it had
/// `before`, but a reload may have changed it since, or given that one to another service.
inline bunraku::service number_of(std::string_view name, const bunraku::resolver_options& now,
                                  bunraku::service before) {
  const auto& all = now.services;
  if (index_of(before) < all.size() && all[index_of(before)].name == name) return before;
  const auto found = std::ranges::find(all, name, &bunraku::service_options::name);
  return found == all.end() ? bunraku::gone_service : static_cast<bunraku::service>(found - all.begin());
}

}  // namespace shim::forward
