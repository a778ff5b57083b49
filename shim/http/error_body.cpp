#include "http/error_body.hpp"

#include <boost/json.hpp>  // values and text, no I/O

namespace shim::http {

std::string error_body(std::string_view message) {
  return boost::json::serialize(boost::json::object{{"message", message}, {"issue_kind", "RUNTIME_ERROR"}});
}

}  // namespace shim::http
