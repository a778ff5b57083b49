// One non-blocking byte stream, plain or TLS with OpenSSL on the socket itself, so that the tool adds no copies.
#pragma once

#include <openssl/ssl.h>

#include <cstddef>
#include <string>
#include <sys/types.h>

namespace bench {

enum class side { client, server };

// Both sides show a certificate and want to see one of the CA. `read_buffer` > 0 turns read-ahead on.
SSL_CTX* tls_context(side which, const std::string& certificate, const std::string& key, const std::string& ca,
                     std::size_t read_buffer);

// Holds and offers copies: OpenSSL marks a session that some SSL still points to "not resumable" on some ways of
// ending, which would spoil the next use.
class kept_session {
 public:
  void keep(SSL_SESSION* fresh);
  void offer(SSL* to) const;
  // New sessions of this context come here from now on; `this` has to outlive it.
  void collect_from(SSL_CTX* context);

 private:
  SSL_SESSION* session_ = nullptr;
};

constexpr ssize_t would_block = -1, broken = -2;

struct stream {
  int fd = -1;
  SSL* ssl = nullptr;
  bool shaken = false;

  bool is_open() const { return fd >= 0; }
  void attach(int socket, SSL_CTX* context, side which);  // a null context: plain
  ssize_t handshake();                                    // 1 done, would_block, broken
  ssize_t read(char* into, std::size_t most);             // 0 at the end
  ssize_t write(const char* from, std::size_t count);
  bool has_buffered() const { return ssl != nullptr && SSL_has_pending(ssl) == 1; }
  void close(bool farewell = true);  // with close_notify or without
};

}  // namespace bench
