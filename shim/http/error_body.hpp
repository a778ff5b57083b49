#pragma once
#include <string>
#include <string_view>

namespace shim::http {

/// The body of an error that we answer ourselves: what Puppet's masters send, so that the agent prints `message`.
/// Content-Type is application/json.
std::string error_body(std::string_view message);

}  // namespace shim::http
