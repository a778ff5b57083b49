#include "io/tls_verify.hpp"

#include "io/openssl_memory.hpp"
#include "io/tls_demands.hpp"

#include <openssl/x509v3.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <new>
#include <utility>

namespace bunraku::io {
namespace {

// ---- what OpenSSL keeps for us: the credentials beside a context, the failure beside a connection ----

void free_credentials(void*, void* kept, CRYPTO_EX_DATA*, int, long, void*) {
  delete static_cast<std::shared_ptr<const credentials>*>(kept);
}
void free_failure(void*, void* kept, CRYPTO_EX_DATA*, int, long, void*) { delete static_cast<verify_failure*>(kept); }

int credentials_index() {
  static const int index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, free_credentials);
  return index;
}
int failure_index() {
  static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, free_failure);
  return index;
}

void keep_credentials(SSL_CTX* context, std::shared_ptr<const credentials> own) {
  if (credentials_index() < 0 || failure_index() < 0) throw std::bad_alloc();
  auto* kept = new std::shared_ptr<const credentials>(std::move(own));
  if (SSL_CTX_set_ex_data(context, credentials_index(), kept) == 1) return;
  delete kept;
  throw std::bad_alloc();
}

SSL* ssl_of(X509_STORE_CTX* context) {
  return static_cast<SSL*>(X509_STORE_CTX_get_ex_data(context, SSL_get_ex_data_X509_STORE_CTX_idx()));
}

const credentials& credentials_of(X509_STORE_CTX* context) {
  const void* kept = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl_of(context)), credentials_index());
  return **static_cast<const std::shared_ptr<const credentials>*>(kept);
}

void keep_failure(X509_STORE_CTX* context, errc code, std::string text) {
  SSL* ssl = ssl_of(context);
  auto* kept = new verify_failure{code, std::move(text)};
  delete static_cast<verify_failure*>(SSL_get_ex_data(ssl, failure_index()));
  if (SSL_set_ex_data(ssl, failure_index(), kept) != 1) delete kept;
}

// ---- words for failures ----

std::chrono::sys_seconds time_of_check(X509_STORE_CTX* context) {
  const X509_VERIFY_PARAM* rules = X509_STORE_CTX_get0_param(context);
  if (X509_VERIFY_PARAM_get_flags(rules) & X509_V_FLAG_USE_CHECK_TIME)
    return std::chrono::sys_seconds{std::chrono::seconds{X509_VERIFY_PARAM_get_time(rules)}};
  return std::chrono::sys_seconds{std::chrono::seconds{std::time(nullptr)}};
}

std::string date_text(const ASN1_TIME* time) {
  const auto moment = moment_of(time);
  return moment ? text_of(*moment) : "an unreadable date";
}

std::string clock_text(X509_STORE_CTX* context) {
  // A handshake's time is the clock's, unless judge_chain() was given another.
  const bool asked_for = ssl_of(context) != nullptr &&
                         (X509_VERIFY_PARAM_get_flags(X509_STORE_CTX_get0_param(context)) & X509_V_FLAG_USE_CHECK_TIME);
  return (asked_for ? " (the time asked for: " : " (local clock: ") + text_of(time_of_check(context)) + ")";
}

bool has_ca_named(const trust_view& trust, const X509_NAME* name) {
  return std::any_of(trust.ca.begin(), trust.ca.end(),
                     [&](const x509_ptr& ca) { return X509_NAME_cmp(X509_get_subject_name(ca.get()), name) == 0; });
}

bool has_crl_named(const trust_view& trust, const X509_NAME* name) {
  return std::any_of(trust.crls.begin(), trust.crls.end(),
                     [&](const x509_crl_ptr& crl) { return X509_NAME_cmp(X509_CRL_get_issuer(crl.get()), name) == 0; });
}

std::string untrusted_text(const X509* certificate, const trust_view& trust) {
  const X509_NAME* issuer = X509_get_issuer_name(certificate);
  const std::string who = "certificate " + subject_of(certificate);
  if (X509_NAME_cmp(X509_get_subject_name(certificate), issuer) == 0)
    return who + " signed itself and is not the CA in " + trust.files.ca;
  if (has_ca_named(trust, issuer))
    return who + " was signed by a CA named " + text_of(issuer) + ", but not with the key of the CA of that name in " +
           trust.files.ca + ": the CA was made anew";
  return who + " was signed by " + text_of(issuer) + ", which is not in " + trust.files.ca;
}

