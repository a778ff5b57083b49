#pragma once
#include <boost/json/object.hpp>

#include <iosfwd>
#include <string>

namespace shim::cli {

class json_view;

/// "0.4 s", "12 s", "2 min 5 s", "3 h 20 min", "4 d 2 h".
std::string in_words(double seconds);

/// The document of GET /v1/status as a table: one line for each master of each service.
void print_status(std::ostream& to, const boost::json::object& document);
/// That of GET /v1/explain/SERVICE: each candidate in turn, with where it comes from, how it is, until when, and why it
/// stands where it stands; then what the next request does.
void print_explain(std::ostream& to, const boost::json::object& document);

/// One entry of a status document's "plugins".
void print_plugin(std::ostream& to, const json_view& plugin);

/// Is there a service in it that nobody can serve now, as far as is known?
bool somebody_is_missing(const boost::json::object& document);

}  // namespace shim::cli
