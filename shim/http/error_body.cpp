#include "http/error_body.hpp"

// Boost.JSON's own sources, compiled here once for the shim: no I/O, and no library more in each daemon.
#include <boost/json/src.hpp>

namespace shim::http {

std::string error_body(std::string_view message) {
  return boost::json::serialize(boost::json::object{{"message", message}, {"issue_kind", "RUNTIME_ERROR"}});
}

}  // namespace shim::http
