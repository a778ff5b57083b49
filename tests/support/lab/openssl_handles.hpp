// Owners for OpenSSL objects and PEM in and out. Set-up code of a test tool: failures are exceptions.
#pragma once

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

namespace lab {

struct failure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

template <auto Free>
struct freed_by {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};

using key_ptr = std::unique_ptr<EVP_PKEY, freed_by<EVP_PKEY_free>>;
using certificate_ptr = std::unique_ptr<X509, freed_by<X509_free>>;
using request_ptr = std::unique_ptr<X509_REQ, freed_by<X509_REQ_free>>;
using crl_ptr = std::unique_ptr<X509_CRL, freed_by<X509_CRL_free>>;

// `what` failed; appends and empties OpenSSL's error queue.
[[noreturn]] void openssl_failure(const std::string& what);

std::string to_pem(X509* certificate);
std::string to_pem(X509_CRL* crl);
std::string private_pem(EVP_PKEY* key);
std::string public_pem(EVP_PKEY* key);

key_ptr key_from_pem(const std::string& pem, const std::string& where);
certificate_ptr certificate_from_pem(const std::string& pem, const std::string& where);
request_ptr request_from_pem(const std::string& pem, const std::string& where);

// The first common name of a subject, empty when it has none.
std::string common_name(const X509_NAME* subject);

std::string read_file(const std::filesystem::path& path);
// Writes beside the target and renames, so that a reader sees the old file or the new one.
void write_file(const std::filesystem::path& path, std::string_view content, std::filesystem::perms mode);

inline constexpr auto mode_public = static_cast<std::filesystem::perms>(0644);
inline constexpr auto mode_key = static_cast<std::filesystem::perms>(0640);

}  // namespace lab
