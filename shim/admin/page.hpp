#pragma once
#include <string_view>

namespace shim::admin {

/// The status page: one HTML document that needs nothing else, and asks /v1/status while somebody looks at it.
std::string_view page_html() noexcept;

}  // namespace shim::admin
