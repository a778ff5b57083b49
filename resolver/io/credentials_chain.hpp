#pragma once
#include "io/credentials.hpp"

#include <chrono>

namespace bunraku::io {

/// What ends sooner than this is warned of.
inline constexpr std::chrono::days expiry_warning{30};

/// Verifies our own certificate as a peer would: against the CAs and CRLs in `parts`, at `now`. Sets ca_not_after and
/// crl_next_update. Adds to `found`: errors for everything above our certificate (its own dates are not looked at),
/// warnings for what ends soon and for CAs and CRLs in the bundles that our certificate does not need.
void check_chain(credentials::parts& parts, std::chrono::sys_seconds now, problems& found);

}  // namespace bunraku::io
