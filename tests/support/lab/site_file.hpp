// What `bunraku-lab serve` is told: a JSON object, see tests/support/README.md.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

namespace lab {

enum class role { ca, catalog, files, report };

// When TLS 1.3 session tickets are sent. A JVM sends one after the first answer.
enum class ticket_time { handshake, after_answer, never };

struct master_options {
  std::string name;  // also the certificate's file name in its ssldir
  std::string address = "127.0.0.1";
  std::uint16_t port = 0;  // 0: chosen by the system and printed
  std::set<role> roles{role::catalog, role::files, role::report};
  std::filesystem::path ssldir;
  std::chrono::seconds idle{30};  // as Jetty
  ticket_time tickets = ticket_time::handshake;
  bool tls12_only = false;
  int gzip_level = 1;  // two masters' streams differ when theirs do
};

struct site_options {
  std::vector<master_options> masters;
  std::filesystem::path log;      // JSON lines; empty: none
  std::filesystem::path control;  // Unix socket; empty: none
  std::filesystem::path code;
  std::filesystem::path state;  // reports/, bucket/, facts/, uploads/ are made in it
  std::filesystem::path ca;     // of a master with role ca
  std::string target;           // where catalogs put files when the agent has no fact lab_target
  bool log_headers = false;
  bool autosign = false;
  bool renewal = false;  // answer certificate_renewal; puppetserver's default is 404
};

// Throws lab::failure naming the key at fault.
site_options parse_site(const std::string& json_text);

}  // namespace lab
