#pragma once
#include <bunraku/options.hpp>
#include <bunraku/service.hpp>

namespace shim::forward {

/// May this service's idle connections be another's? Not where it pins keys of its own: a connection was verified by
/// what the service demands that it was made for. It then makes a new one (with a resumed session) for each request.
inline bool shares_connections(const bunraku::resolver_options& by, bunraku::service of) noexcept {
  return bunraku::index_of(of) < by.services.size() && by.services[bunraku::index_of(of)].pins.empty();
}

}  // namespace shim::forward
