#pragma once
#include <string>
#include <string_view>

namespace shim::http {

/// Appends a whole answer that we make ourselves: JSON body (see error_body), length, and `Connection: close` if it is
/// the last one on its connection. To HEAD the body is left out and its length still told.
void write_own_answer(std::string& out, int status, std::string_view json_body, bool to_head, bool close);

}  // namespace shim::http
