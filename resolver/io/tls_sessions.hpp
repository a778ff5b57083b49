#pragma once
#include "io/openssl_ptr.hpp"

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <string>

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
  /// Once per context.
  static void enable(SSL_CTX* context);

 private:
  struct entry {
    ssl_session_ptr session;
    std::chrono::steady_clock::time_point since;
  };
  static int received(SSL* ssl, SSL_SESSION* session);
  std::mutex guard_;
  std::map<std::string, entry> sessions_;
};

}  // namespace bunraku::io
