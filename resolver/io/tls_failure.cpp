#include "io/tls_context.hpp"
#include "io/tls_verify.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/sslerr.h>

#include <optional>

namespace bunraku::io {
namespace {

// TLS alert numbers, RFC 8446, 6.2. OpenSSL reports a received alert as this offset plus its number.
constexpr int alert_offset = SSL_AD_REASON_OFFSET;

bool is_about_our_certificate(int alert) {
  switch (alert) {
    case SSL_AD_BAD_CERTIFICATE:
    case SSL_AD_UNSUPPORTED_CERTIFICATE:
    case SSL_AD_CERTIFICATE_REVOKED:
    case SSL_AD_CERTIFICATE_EXPIRED:
    case SSL_AD_CERTIFICATE_UNKNOWN:
    case SSL_AD_UNKNOWN_CA:
    case SSL_AD_ACCESS_DENIED:
    case TLS13_AD_CERTIFICATE_REQUIRED:
      return true;
    default:
      return false;
  }
}

std::string advice_on(int alert) {
  switch (alert) {
    case SSL_AD_CERTIFICATE_REVOKED:
      return ": the CA has revoked it";
    case SSL_AD_CERTIFICATE_EXPIRED:
      return ": to the peer's clock it is expired";
    case SSL_AD_UNKNOWN_CA:
      return ": the peer does not know the CA that signed it";
    case TLS13_AD_CERTIFICATE_REQUIRED:
      return ": it saw none";
    default:
      return {};
  }
}

std::string alert_name(int alert) {
  if (alert == TLS13_AD_CERTIFICATE_REQUIRED) return "certificate required";  // OpenSSL 3.0 has no words for it
  return SSL_alert_desc_string_long(alert);
}

handshake_failure from_alert(int alert) {
  const std::string name = "alert " + std::to_string(alert) + " \"" + alert_name(alert) + "\"";
  if (is_about_our_certificate(alert))
    return {errc::refused_us, "the peer refused our certificate with " + name + advice_on(alert)};
  return {errc::tls_failed, "the peer ended the handshake with " + name};
}

std::optional<handshake_failure> from_reason(int reason) {
  switch (reason) {
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
      return handshake_failure{errc::not_own_certificate, "the client showed no certificate"};
    case SSL_R_HTTP_REQUEST:
      return handshake_failure{errc::tls_failed, "the client speaks plain HTTP where TLS is expected"};
    case SSL_R_WRONG_VERSION_NUMBER:
      return handshake_failure{errc::tls_failed, "the peer does not speak TLS on this port"};
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
      return handshake_failure{errc::tls_failed, "the peer does not speak TLS 1.2 or later"};
    case SSL_R_UNEXPECTED_EOF_WHILE_READING:
      return handshake_failure{errc::tls_failed, "the peer closed the connection during the TLS handshake"};
    default:
      return std::nullopt;
  }
}

// Empties the queue. The oldest error is the cause; later ones are its consequences on the way up.
std::optional<handshake_failure> from_queue() {
  std::optional<handshake_failure> known;
  unsigned long first = 0;
  while (const unsigned long error = ERR_get_error()) {
    if (first == 0) first = error;
    if (known || ERR_GET_LIB(error) != ERR_LIB_SSL) continue;
    const int reason = ERR_GET_REASON(error);
    known = from_reason(reason);
    if (!known && reason > alert_offset && reason <= alert_offset + 255) known = from_alert(reason - alert_offset);
  }
  if (known || first == 0) return known;
  const char* words = ERR_reason_error_string(first);
  return handshake_failure{errc::tls_failed, words != nullptr ? std::string("OpenSSL says: ") + words
                                                              : "OpenSSL error " + std::to_string(first)};
}

}  // namespace

handshake_failure explain_failure(SSL* ssl) {
  const std::optional<handshake_failure> said = from_queue();
  if (const verify_failure* found = failure_of(ssl)) return {found->code, found->text};
  if (const long result = SSL_get_verify_result(ssl); result != X509_V_OK)
    return {code_of(static_cast<int>(result)),
            "the peer's certificate was not accepted: " + std::string(X509_verify_cert_error_string(result))};
  return said.value_or(handshake_failure{errc::tls_failed, "the connection was lost during the TLS handshake"});
}

std::string peer_subject(const SSL* ssl) {
  const X509* certificate = SSL_get0_peer_certificate(ssl);
  return certificate != nullptr ? subject_of(certificate) : std::string();
}

}  // namespace bunraku::io
