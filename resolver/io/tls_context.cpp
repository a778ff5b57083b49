#include "io/tls_context.hpp"

#include "io/tls_demands.hpp"
#include "io/tls_verify.hpp"
#include "puppet/ascii.hpp"

#include <openssl/err.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <new>
#include <utility>

namespace bunraku::io {
namespace {

constexpr int most_announced_cas = 16;         // a client picks its certificate by them; a huge bundle helps nobody
constexpr long local_sessions = 256;           // about 2 KiB each
constexpr long local_session_seconds = 300;    // connections of one agent run; no run resumes another one's
constexpr long longest_client_chain = 32'768;  // bytes of certificates a local client may send

void must(bool done) {
  if (done) return;
  ERR_clear_error();
  throw std::bad_alloc();  // the credentials were checked when they were read: nothing else is left to go wrong
}

ssl_ctx_ptr make_context(const SSL_METHOD* method, const credentials& own) {
  ssl_ctx_ptr context(SSL_CTX_new(method));
  must(context != nullptr);
  SSL_CTX* c = context.get();
  must(SSL_CTX_set_min_proto_version(c, TLS1_2_VERSION) == 1);
  SSL_CTX_set_options(c, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
  // NO_AUTO_CHAIN: like the agent we send the leaf alone; both sides have the CAs, and building a chain costs time.
  SSL_CTX_set_mode(c, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                          SSL_MODE_NO_AUTO_CHAIN);
  SSL_CTX_set_read_ahead(c, 1);
  if (own.certificate() == nullptr) return context;  // only to judge others with
  must(SSL_CTX_use_certificate(c, own.certificate()) == 1);
  must(SSL_CTX_use_PrivateKey(c, own.private_key()) == 1);
  return context;
}

void announce_cas(SSL_CTX* context, const credentials& own) {
  STACK_OF(X509_NAME)* names = sk_X509_NAME_new_null();
  must(names != nullptr);
  for (const auto& ca : own.ca()) {
    if (sk_X509_NAME_num(names) >= most_announced_cas) break;
    X509_NAME* name = X509_NAME_dup(X509_get_subject_name(ca.get()));
    if (name != nullptr && sk_X509_NAME_push(names, name) == 0) X509_NAME_free(name);
  }
  SSL_CTX_set_client_CA_list(context, names);
}

bool is_address(const std::string& host) {
  std::array<unsigned char, 16> bytes;
  return inet_pton(AF_INET, host.c_str(), bytes.data()) == 1 || inet_pton(AF_INET6, host.c_str(), bytes.data()) == 1;
}

bool is_for_host(X509* leaf, std::string_view host) {
  const std::string name(host);
  if (is_address(name)) return X509_check_ip_asc(leaf, name.c_str(), 0) == 1;
  return X509_check_host(leaf, name.data(), name.size(), host_check_flags(leaf), nullptr) == 1;
}

bool in_its_time(const X509* leaf, std::chrono::sys_seconds now) {
  const auto ends = moment_of(X509_get0_notAfter(leaf));
  return ends && now < *ends;
}

bool is_host_name(std::string_view host) {
  const auto allowed = [](char c) { return ascii::is_letter_or_digit(c) || c == '-' || c == '_' || c == '.'; };
  return !host.empty() && host.size() <= 253 && host.front() != '.' && host.back() != '.' &&
         std::all_of(host.begin(), host.end(), allowed);
}

}  // namespace

ssl_ctx_ptr make_upstream_context(std::shared_ptr<const credentials> own) {
  ssl_ctx_ptr context = make_context(TLS_client_method(), *own);
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  verify_masters(context.get(), std::move(own));
  return context;
}

ssl_ctx_ptr make_local_context(std::shared_ptr<const credentials> own) {
  ssl_ctx_ptr context = make_context(TLS_server_method(), *own);
  SSL_CTX* c = context.get();
  // With NO_TICKET, TLS 1.3 still sends session ids in the form of a ticket, within the handshake: one is enough.
  SSL_CTX_set_options(c, SSL_OP_NO_TICKET);
  must(SSL_CTX_set_num_tickets(c, 1) == 1);
  SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_SERVER);
  SSL_CTX_sess_set_cache_size(c, local_sessions);
  SSL_CTX_set_timeout(c, local_session_seconds);
  const spki_digest& id = own->spki_sha256();
  must(SSL_CTX_set_session_id_context(c, id.data(), static_cast<unsigned int>(id.size())) == 1);
  SSL_CTX_set_max_cert_list(c, longest_client_chain);
  announce_cas(c, *own);
  verify_own_clients(c, std::move(own));
  return context;
}

bool prepare_upstream(SSL* ssl, std::string_view host, std::shared_ptr<const policy::certificate_demands> demands) {
  if (demands && !keep_demands(ssl, std::move(demands))) return false;
  const std::string name(host);
  if (name.find('\0') == std::string::npos && is_address(name))
    return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name.c_str()) == 1;
  if (!is_host_name(name)) return false;
  return SSL_set_tlsext_host_name(ssl, name.c_str()) == 1 && SSL_set1_host(ssl, name.c_str()) == 1;
}

bool may_resume(const SSL_SESSION* session, std::string_view host, std::chrono::sys_seconds now,
                const policy::certificate_demands* demands) {
  if (SSL_SESSION_is_resumable(session) != 1) return false;
  X509* leaf = SSL_SESSION_get0_peer(const_cast<SSL_SESSION*>(session));
  if (leaf == nullptr || !is_for_host(leaf, host) || !in_its_time(leaf, now)) return false;
  return demands == nullptr || !policy::refuse(*demands, shown_by(leaf));
}

}  // namespace bunraku::io
