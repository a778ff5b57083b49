#pragma once
#include "io/credentials.hpp"
#include "io/openssl_ptr.hpp"

#include <bunraku/error.hpp>
#include <bunraku/site.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace bunraku::io {

/// What chains are checked against. Only a view: the lists and files belong to somebody else.
struct trust_view {
  const std::vector<x509_ptr>& ca;
  const std::vector<x509_crl_ptr>& crls;
  const credential_files& files;
};

/// A store of exactly these CAs and CRLs (never the system's), with revocation checked as `files.check` says. A chain
/// must end in a self-signed CA of the bundle. Throws std::bad_alloc.
x509_store_ptr make_store(const trust_view& trust);

/// Is the failure that a verify callback was called for one that Puppet forgives: a CRL issued at most `crl_clock_skew`
/// in the future?
bool is_forgiven(X509_STORE_CTX* context);

/// The failure a verification ended with (or its callback was called for), in one sentence that names the certificate,
/// its issuer and the dates that matter. Printable, bounded.
std::string describe_failure(X509_STORE_CTX* context, const trust_view& trust);

/// X509_V_ERR_* as our code.
errc code_of(int verify_error) noexcept;

/// Why a peer's certificate was not accepted. Of a client on the local leg the code is always not_own_certificate,
/// since the other codes speak of masters; the text tells them apart.
struct verify_failure {
  errc code;
  std::string text;
};
/// What the verification of this handshake found wrong; null if nothing, or if it has not come to that.
const verify_failure* failure_of(const SSL* ssl) noexcept;

/// How X509_check_host() has to read this certificate to agree with what Puppet's agent does: a wildcard only as the
/// whole left-most label; the common name only when there is neither a dNSName nor an iPAddress among the alternative
/// names (OpenSSL by itself would read it also beside addresses).
unsigned int host_check_flags(const X509* certificate);

/// Makes the context verify its peers with these credentials, which it keeps alive from then on.
/// Upstream: chain, revocation, purpose sslserver, the name that prepare_upstream() asked for (host_check_flags), and
/// then what it demanded of masters. Purpose: serverAuth where there is an extended key usage; one without any is for
/// every use, as to Puppet (CAs outside of Puppet leave it out).
void verify_masters(SSL_CTX* context, std::shared_ptr<const credentials> own);
/// Judges this chain, the leaf first, as if the peer of `ssl` had sent it in a handshake: with what verify_masters()
/// set on the context and prepare_upstream() on the connection. At another time than the clock's, if one is given.
/// Null: it is good. Precondition: at least one certificate.
const verify_failure* judge_chain(SSL* ssl, const std::vector<x509_ptr>& chain,
                                  std::optional<std::chrono::sys_seconds> at);
/// Local leg: a certificate must be shown, its key must be our own key, and it must be good: chain, revocation, purpose
/// sslclient.
void verify_own_clients(SSL_CTX* context, std::shared_ptr<const credentials> own);

}  // namespace bunraku::io
