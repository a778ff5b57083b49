#pragma once
#include <string>
#include <string_view>

namespace shim::http {

/// Appends a whole answer that we make ourselves: JSON body (see error_body), length, and `Connection: close` if it is
/// the last one on its connection. To HEAD the body is left out and its length still told. `allow` has to come
/// with 405: the methods that are taken there (RFC 9110, 15.5.6).
void write_own_answer(std::string& out, int status, std::string_view json_body, bool to_head, bool close,
                      std::string_view allow = {});

/// The same for what is no JSON: 200, `type`, and headers that keep a browser from taking it for anything else, keeping
/// it, or letting it reach anybody but where it came from. The last answer on its connection.
void write_own_document(std::string& out, std::string_view type, std::string_view body);

}  // namespace shim::http
