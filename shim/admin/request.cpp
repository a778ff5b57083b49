#include "admin/request.hpp"

#include "config/values.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <array>

namespace shim::admin {
namespace {

namespace json = boost::json;
using result = std::expected<request, refusal>;

struct endpoint {
  std::string_view method, path;
  request::kind what;
};
constexpr std::array endpoints{
    endpoint{"GET", "/", request::kind::page},
    endpoint{"GET", "/metrics", request::kind::metrics},
    endpoint{"GET", "/v1/status", request::kind::status},
    endpoint{"GET", "/v1/explain/", request::kind::explain},
    endpoint{"POST", "/v1/reload", request::kind::reload},
    endpoint{"POST", "/v1/drain", request::kind::drain},
    endpoint{"POST", "/v1/undrain", request::kind::undrain},
    endpoint{"POST", "/v1/plugin/", request::kind::plugin},
};

constexpr std::size_t longest_service = 64;
constexpr std::size_t longest_key_told = 64;

std::unexpected<refusal> refuse(int status, std::string code, std::string message,
                                std::vector<std::string> known = {}) {
  return std::unexpected(refusal{status, std::move(code), std::move(message), std::move(known)});
}

std::unexpected<refusal> no_such_place() {
  std::vector<std::string> known;
  for (const auto& e : endpoints)
    known.push_back(std::string(e.method) + ' ' + std::string(e.path) +
                    (e.what == request::kind::explain  ? "SERVICE"
                     : e.what == request::kind::plugin ? "NAME"
                                                       : ""));
  return refuse(404, "unknown_path", "There is nothing at this path.", std::move(known));
}

std::expected<json::object, refusal> object_in(std::string_view body) {
  boost::system::error_code error;
  auto value = json::parse(body, error);
  if (error)
    return refuse(400, "bad_json", "The body is not JSON: " + error.message() + ". Give {\"master\": \"HOST:PORT\"}.");
  if (!value.is_object()) return refuse(400, "bad_json", "The body is not a JSON object. Give {\"master\": \"HOST\"}.");
  return std::move(value.as_object());
}

std::expected<std::chrono::seconds, refusal> duration_in(const json::value& given) {
  const auto text = given.is_string() ? std::string_view(given.get_string()) : std::string_view{};
  const auto parsed = config::parse_duration(text);
  if (!parsed) return refuse(400, "bad_duration", "`for` is no duration. Give a number and a unit: \"90s\", \"1h\".");
  if (*parsed < std::chrono::seconds(1) || *parsed > longest_drain)
    return refuse(400, "bad_duration",
                  "`for` is not within 1s and 30d. Leave it out to drain until `bunraku undrain`.");
  return std::chrono::ceil<std::chrono::seconds>(*parsed);
}

result with_master(request::kind what, std::string_view body) {
  const auto given = object_in(body);
  if (!given) return std::unexpected(given.error());
  request out;
  out.what = what;
  for (const auto& [key, value] : *given) {
    if (key == "master" && value.is_string()) {
      out.master = value.get_string();
    } else if (key == "for" && what == request::kind::drain) {
      if (value.is_null()) continue;
      const auto lasts = duration_in(value);
      if (!lasts) return std::unexpected(lasts.error());
      out.lasts = *lasts;
    } else {
      // A long one is not cut: it could be in the middle of a character.
      const auto named = key.size() <= longest_key_told ? '`' + std::string(key) + '`' : "One of its keys";
      return refuse(400, "bad_key", named + " is not wanted here, or of another type.");
    }
  }
  if (out.master.empty() || out.master.size() > 300)
    return refuse(400, "no_master", "Say which master: {\"master\": \"HOST\"} or {\"master\": \"HOST:PORT\"}.");
  return out;
}

/// What it means is the plugin's to know.
result with_order(std::string_view name, std::string_view body) {
  boost::system::error_code error;
  const auto value = json::parse(body, error);
  if (error || !value.is_object())
    return refuse(400, "bad_json", "The body is not a JSON object. What the plugin takes is in its README.");
  request out;
  out.what = request::kind::plugin;
  out.plugin = name;
  out.order = body;
  return out;
}

bool is_word(std::string_view text) {
  return !text.empty() && text.size() <= longest_service && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
}

bool changes_nothing(request::kind what) {
  return what == request::kind::page || what == request::kind::metrics || what == request::kind::status;
}

}  // namespace

result parse_for_anybody(std::string_view method, std::string_view target, std::string_view host) {
  const auto named = config::parse_host_and_port(host);
  if (!named || (named->host != "localhost" && !config::is_loopback(named->host)))
    return refuse(421, "wrong_host", "Ask for it as localhost, 127.0.0.1 or [::1].");
  auto found = parse(method, target, {});
  if (!found) return found;
  if (!changes_nothing(found->what))
    return refuse(403, "forbidden", "This is for the control socket alone: see `bunraku --help`.");
  return found;
}

result parse(std::string_view method, std::string_view target, std::string_view body) {
  for (const auto& e : endpoints) {
    const bool explain = e.what == request::kind::explain, plugin = e.what == request::kind::plugin;
    if (explain || plugin ? !target.starts_with(e.path) : target != e.path) continue;
    if (method != e.method) {
      auto why = refuse(405, "wrong_method", std::string(e.path) + " is for " + std::string(e.method) + " alone.");
      why.error().allow = e.method;
      return why;
    }
    if (e.what == request::kind::drain || e.what == request::kind::undrain) return with_master(e.what, body);
    if (plugin) {
      const auto name = target.substr(e.path.size());
      if (!is_word(name)) return refuse(404, "unknown_plugin", "This cannot be a plugin's name.");
      return with_order(name, body);
    }
    request out;
    out.what = e.what;
    if (explain) {
      out.service = target.substr(e.path.size());
      if (!is_word(out.service)) return refuse(404, "unknown_service", "This cannot be a service's name.");
    }
    return out;
  }
  return no_such_place();
}

}  // namespace shim::admin
