#pragma once
#include "io/openssl_ptr.hpp"

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

namespace bunraku::io {

/// TLS sessions with masters, so that the next connection to one resumes instead of signing with RSA 4096 (4 ms).
/// A resumed session is not verified again, so none outlives an hour, nor the credentials it was verified with: a new
/// CRL, CA or certificate means a new, empty store.
/// Threads: any; sessions come in on whichever reads from a connection. Kept alive by every SSL that may still receive
/// a session.
class tls_sessions : public std::enable_shared_from_this<tls_sessions> {
 public:
  static constexpr std::size_t most_masters = 64;
  static constexpr std::chrono::minutes longest_life{60};

  /// Before the handshake: sessions that `ssl` receives will be kept for `master` ("host:port"), and one that is there
  /// is offered if its certificate is still good for `host` and for what is demanded of this master (prepare_upstream).
  void attach(SSL* ssl, const std::string& master, const std::string& host);
  /// The same once more before the handshake, when a session has come since; false: there is none to offer.
  bool offer(SSL* ssl, const std::string& master, const std::string& host);
  /// Called with the master's name whenever a session of it has come, on whichever thread reads; set before first use.
  void on_received(std::function<void(const std::string&)> told) { told_ = std::move(told); }
  /// Once per context.
  static void enable(SSL_CTX* context);

 private:
  struct entry {
    ssl_session_ptr session;
    std::chrono::steady_clock::time_point since;
  };
  static int received(SSL* ssl, SSL_SESSION* session) noexcept;
  void keep(SSL* ssl, SSL_SESSION* session, const std::string& master);
  std::function<void(const std::string&)> told_;
  std::mutex guard_;
  std::map<std::string, entry> sessions_;
};

}  // namespace bunraku::io