std::string wrong_name_text(X509_STORE_CTX* context, const X509* certificate) {
  constexpr std::size_t most_shown = 8;
  X509_VERIFY_PARAM* rules = X509_STORE_CTX_get0_param(context);
  std::string wanted;
  if (const char* host = X509_VERIFY_PARAM_get0_host(rules, 0)) wanted = host;
  if (const openssl_memory_ptr<char> address{X509_VERIFY_PARAM_get1_ip_asc(rules)}) wanted = address.get();
  certificate_names names = names_of(certificate);
  std::vector<std::string> all = std::move(names.dns);
  all.insert(all.end(), names.ip.begin(), names.ip.end());
  if (all.empty()) all.push_back(names.common_name.empty() ? "(no name)" : names.common_name);
  std::string shown;
  for (std::size_t i = 0; i < std::min(all.size(), most_shown); ++i) shown += (i == 0 ? "" : ", ") + all[i];
  if (all.size() > most_shown) shown += ", and " + std::to_string(all.size() - most_shown) + " more";
  return "certificate " + subject_of(certificate) + " is for " + shown + ", not for " + wanted;
}

std::string wrong_purpose_text(X509_STORE_CTX* context, const X509* certificate) {
  if (X509_STORE_CTX_get_error_depth(context) > 0)
    return "CA certificate " + subject_of(certificate) + " may not issue certificates for this purpose";
  const SSL* ssl = ssl_of(context);
  const bool for_server = ssl != nullptr && SSL_is_server(ssl) == 0;
  return "certificate " + subject_of(certificate) +
         (for_server ? " is not meant for servers: its extended key usage lacks serverAuth"
                     : " is not meant for clients: its extended key usage lacks clientAuth");
}

std::string crl_text(X509_STORE_CTX* context, const X509* certificate, const trust_view& trust) {
  const int error = X509_STORE_CTX_get_error(context);
  const X509_CRL* crl = X509_STORE_CTX_get0_current_crl(context);
  const std::string whose = "the CRL of " + issuer_of(certificate) + " in " + trust.files.crl;
  if (crl != nullptr && error == X509_V_ERR_CRL_HAS_EXPIRED)
    return whose + " expired on " + date_text(X509_CRL_get0_nextUpdate(crl)) + clock_text(context);
  if (crl != nullptr && error == X509_V_ERR_CRL_NOT_YET_VALID)
    return whose + " is not valid before " + date_text(X509_CRL_get0_lastUpdate(crl)) + clock_text(context);
  if (error == X509_V_ERR_UNABLE_TO_GET_CRL) {
    const std::string asked =
        std::string("certificate_revocation = ") + (trust.files.check == revocation::leaf ? "leaf" : "chain");
    if (has_crl_named(trust, X509_get_issuer_name(certificate)))
      return whose + " was signed with another key than that CA's (" + asked + " asks for a CRL of this CA)";
    return trust.files.crl + " holds no CRL of " + issuer_of(certificate) + ", and " + asked + " asks for it";
  }
  return whose + " cannot be used: " + X509_verify_cert_error_string(error);
}

// ---- verification in a handshake ----

void explain(X509_STORE_CTX* context) {
  const credentials& own = credentials_of(context);
  const bool of_client = SSL_is_server(ssl_of(context)) == 1;
  const errc code = of_client ? errc::not_own_certificate : code_of(X509_STORE_CTX_get_error(context));
  keep_failure(context, code, describe_failure(context, {own.ca(), own.crls(), own.files()}));
}

// Called by OpenSSL for every step. A failure is described here, while the certificate and CRL it is about are known.
int step(int good, X509_STORE_CTX* context) noexcept {
  if (good == 1) return 1;
  try {
    if (is_forgiven(context)) {
      X509_STORE_CTX_set_error(context, X509_V_OK);
      return 1;
    }
    explain(context);
  } catch (...) {
    X509_STORE_CTX_set_error(context, X509_V_ERR_OUT_OF_MEM);
  }
  return 0;
}

int verify_chain(X509_STORE_CTX* context) {
  X509_STORE_CTX_set_verify_cb(context, step);
  if (X509_verify_cert(context) > 0) return 1;
  if (X509_STORE_CTX_get_error(context) == X509_V_OK) X509_STORE_CTX_set_error(context, X509_V_ERR_UNSPECIFIED);
  if (failure_of(ssl_of(context)) == nullptr) explain(context);  // it failed outside of any step
  return 0;
}

// A good certificate: is it a master's?
bool meets_demands(X509_STORE_CTX* context) {
  const auto* demands = demands_on(ssl_of(context));
  if (demands == nullptr) return true;
  const auto refused = policy::refuse(*demands, shown_by(X509_STORE_CTX_get0_cert(context)));
  if (!refused) return true;
  X509_STORE_CTX_set_error(context, X509_V_ERR_CERT_REJECTED);
  keep_failure(context,
               refused->what == policy::refusal::kind::pin ? errc::certificate_not_pinned : errc::certificate_no_master,
               refused->text);
  return false;
}

