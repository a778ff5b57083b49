#include "openssl_handles.hpp"

#include <openssl/err.h>
#include <openssl/pem.h>

#include <array>
#include <fstream>
#include <iterator>

namespace lab {
namespace {

using bio_ptr = std::unique_ptr<BIO, freed_by<BIO_free_all>>;

bio_ptr memory_bio() {
  bio_ptr bio(BIO_new(BIO_s_mem()));
  if (!bio) openssl_failure("out of memory");
  return bio;
}

bio_ptr memory_bio(const std::string& text) {
  bio_ptr bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  if (!bio) openssl_failure("out of memory");
  return bio;
}

std::string contents(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(size)};
}

}  // namespace

void openssl_failure(const std::string& what) {
  std::string message = what;
  while (const unsigned long code = ERR_get_error()) {
    std::array<char, 256> text{};
    ERR_error_string_n(code, text.data(), text.size());
    message += std::string(": ") + text.data();
  }
  throw failure(message);
}

std::string to_pem(X509* certificate) {
  auto bio = memory_bio();
  if (PEM_write_bio_X509(bio.get(), certificate) != 1) openssl_failure("cannot write a certificate");
  return contents(bio.get());
}

std::string to_pem(X509_CRL* crl) {
  auto bio = memory_bio();
  if (PEM_write_bio_X509_CRL(bio.get(), crl) != 1) openssl_failure("cannot write a CRL");
  return contents(bio.get());
}

std::string private_pem(EVP_PKEY* key) {
  // The form Puppet itself writes: PKCS#1 for RSA, SEC1 for EC.
  auto bio = memory_bio();
  if (PEM_write_bio_PrivateKey_traditional(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    openssl_failure("cannot write a private key");
  }
  return contents(bio.get());
}

std::string public_pem(EVP_PKEY* key) {
  auto bio = memory_bio();
  if (PEM_write_bio_PUBKEY(bio.get(), key) != 1) openssl_failure("cannot write a public key");
  return contents(bio.get());
}

key_ptr key_from_pem(const std::string& pem, const std::string& where) {
  auto bio = memory_bio(pem);
  key_ptr key(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr));
  if (!key) openssl_failure(where + ": not a private key");
  return key;
}

certificate_ptr certificate_from_pem(const std::string& pem, const std::string& where) {
  auto bio = memory_bio(pem);
  certificate_ptr certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  if (!certificate) openssl_failure(where + ": not a certificate");
  return certificate;
}

request_ptr request_from_pem(const std::string& pem, const std::string& where) {
  auto bio = memory_bio(pem);
  request_ptr request(PEM_read_bio_X509_REQ(bio.get(), nullptr, nullptr, nullptr));
  if (!request) openssl_failure(where + ": not a certificate request");
  return request;
}

std::string common_name(const X509_NAME* subject) {
  const int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (at < 0) return {};
  const ASN1_STRING* text = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at));
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
          static_cast<std::size_t>(ASN1_STRING_length(text))};
}

std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw failure(path.string() + ": cannot be read");
  return {std::istreambuf_iterator<char>(file), {}};
}

void write_file(const std::filesystem::path& path, std::string_view content, std::filesystem::perms mode) {
  std::filesystem::create_directories(path.parent_path());
  auto beside = path;
  beside += ".new";
  {
    std::ofstream file(beside, std::ios::binary | std::ios::trunc);
    std::filesystem::permissions(beside, mode);
    file.write(content.data(), static_cast<std::streamsize>(content.size()));
    if (!file.flush()) throw failure(beside.string() + ": cannot be written");
  }
  std::filesystem::rename(beside, path);
}

}  // namespace lab
