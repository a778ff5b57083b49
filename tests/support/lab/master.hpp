// One master: its listener, its TLS identity, its faults, its connections. All on one io_context and one thread.
#pragma once

#include "endpoints.hpp"
#include "fault.hpp"
#include "json_lines.hpp"
#include "site_file.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>

#include <memory>
#include <set>
#include <string>
#include <vector>

namespace lab {

class connection;

// How a connection that is open is brought to an end from outside.
enum class drop_manner { reset, close };

struct master_counters {
  std::uint64_t connections = 0, handshakes_failed = 0, requests = 0;
};

class master : public std::enable_shared_from_this<master> {
 public:
  master(boost::asio::io_context& io, const master_options& options, bool log_headers, endpoints& answers,
         json_lines& log);
  ~master();
  master(const master&) = delete;
  master& operator=(const master&) = delete;

  // Binds and begins to accept. Throws when it cannot.
  void start();
  std::uint16_t port() const { return port_; }

  // Reads certificate, key, CAs and CRL again; connections that are open keep what they have.
  void reload();
  // Adds or takes away what `refuse` asks for; call it after each change of the faults.
  void apply_faults();
  void drop_all(drop_manner manner);

  const master_options& options() const { return options_; }
  bool logs_headers() const { return log_headers_; }
  // DNS names of its own certificate.
  bool has_name(const std::string& name) const { return names_.contains(name); }
  std::shared_ptr<boost::asio::ssl::context> tls() const { return tls_; }
  fault_table& faults() { return faults_; }
  endpoints& answers() { return answers_; }
  json_lines& log() { return log_; }
  master_counters& counters() { return counters_; }
  std::size_t open_connections() const { return open_.size(); }

  void ended(connection* which) { open_.erase(which); }

 private:
  void listen();
  static boost::asio::awaitable<void> accept_all(master* self, std::shared_ptr<boost::asio::ip::tcp::acceptor> from);

  boost::asio::io_context& io_;
  const master_options options_;
  const bool log_headers_;
  endpoints& answers_;
  json_lines& log_;
  std::shared_ptr<boost::asio::ssl::context> tls_;
  std::set<std::string> names_;
  std::shared_ptr<boost::asio::ip::tcp::acceptor> acceptor_;  // none while it refuses
  std::uint16_t port_ = 0;
  fault_table faults_;
  master_counters counters_;
  std::set<connection*> open_;
};

}  // namespace lab