int verify_master(X509_STORE_CTX* context, void*) noexcept try {
  const unsigned int names = host_check_flags(X509_STORE_CTX_get0_cert(context));
  X509_VERIFY_PARAM_set_hostflags(X509_STORE_CTX_get0_param(context), names);
  if (verify_chain(context) != 1) return 0;
  return meets_demands(context) ? 1 : 0;
} catch (...) {
  X509_STORE_CTX_set_error(context, X509_V_ERR_OUT_OF_MEM);
  return 0;
}

int verify_own_client(X509_STORE_CTX* context, void*) noexcept try {
  const credentials& own = credentials_of(context);
  const X509* shown = X509_STORE_CTX_get0_cert(context);
  if (spki_of(shown) != own.spki_sha256()) {
    X509_STORE_CTX_set_error(context, X509_V_ERR_CERT_REJECTED);
    keep_failure(context, errc::not_own_certificate,
                 "the client showed certificate " + subject_of(shown) +
                     ", whose key is not the key of this node's own " + own.files().certificate);
    return 0;
  }
  return verify_chain(context);
} catch (...) {
  X509_STORE_CTX_set_error(context, X509_V_ERR_OUT_OF_MEM);
  return 0;
}

using verify_function = int (*)(X509_STORE_CTX*, void*);

void verify_with(SSL_CTX* context, std::shared_ptr<const credentials> own, verify_function function, int purpose,
                 int mode) {
  SSL_CTX_set_cert_store(context, make_store({own->ca(), own->crls(), own->files()}).release());
  keep_credentials(context, std::move(own));
  X509_VERIFY_PARAM_set_purpose(SSL_CTX_get0_param(context), purpose);
  SSL_CTX_set_verify(context, mode, nullptr);
  SSL_CTX_set_cert_verify_callback(context, function, nullptr);
}

}  // namespace

x509_store_ptr make_store(const trust_view& trust) {
  x509_store_ptr store(X509_STORE_new());
  if (!store) throw std::bad_alloc();
  for (const auto& ca : trust.ca)
    if (X509_STORE_add_cert(store.get(), ca.get()) != 1) throw std::bad_alloc();
  if (trust.files.check == revocation::none) return store;
  for (const auto& crl : trust.crls)
    if (X509_STORE_add_crl(store.get(), crl.get()) != 1) throw std::bad_alloc();
  const unsigned long whole_chain = trust.files.check == revocation::chain ? X509_V_FLAG_CRL_CHECK_ALL : 0;
  X509_STORE_set_flags(store.get(), X509_V_FLAG_CRL_CHECK | whole_chain);
  return store;
}

bool is_forgiven(X509_STORE_CTX* context) {
  if (X509_STORE_CTX_get_error(context) != X509_V_ERR_CRL_NOT_YET_VALID) return false;
  const X509_CRL* crl = X509_STORE_CTX_get0_current_crl(context);
  if (crl == nullptr) return false;
  const auto issued = moment_of(X509_CRL_get0_lastUpdate(crl));
  return issued && *issued < time_of_check(context) + crl_clock_skew;
}

std::string describe_failure(X509_STORE_CTX* context, const trust_view& trust) {
  const int error = X509_STORE_CTX_get_error(context);
  const X509* certificate = X509_STORE_CTX_get_current_cert(context);
  if (certificate == nullptr) certificate = X509_STORE_CTX_get0_cert(context);
  if (certificate == nullptr) return X509_verify_cert_error_string(error);
  const std::string who =
      (X509_STORE_CTX_get_error_depth(context) > 0 ? "CA certificate " : "certificate ") + subject_of(certificate);
  switch (code_of(error)) {
    case errc::certificate_expired:
      if (error == X509_V_ERR_CERT_HAS_EXPIRED)
        return who + " expired on " + date_text(X509_get0_notAfter(certificate)) + clock_text(context);
      if (error == X509_V_ERR_CERT_NOT_YET_VALID)
        return who + " is not valid before " + date_text(X509_get0_notBefore(certificate)) + clock_text(context);
      break;
    case errc::certificate_revoked:
      return who + " (serial " + serial_of(certificate) + ") was revoked by " + issuer_of(certificate);
    case errc::certificate_wrong_name: return wrong_name_text(context, certificate);
    case errc::certificate_wrong_purpose: return wrong_purpose_text(context, certificate);
    case errc::crl_missing:
    case errc::crl_expired: return crl_text(context, certificate, trust);
    case errc::certificate_untrusted:
      switch (error) {
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
        case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
        case X509_V_ERR_CERT_SIGNATURE_FAILURE:
        case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
        case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN: return untrusted_text(certificate, trust);
        default: break;
      }
      break;
    default: break;
  }
  return who + ", issued by " + issuer_of(certificate) + ": " + X509_verify_cert_error_string(error);
}

