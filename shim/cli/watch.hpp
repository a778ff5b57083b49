#pragma once
#include "cli/verbs.hpp"

#include <boost/json/object.hpp>

#include <expected>
#include <functional>
#include <string>

namespace shim::cli {

/// The status document again and again, every two seconds, as `top` does: on a screen of its own that is given back at
/// the end, cut to the terminal's size. Until SIGINT, SIGTERM or SIGHUP, or until `look` has nothing, which is then
/// told; the verb's exit code.
int watch(const std::function<std::expected<boost::json::object, std::string>()>& look);

}  // namespace shim::cli
