#pragma once
#include <boost/json/object.hpp>

#include <expected>
#include <functional>
#include <string>
#include <string_view>

namespace shim::cli {

/// What the daemon answered.
struct daemon_answer {
  int status = 0;
  boost::json::object body;
};

/// One request to the daemon at this control socket, and its answer; blocking, at most about a minute, and until a
/// signal after which it is `unwanted`. The error is one or two sentences that say what to do.
std::expected<daemon_answer, std::string> ask_daemon(
    const std::string& socket, std::string_view method, std::string_view target, std::string_view body = {},
    const std::function<bool()>& unwanted = [] { return false; });

}  // namespace shim::cli
