#pragma once
#include <bunraku/options.hpp>
#include <bunraku/problem.hpp>
#include <bunraku/service.hpp>
#include <bunraku/site.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace shim::config {

inline constexpr const char* default_file = "/etc/bunraku/bunraku.toml";

/// One place where clients come in. Exactly one of address, path and inherit is not empty.
struct listen_at {
  enum class way_in : std::uint8_t { terminate, connect, passthrough, socket };
  way_in way = way_in::terminate;
  std::string address;                      ///< not socket: an IP literal without brackets, in its shortest form
  std::uint16_t port = 0;                   ///< not socket: 0 lets the kernel choose
  bool beyond_loopback = false;             ///< terminate alone
  std::optional<bunraku::service> service;  ///< passthrough: of clients that name no server
  std::string path;                         ///< socket
  std::vector<std::variant<std::uint32_t, std::string>> users;  ///< socket: besides root and our own
  unsigned mode = 0600;
  std::string inherit;  ///< FileDescriptorName, or number from 0
  /// One of the defaults, when no [[listen]] is given: if it cannot be had, that is a warning as long as another
  /// stands.
  bool implied = false;
  std::string where;  ///< file:line, for problems found later
};
std::string to_string(const listen_at& one);
std::string_view name_of(listen_at::way_in way) noexcept;

/// What one leg uses instead of the site's own files; unset members are the site's.
struct leg_files {
  std::string certificate, key, passphrase_file, ca, crl;
  std::optional<bunraku::revocation> check;
};

enum class srv_use : std::uint8_t { automatic, yes, no };

/// A service as the configuration speaks of it. Without masters and srv_names, Puppet's four have puppet.conf's.
struct service_rule {
  std::string name;
  std::vector<bunraku::master> masters;
  std::vector<std::string> srv_names;  ///< absolute, lower case, no trailing dot
  /// By which clients of connect and passthrough ask for it; ports 1 to 65535.
  std::vector<bunraku::site::host_port> names;
  std::string source, policy, probe;  ///< plugins; empty: none
  std::vector<std::string> pins;      ///< 64 lower-case hexadecimal digits each; empty: those of `demands`
  std::chrono::milliseconds first_byte_timeout{0};
  std::string where;  ///< file:line; empty if the file does not speak of it
};

/// Requests for a service by what they look like: all given conditions hold.
struct route_rule {
  bunraku::service service = bunraku::service::catalog;
  std::string path_prefix, environment, header_name, header_value;
  std::string where;
};

/// Field limits in bytes or numbers; see keys.cpp for meaning, range and default of everything here.
struct limit_values {
  std::size_t header_bytes = 0, header_count = 0, target_bytes = 0, replay_bytes = 0, replay_file_bytes = 0,
              connections = 0, idle_connections = 0;
  std::chrono::milliseconds idle{0}, upstream_idle{0}, handshake_timeout{0}, header_timeout{0}, stall_timeout{0},
      deadline{0}, tunnel_idle{0}, drain_timeout{0};
};

/// A plugin as the configuration speaks of it.
struct plugin_rule {
  std::string name, load;  ///< `load` is the file's name
  std::chrono::milliseconds deadline{0};
  std::string settings;  ///< a JSON object: what else stands in its table
  std::string where;     ///< file:line
};

/// How the daemon is looked at and told what to do.
struct admin_values {
  std::string socket = "auto";  ///< absolute path; "auto"; empty: none
  std::string where;            ///< file:line
  std::string address;          ///< of loopback, in its shortest form; empty: none
  std::uint16_t port = 0;       ///< 0 lets the kernel choose
  std::string address_where;
  std::string textfile;  ///< absolute path; empty: none
};

/// What is given up at the start; see sandbox/.
struct sandbox_values {
  bool use = true;
  std::vector<std::string> files;  ///< absolute
};

enum class log_target : std::uint8_t { automatic, standard_error, journal };
struct log_values {
  bunraku::log_level level = bunraku::log_level::info;
  bool access = true;
  log_target to = log_target::automatic;
};

/// bunraku.toml, checked. A plain value: a reload makes another one.
struct configuration {
  std::string file;  ///< where it came from; empty: nothing but defaults
  bunraku::site_options puppet;
  std::vector<listen_at> listen;
  leg_files local, upstream;
  std::vector<std::string> strip_headers;
  bunraku::dns_options dns;
  srv_use srv = srv_use::automatic;
  std::string srv_domain;  ///< empty: puppet.conf's
  bunraku::master_demands demands;
  bunraku::connect_options connect;
  std::vector<service_rule> services;  ///< index_of(service) is the position; Puppet's four are always there
  std::vector<route_rule> routes;      ///< first match wins
  limit_values limits;
  std::string plugin_directory = "auto";
  std::vector<plugin_rule> plugins;
  admin_values admin;
  sandbox_values sandbox;
  bool drills_allowed = true;
  log_values log;
};

/// The configuration, or why not. `value` is there exactly when `found` holds no error.
struct configuration_reading {
  std::optional<configuration> value;
  /// What could be made of it in spite of errors, so that the rest of the site can be checked in the same go; nothing
  /// if the text is not TOML. Not to be run with.
  std::optional<configuration> sketch;
  bunraku::problems found;
};

/// Pure. Every problem at once, with file:line. An empty text gives all the defaults.
/// `file` is only a name, for problems and `configuration::file`.
configuration_reading parse_configuration(std::string_view text, const std::string& file);

}  // namespace shim::config
