#pragma once
#include "io/credentials.hpp"
#include "io/openssl_ptr.hpp"
#include "policy/master_identity.hpp"

#include <bunraku/error.hpp>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

namespace bunraku::io {

/// TLS towards masters: 1.2 or later, our certificate and key, trust in our CA bundle alone, CRLs as configured,
/// purpose sslserver. Sessions may be resumed, but the context stores none: set a new-session callback
/// (SSL_CTX_sess_set_new_cb) and offer one only as `may_resume` says.
/// Never null; throws std::bad_alloc. The context keeps the credentials alive. Threads: shared by all connections.
ssl_ctx_ptr make_upstream_context(std::shared_ptr<const credentials> own);

/// TLS towards local clients: shows our certificate and takes only clients that prove to have our key and show a good
/// certificate for it. Sessions are kept in memory for some minutes and die with the context, so a reload of the
/// credentials ends what the old ones allowed; no ticket leaves after the handshake (a Ruby client that keeps its
/// connection would take it for an answer and block).
/// Never null; throws std::bad_alloc. The context keeps the credentials alive. Threads: shared by all connections.
ssl_ctx_ptr make_local_context(std::shared_ptr<const credentials> own);

/// Before the handshake with a master: the name to ask for (SNI; not for IP literals) and to find in its certificate.
/// `host` is a host name or an IP literal without brackets. False when it is neither: then nothing may be sent, since
/// nobody would check who is there.
/// `demands`: what else its certificate must be; null: nothing.
bool prepare_upstream(SSL* ssl, std::string_view host,
                      std::shared_ptr<const policy::certificate_demands> demands = nullptr);

/// May this session be offered to `host`? Resuming skips the verification, so the certificate that was verified when
/// the session was made must be for this host too, still in its time, and as demanded now. Sessions belong to one
/// context: never offer one that was made with other credentials.
bool may_resume(const SSL_SESSION* session, std::string_view host, std::chrono::sys_seconds now,
                const policy::certificate_demands* demands = nullptr);

/// Why a handshake failed: what is wrong with the peer's certificate, which alert the peer sent, or what OpenSSL says.
/// Codes, towards masters: certificate_* (also for demands that are not met), crl_*, refused_us, tls_failed; towards
/// clients: not_own_certificate for whatever is wrong with what they show, tls_failed for the rest.
struct handshake_failure {
  errc code;
  std::string text;  ///< one sentence without a full stop, printable, bounded
};
/// To be asked right after the failed call; empties the thread's OpenSSL error queue. With TLS 1.3 a master that
/// refuses our certificate says so only to the first read: this explains that failure as well.
handshake_failure explain_failure(SSL* ssl);

/// Does this alert (RFC 8446, 6.2) of the peer mean that it does not want our certificate, or that it saw none?
bool is_about_our_certificate(int alert) noexcept;
/// A master's: "the master refused our certificate with alert 44 "certificate revoked": the CA has revoked it".
std::string refusal_text(int alert);

/// The peer certificate's subject for log lines: printable ASCII, at most 256 bytes; empty if there is none.
std::string peer_subject(const SSL* ssl);

}  // namespace bunraku::io
