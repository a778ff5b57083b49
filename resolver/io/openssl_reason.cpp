#define OPENSSL_SUPPRESS_DEPRECATED  // what loads texts later than at the start is old, and has no successor
#include "io/openssl_reason.hpp"

#include <openssl/cryptoerr_legacy.h>
#include <openssl/err.h>
#include <openssl/sslerr_legacy.h>

#include <array>
#include <cstdio>
#include <system_error>

namespace bunraku::io {
namespace {

/// What was left out at the start cannot be had by OPENSSL_init_crypto() any more. Providers' own texts cannot be had
/// at all then.
bool load_texts() {
  for (int (*load)() :
       {ERR_load_ERR_strings,  ERR_load_CRYPTO_strings, ERR_load_BIO_strings,        ERR_load_BN_strings,
        ERR_load_CONF_strings, ERR_load_EVP_strings,    ERR_load_RSA_strings,        ERR_load_EC_strings,
        ERR_load_DSA_strings,  ERR_load_DH_strings,     ERR_load_RAND_strings,       ERR_load_OBJ_strings,
        ERR_load_ASN1_strings, ERR_load_PEM_strings,    ERR_load_PKCS12_strings,     ERR_load_X509_strings,
        ERR_load_UI_strings,   ERR_load_X509V3_strings, ERR_load_OSSL_STORE_strings, ERR_load_ENGINE_strings,
        ERR_load_SSL_strings})
    load();
  return true;
}

}  // namespace

std::string openssl_reason(unsigned long error) {
  if (error == 0) return "unknown reason";
  if (ERR_SYSTEM_ERROR(error)) return std::generic_category().message(ERR_GET_REASON(error));
  const char* words = ERR_reason_error_string(error);
  if (words == nullptr) {
    [[maybe_unused]] static const bool loaded = load_texts();
    words = ERR_reason_error_string(error);
  }
  if (words != nullptr) return words;
  std::array<char, 80> text{};
  std::snprintf(text.data(), text.size(), "error %08lX (openssl errstr %08lX)", error, error);
  return text.data();
}

}  // namespace bunraku::io
