#pragma once
#include "policy/health_state.hpp"

#include <boost/system/error_code.hpp>

namespace bunraku::engine {

/// Whose fault is it that there is no connection? Only a master's own failure may cost it requests.
policy::health_event::kind fault_of(boost::system::error_code error) noexcept;

}  // namespace bunraku::engine
