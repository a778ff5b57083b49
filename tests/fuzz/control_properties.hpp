#pragma once
#include "admin/request.hpp"
#include "cli/print_status.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <sstream>
#include <string>
#include <string_view>

/// What must hold for any bytes on either end of the control socket. Each function returns the first thing that does
/// not, or an empty text. The fuzz targets and the unit tests (over the corpora) share them.
namespace control_properties {

/// Cuts `line` off the front of `bytes`.
inline std::string_view cut(std::string_view& bytes, char at) {
  const auto end = std::min(bytes.find(at), bytes.size());
  const auto front = bytes.substr(0, end);
  bytes.remove_prefix(std::min(end + 1, bytes.size()));
  return front;
}

/// To the daemon: "METHOD TARGET", a line feed, and the body.
inline std::string check_request(std::string_view bytes) {
  using namespace shim::admin;
  const auto method = cut(bytes, ' ');
  const auto target = cut(bytes, '\n');
  const auto made = parse(method, target, bytes);
  if (!made) {
    const auto& why = made.error();
    if (why.status < 400 || why.status > 499) return "a refusal with another kind of status";
    if (why.code.empty() || why.message.empty()) return "a refusal that does not say why";
    if (why.message.size() > 500) return "a refusal longer than anybody reads";
    return {};
  }
  const bool about_a_master = made->what == request::kind::drain || made->what == request::kind::undrain;
  if (about_a_master != !made->master.empty() || made->master.size() > 300) return "a master where none belongs";
  if ((made->what == request::kind::explain) != !made->service.empty()) return "a service where none belongs";
  if ((made->what == request::kind::plugin) != !made->plugin.empty()) return "a plugin where none belongs";
  if (made->plugin.size() > 64 || made->order.size() > bytes.size()) return "an order that is more than what came";
  if (made->service.size() > 64) return "a service's name without a bound";
  if (made->lasts.count() < 0 || made->lasts > longest_drain) return "a drain beyond its bound";
  if (made->lasts.count() != 0 && made->what != request::kind::drain) return "a time where none belongs";
  return {};
}

inline bool fit_for_a_terminal(std::string_view text) {
  return std::ranges::none_of(text,
                              [](char c) { return (static_cast<unsigned char>(c) < 0x20 && c != '\n') || c == 0x7f; });
}

/// From the daemon, or from whoever sits at its socket: the document of a status or an explanation.
inline std::string check_document(std::string_view bytes) {
  boost::system::error_code error;
  const auto value = boost::json::parse(bytes, error);
  if (error || !value.is_object()) return {};
  std::ostringstream status, explanation;
  shim::cli::print_status(status, value.get_object());
  shim::cli::print_explain(explanation, value.get_object());
  shim::cli::somebody_is_missing(value.get_object());
  for (const auto& said : {status.str(), explanation.str()})
    if (!fit_for_a_terminal(said)) return "a control character for the terminal";
  return {};
}

}  // namespace control_properties
