#pragma once
#include <chrono>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

namespace shim::admin {

/// The version of the protocol: the number in the paths, and `version` in every answer. Fields may be added under the
/// same number; one that goes, or changes its meaning, makes a new one.
inline constexpr int protocol_version = 1;

/// What somebody wants of the daemon.
struct request {
  enum class kind : std::uint8_t {
    page,     ///< GET /          for browsers
    metrics,  ///< GET /metrics   for Prometheus
    status,   ///< GET /v1/status
    explain,  ///< GET /v1/explain/SERVICE
    reload,   ///< POST /v1/reload
    drain,    ///< POST /v1/drain    {"master": "HOST[:PORT]", "for": "1h"}
    undrain,  ///< POST /v1/undrain  {"master": "HOST[:PORT]"}
    plugin,   ///< POST /v1/plugin/NAME  a JSON object for the plugin; its answer is `answer`
  };
  kind what = kind::status;
  std::string service;            ///< explain
  std::string plugin, order;      ///< plugin; `order` is the JSON object
  std::string master;             ///< drain, undrain; as it was written
  std::chrono::seconds lasts{0};  ///< drain; 0: until undrain
};

/// Why a request cannot be done. `code` is for programs, one word; `message` for people, with what to do.
struct refusal {
  int status = 400;
  std::string code, message;
  std::vector<std::string> known;  ///< what could have been meant, if that can be listed
  std::string_view allow = {};     ///< static; the method that is taken, with 405
};

/// Bodies are small: more than this is refused before it is read.
inline constexpr std::size_t largest_body = 4096;
/// The longest drain; whoever needs more leaves the end out.
inline constexpr std::chrono::hours longest_drain{24 * 30};

/// Pure. `target` is the request target without its query.
std::expected<request, refusal> parse(std::string_view method, std::string_view target, std::string_view body);

/// What anybody on this host may ask over loopback: to look at what is known already. `host` is the request's Host: a
/// page from elsewhere whose name was made to lead here (DNS rebinding) is refused by it.
std::expected<request, refusal> parse_for_anybody(std::string_view method, std::string_view target,
                                                  std::string_view host);

}  // namespace shim::admin
