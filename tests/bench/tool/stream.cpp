#include "stream.hpp"

#include <openssl/err.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <stdexcept>
#include <sys/socket.h>
#include <unistd.h>

namespace bench {
namespace {

[[noreturn]] void refuse(const std::string& what) {
  char reason[256];
  ERR_error_string_n(ERR_get_error(), reason, sizeof reason);
  throw std::runtime_error(what + ": " + reason);
}

bool waits(int ssl_error) { return ssl_error == SSL_ERROR_WANT_READ || ssl_error == SSL_ERROR_WANT_WRITE; }

int bounded(std::size_t n) { return static_cast<int>(std::min<std::size_t>(n, std::numeric_limits<int>::max())); }

}  // namespace

SSL_CTX* tls_context(side which, const std::string& certificate, const std::string& key, const std::string& ca,
                     std::size_t read_buffer) {
  const bool server = which == side::server;
  SSL_CTX* made = SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());
  if (made == nullptr) refuse("SSL_CTX_new");
  SSL_CTX_set_min_proto_version(made, TLS1_2_VERSION);
  SSL_CTX_set_mode(made, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_options(made, SSL_OP_IGNORE_UNEXPECTED_EOF);
  if (read_buffer > 0) {
    SSL_CTX_set_read_ahead(made, 1);
    SSL_CTX_set_default_read_buffer_len(made, read_buffer);
  }
  if (SSL_CTX_use_certificate_chain_file(made, certificate.c_str()) != 1) refuse(certificate);
  if (SSL_CTX_use_PrivateKey_file(made, key.c_str(), SSL_FILETYPE_PEM) != 1) refuse(key);
  if (SSL_CTX_load_verify_locations(made, ca.c_str(), nullptr) != 1) refuse(ca);
  SSL_CTX_set_verify(made, SSL_VERIFY_PEER | (server ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0), nullptr);
  if (server) {
    SSL_CTX_set_client_CA_list(made, SSL_load_client_CA_file(ca.c_str()));
    static constexpr unsigned char name[] = "bench";
    SSL_CTX_set_session_id_context(made, name, sizeof name);
  } else {
    static constexpr unsigned char http1[] = "\x08http/1.1";
    SSL_CTX_set_alpn_protos(made, http1, sizeof http1 - 1);
  }
  return made;
}

void kept_session::keep(SSL_SESSION* fresh) {
  if (SSL_SESSION_is_resumable(fresh) != 1) return;
  SSL_SESSION_free(session_);
  session_ = SSL_SESSION_dup(fresh);
}

void kept_session::offer(SSL* to) const {
  if (session_ == nullptr) return;
  SSL_SESSION* copy = SSL_SESSION_dup(session_);
  SSL_set_session(to, copy);
  SSL_SESSION_free(copy);
}

void kept_session::collect_from(SSL_CTX* context) {
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
  SSL_CTX_set_ex_data(context, 0, this);
  SSL_CTX_sess_set_new_cb(context, [](SSL* ssl, SSL_SESSION* fresh) {
    static_cast<kept_session*>(SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), 0))->keep(fresh);
    return 0;
  });
}

void stream::attach(int socket, SSL_CTX* context, side which) {
  fd = socket;
  shaken = false;
  if (context == nullptr) return;
  ssl = SSL_new(context);
  SSL_set_fd(ssl, socket);
  if (which == side::server) SSL_set_accept_state(ssl);
  else SSL_set_connect_state(ssl);
}

ssize_t stream::handshake() {
  if (ssl == nullptr || shaken) return 1;
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl);
  if (result == 1) {
    shaken = true;
    return 1;
  }
  return waits(SSL_get_error(ssl, result)) ? would_block : broken;
}

ssize_t stream::read(char* into, std::size_t most) {
  if (ssl == nullptr) {
    const ssize_t got = ::recv(fd, into, most, 0);
    if (got >= 0) return got;
    return errno == EAGAIN || errno == EINTR ? would_block : broken;
  }
  ERR_clear_error();
  const int got = SSL_read(ssl, into, bounded(most));
  if (got > 0) return got;
  const int error = SSL_get_error(ssl, got);
  if (waits(error)) return would_block;
  return error == SSL_ERROR_ZERO_RETURN ? ssize_t{0} : broken;
}

ssize_t stream::write(const char* from, std::size_t count) {
  if (ssl == nullptr) {
    const ssize_t sent = ::send(fd, from, count, MSG_NOSIGNAL);
    if (sent >= 0) return sent;
    return errno == EAGAIN || errno == EINTR ? would_block : broken;
  }
  ERR_clear_error();
  const int sent = SSL_write(ssl, from, bounded(count));
  if (sent > 0) return sent;
  return waits(SSL_get_error(ssl, sent)) ? would_block : broken;
}

void stream::close(bool farewell) {
  if (ssl != nullptr) {
    // Even where nothing is sent the session has to count as ended well, or it could not be resumed.
    if (!farewell) SSL_set_quiet_shutdown(ssl, 1);
    ERR_clear_error();
    if (shaken) SSL_shutdown(ssl);
    SSL_free(ssl);
    ssl = nullptr;
  }
  if (fd >= 0) ::close(fd);
  fd = -1;
  shaken = false;
}

}  // namespace bench
