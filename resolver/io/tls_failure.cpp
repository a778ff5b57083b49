#include "io/openssl_reason.hpp"
#include "io/tls_context.hpp"
#include "io/tls_verify.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/sslerr.h>

#include <optional>
#include <string>
#include <utility>

namespace bunraku::io {
namespace {

// OpenSSL reports a received alert as this offset plus its number.
constexpr int alert_offset = SSL_AD_REASON_OFFSET;

}  // namespace

bool is_about_our_certificate(int alert) noexcept {
  switch (alert) {
    case SSL_AD_BAD_CERTIFICATE:
    case SSL_AD_UNSUPPORTED_CERTIFICATE:
    case SSL_AD_CERTIFICATE_REVOKED:
    case SSL_AD_CERTIFICATE_EXPIRED:
    case SSL_AD_CERTIFICATE_UNKNOWN:
    case SSL_AD_UNKNOWN_CA:
    case SSL_AD_ACCESS_DENIED:
    case TLS13_AD_CERTIFICATE_REQUIRED: return true;
    default: return false;
  }
}

namespace {

std::string alert_name(int alert) {
  if (alert == TLS13_AD_CERTIFICATE_REQUIRED) return "certificate required";  // OpenSSL 3.0 has no words for it
  return SSL_alert_desc_string_long(alert);
}

std::string text_of(int alert) { return "alert " + std::to_string(alert) + " \"" + alert_name(alert) + "\""; }

std::string advice_on(int alert) {
  switch (alert) {
    case SSL_AD_CERTIFICATE_REVOKED: return ": the CA has revoked it";
    case SSL_AD_CERTIFICATE_EXPIRED: return ": by its clock it is expired";
    case SSL_AD_UNKNOWN_CA: return ": it does not know the CA that signed it";
    case TLS13_AD_CERTIFICATE_REQUIRED: return ": it saw none";
    default: return {};
  }
}

std::string refusal_by(const std::string& peer, int alert) {
  return peer + " refused our certificate with " + text_of(alert) + advice_on(alert);
}

// Words and codes depend on the leg: the codes about certificates speak of masters.
class explainer {
 public:
  explicit explainer(const SSL* ssl)
      : to_client_(SSL_is_server(ssl) == 1), peer_(to_client_ ? "the client" : "the master") {}

  const std::string& peer() const noexcept { return peer_; }

  // Empties the queue. Its oldest telling error is the cause; later ones are consequences on the way up.
  std::optional<handshake_failure> from_queue() const {
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
    return plain("OpenSSL says: " + openssl_reason(first));
  }

 private:
  static handshake_failure plain(std::string text) { return {errc::tls_failed, std::move(text)}; }

  handshake_failure from_alert(int alert) const {
    if (!is_about_our_certificate(alert)) return plain(peer_ + " ended the handshake with " + text_of(alert));
    return {to_client_ ? errc::tls_failed : errc::refused_us, refusal_by(peer_, alert)};
  }

  std::optional<handshake_failure> from_reason(int reason) const {
    switch (reason) {
      case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
        return handshake_failure{errc::not_own_certificate, peer_ + " showed no certificate"};
      case SSL_R_HTTP_REQUEST: return plain(peer_ + " speaks plain HTTP where TLS is expected");
      case SSL_R_WRONG_VERSION_NUMBER: return plain(peer_ + " does not speak TLS on this port");
      case SSL_R_UNSUPPORTED_PROTOCOL:
      case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION: return plain(peer_ + " does not speak TLS 1.2 or later");
      case SSL_R_UNEXPECTED_EOF_WHILE_READING: return plain(peer_ + " closed the connection during the TLS handshake");
      default: return std::nullopt;
    }
  }

  bool to_client_;
  std::string peer_;
};

}  // namespace

std::string refusal_text(int alert) { return refusal_by("the master", alert); }

handshake_failure explain_failure(SSL* ssl) {
  const explainer words(ssl);
  const std::optional<handshake_failure> said = words.from_queue();
  if (const verify_failure* found = failure_of(ssl)) return {found->code, found->text};
  if (const long result = SSL_get_verify_result(ssl); result != X509_V_OK)
    return {errc::tls_failed,
            words.peer() + "'s certificate was not accepted: " + X509_verify_cert_error_string(result)};
  return said.value_or(handshake_failure{errc::tls_failed, "the connection was lost during the TLS handshake"});
}

std::string peer_subject(const SSL* ssl) {
  const X509* certificate = SSL_get0_peer_certificate(ssl);
  return certificate != nullptr ? subject_of(certificate) : std::string();
}

}  // namespace bunraku::io