errc code_of(int verify_error) noexcept {
  switch (verify_error) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID:
    case X509_V_ERR_ERROR_IN_CERT_NOT_BEFORE_FIELD:
    case X509_V_ERR_ERROR_IN_CERT_NOT_AFTER_FIELD: return errc::certificate_expired;
    case X509_V_ERR_CERT_REVOKED: return errc::certificate_revoked;
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH: return errc::certificate_wrong_name;
    case X509_V_ERR_INVALID_PURPOSE: return errc::certificate_wrong_purpose;
    case X509_V_ERR_UNABLE_TO_GET_CRL:
    case X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER:
    case X509_V_ERR_UNABLE_TO_DECRYPT_CRL_SIGNATURE:
    case X509_V_ERR_CRL_SIGNATURE_FAILURE:
    case X509_V_ERR_KEYUSAGE_NO_CRL_SIGN:
    case X509_V_ERR_UNHANDLED_CRITICAL_CRL_EXTENSION:
    case X509_V_ERR_DIFFERENT_CRL_SCOPE: return errc::crl_missing;
    case X509_V_ERR_CRL_HAS_EXPIRED:
    case X509_V_ERR_CRL_NOT_YET_VALID:
    case X509_V_ERR_ERROR_IN_CRL_LAST_UPDATE_FIELD:
    case X509_V_ERR_ERROR_IN_CRL_NEXT_UPDATE_FIELD: return errc::crl_expired;
    case X509_V_ERR_OUT_OF_MEM: return errc::tls_failed;
    default: return errc::certificate_untrusted;
  }
}

const verify_failure* failure_of(const SSL* ssl) noexcept {
  return static_cast<const verify_failure*>(SSL_get_ex_data(ssl, failure_index()));
}

unsigned int host_check_flags(const X509* certificate) {
  const certificate_names names = names_of(certificate);
  const bool only_alternatives = !names.dns.empty() || !names.ip.empty();
  return X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | (only_alternatives ? X509_CHECK_FLAG_NEVER_CHECK_SUBJECT : 0u);
}

void verify_masters(SSL_CTX* context, std::shared_ptr<const credentials> own) {
  verify_with(context, std::move(own), verify_master, X509_PURPOSE_SSL_SERVER, SSL_VERIFY_PEER);
}

const verify_failure* judge_chain(SSL* ssl, const std::vector<x509_ptr>& chain,
                                  std::optional<std::chrono::sys_seconds> at) {
  // What OpenSSL's own ssl_verify_cert_chain() does with a chain that came in a handshake, up to its call of
  // verify_master().
  const x509_store_ctx_ptr context(X509_STORE_CTX_new());
  STACK_OF(X509)* shown = sk_X509_new_null();
  const std::unique_ptr<STACK_OF(X509), void (*)(STACK_OF(X509)*)> guard(shown, [](auto* s) { sk_X509_free(s); });
  bool made = context && shown != nullptr;
  for (const auto& one : chain) made = made && sk_X509_push(shown, one.get()) > 0;
  X509_STORE* trusted = SSL_CTX_get_cert_store(SSL_get_SSL_CTX(ssl));
  made = made && X509_STORE_CTX_init(context.get(), trusted, chain.front().get(), shown) == 1 &&
         X509_STORE_CTX_set_ex_data(context.get(), SSL_get_ex_data_X509_STORE_CTX_idx(), ssl) == 1 &&
         X509_STORE_CTX_set_default(context.get(), "ssl_server") == 1;
  if (!made) throw std::bad_alloc();
  X509_VERIFY_PARAM* rules = X509_STORE_CTX_get0_param(context.get());
  X509_VERIFY_PARAM_set_auth_level(rules, SSL_get_security_level(ssl));
  if (X509_VERIFY_PARAM_set1(rules, SSL_get0_param(ssl)) != 1) throw std::bad_alloc();
  if (at) X509_STORE_CTX_set_time(context.get(), 0, at->time_since_epoch().count());
  if (verify_master(context.get(), nullptr) == 1) return nullptr;
  const auto* failure = failure_of(ssl);
  if (failure == nullptr) throw std::bad_alloc();  // there was no room to say why
  return failure;
}

void verify_own_clients(SSL_CTX* context, std::shared_ptr<const credentials> own) {
  verify_with(context, std::move(own), verify_own_client, X509_PURPOSE_SSL_CLIENT,
              SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT);
}

}  // namespace bunraku::io
