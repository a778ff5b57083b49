#pragma once
#include "io/credentials.hpp"
#include "io/tls_context.hpp"
#include "support/pki.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <array>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bunraku::test_pki {

/// Two TLS ends joined in memory. Real OpenSSL on both sides; no socket, no waiting.
class tls_pair {
 public:
  tls_pair(SSL_CTX* client_context, SSL_CTX* server_context)
      : client_(SSL_new(client_context)), server_(SSL_new(server_context)) {
    if (!client_ || !server_) throw std::runtime_error("SSL_new");
    BIO *a = nullptr, *b = nullptr;
    if (BIO_new_bio_pair(&a, 1 << 17, &b, 1 << 17) != 1) throw std::runtime_error("BIO pair");
    SSL_set_bio(client_.get(), a, a);
    SSL_set_bio(server_.get(), b, b);
    SSL_set_connect_state(client_.get());
    SSL_set_accept_state(server_.get());
    watch(client_.get());
    watch(server_.get());
  }

  SSL* client() const noexcept { return client_.get(); }
  SSL* server() const noexcept { return server_.get(); }

  /// Runs both ends until nothing moves any more. True when both stand. A TLS 1.3 client that was refused notices only
  /// when it reads, so it reads too.
  bool handshake() {
    bool client_done = false, server_done = false;
    for (int round = 0; round < 20; ++round) {
      step(client(), client_done, client_failure);
      step(server(), server_done, server_failure);
    }
    handshake_over_ = true;
    if (client_done) read(client(), client_failure);
    return client_done && server_done && !client_failure && !server_failure;
  }

  /// One message through the pipe; false if it does not arrive whole.
  bool to_server(std::string_view text) { return send(client(), server(), text, server_failure); }
  bool to_client(std::string_view text) { return send(server(), client(), text, client_failure); }

  /// An orderly goodbye of both, as Ruby's and Java's TLS do before they resume a session.
  void close() {
    SSL_shutdown(client());
    SSL_shutdown(server());
    ERR_clear_error();
  }

  /// Bytes that lie before the client unread.
  std::size_t unread_by_client() const { return BIO_ctrl_pending(SSL_get_rbio(client())); }

  std::optional<io::handshake_failure> client_failure, server_failure;
  int tickets_in_handshake = 0, tickets_later = 0;  ///< NewSessionTicket messages that the server wrote

 private:
  static void step(SSL* ssl, bool& done, std::optional<io::handshake_failure>& failure) {
    if (done || failure) return;
    ERR_clear_error();
    const int result = SSL_do_handshake(ssl);
    done = result == 1;
    if (!done) explain(ssl, result, failure);
  }
  static std::string read(SSL* ssl, std::optional<io::handshake_failure>& failure) {
    std::array<char, 4096> into;
    ERR_clear_error();
    const int result = SSL_read(ssl, into.data(), into.size());
    if (result > 0) return {into.data(), static_cast<std::size_t>(result)};
    explain(ssl, result, failure);
    return {};
  }
  static void explain(SSL* ssl, int result, std::optional<io::handshake_failure>& failure) {
    const int error = SSL_get_error(ssl, result);
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE || error == SSL_ERROR_ZERO_RETURN) return;
    if (!failure) failure = io::explain_failure(ssl);
  }
  static bool send(SSL* from, SSL* to, std::string_view text, std::optional<io::handshake_failure>& failure) {
    if (SSL_write(from, text.data(), static_cast<int>(text.size())) != static_cast<int>(text.size())) return false;
    return read(to, failure) == text;
  }

  void watch(SSL* ssl) {
    SSL_set_msg_callback(ssl, [](int written, int, int type, const void* data, size_t size, SSL* which, void* self) {
      auto& pair = *static_cast<tls_pair*>(self);
      const bool ticket = type == SSL3_RT_HANDSHAKE && size > 0 && *static_cast<const unsigned char*>(data) == 4;
      if (written == 1 && ticket && which == pair.server())
        ++(pair.handshake_over_ ? pair.tickets_later : pair.tickets_in_handshake);
    });
    SSL_set_msg_callback_arg(ssl, this);
  }

  io::ssl_ptr client_, server_;
  bool handshake_over_ = false;
};

/// The other end of our contexts: a master, or the agent. Trusts nothing unless told; shows `own` if there is one.
inline io::ssl_ctx_ptr plain_context(const SSL_METHOD* method, const certificate* own) {
  io::ssl_ctx_ptr out(SSL_CTX_new(method));
  if (!out) throw std::runtime_error("SSL_CTX_new");
  if (own != nullptr && (SSL_CTX_use_certificate(out.get(), own->get()) != 1 ||
                         SSL_CTX_use_PrivateKey(out.get(), own->its_key().get()) != 1))
    throw std::runtime_error("test certificate");
  return out;
}
inline io::ssl_ctx_ptr plain_master(const certificate& own) { return plain_context(TLS_server_method(), &own); }
inline io::ssl_ctx_ptr plain_agent(const certificate* own) { return plain_context(TLS_client_method(), own); }

/// Credential files of one node in a directory of their own, and loading them.
class node_files {
 public:
  node_files(const certificate& own, const std::string& ca_pem, const std::string& crl_pem,
             revocation check = revocation::chain) {
    files_ = {.certificate = directory_.write("cert.pem", own.pem()),
              .private_key = directory_.write("key.pem", own.its_key().pkcs8_pem()),
              .passphrase_file = {},
              .ca = directory_.write("ca.pem", ca_pem),
              .crl = directory_.write("crl.pem", crl_pem),
              .check = check};
  }
  std::shared_ptr<const io::credentials> load() const {
    const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
    auto reading = io::load_credentials(files_, now);
    std::string why;
    for (const auto& p : reading.found) why += p.where() + ": " + p.what() + "\n";
    if (!reading.value) throw std::runtime_error(why);
    return reading.value;
  }
  const credential_files& files() const noexcept { return files_; }

 private:
  directory directory_;
  credential_files files_;
};

}  // namespace bunraku::test_pki
