#pragma once
#include "http/head.hpp"

#include <cstdint>

namespace shim::http {

/// What a client does with an answer that says Retry-After (it is only looked at on 429 and 503).
enum class retry_after_manner : std::uint8_t {
  unknown,  ///< no agent, or it does not say which: gets the answer without
  waits,    ///< sleeps for so long and asks again: Puppet 7.26, 8.2 and newer, OpenVox
  crashes,  ///< sleeps and then fails with "attempt to read body out of block" (PUP-11853): older agents
};

/// By X-Puppet-Version, which every agent sends.
retry_after_manner retry_after_manner_of(const field_list& request) noexcept;

}  // namespace shim::http
