#pragma once
#include "io/openssl_ptr.hpp"

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

/// Certificate authorities, certificates and CRLs made on the spot for tests, with OpenSSL's C API. Everything throws
/// std::runtime_error when OpenSSL says no.
namespace bunraku::test_pki {

using seconds = std::chrono::seconds;
using std::chrono::days;

/// A private key; copies share it.
class key {
 public:
  static key rsa(unsigned bits = 2048);
  static key ec();  ///< prime256v1

  EVP_PKEY* get() const noexcept { return key_.get(); }

  std::string pkcs8_pem() const;
  std::string traditional_pem() const;  ///< PKCS#1 or SEC1
  std::string encrypted_pkcs8_pem(std::string_view passphrase) const;
  std::string encrypted_traditional_pem(std::string_view passphrase) const;  ///< AES-128-CBC, as Puppet writes it

 private:
  explicit key(EVP_PKEY* made);
  std::shared_ptr<EVP_PKEY> key_;
};

/// What a certificate shall say. Times count from now.
struct request {
  std::string common_name;                      ///< empty: no subject at all
  std::vector<std::string> dns, ip;             ///< subjectAltName; none if both are empty
  std::vector<std::string> email;               ///< further alternative names, of a kind that names no host
  bool server_auth = true, client_auth = true;  ///< neither: no extended key usage
  seconds not_before = -days{1}, not_after = days{365};
};
/// As Puppet makes them: common name and the same as dNSName, for server and client.
request node(std::string name);

/// A certificate with its key; copies share both.
class certificate {
 public:
  certificate(X509* made, key its_key);
  X509* get() const noexcept { return certificate_.get(); }
  const key& its_key() const noexcept { return key_; }
  std::string pem() const;

 private:
  std::shared_ptr<X509> certificate_;
  key key_;
};

/// When a CRL was made and ends, from now.
struct crl_times {
  seconds last_update = -days{1}, next_update = days{365};
};

class authority {
 public:
  /// A root, by default for ten years.
  explicit authority(std::string common_name, key its_key = key::ec(), seconds not_before = -days{1},
                     seconds not_after = days{3650});
  /// A CA below this one.
  authority intermediate(std::string common_name, key its_key = key::ec(), seconds not_before = -days{1},
                         seconds not_after = days{3650}) const;

  certificate issue(const request& what, key its_key = key::ec()) const;
  certificate issue(std::string name, key its_key = key::ec()) const { return issue(node(std::move(name)), its_key); }

  /// A CRL that revokes these.
  std::string crl(const std::vector<certificate>& revoked = {}, crl_times times = {}) const;

  const certificate& own() const noexcept { return own_; }
  std::string pem() const { return own_.pem(); }

 private:
  explicit authority(certificate own) : own_(std::move(own)) {}
  certificate own_;
};

/// A directory of its own that goes when the object goes.
class directory {
 public:
  directory();
  ~directory();
  directory(const directory&) = delete;
  directory& operator=(const directory&) = delete;

  /// Writes (or replaces) a file and gives its path.
  std::string write(std::string_view name, std::string_view content, unsigned mode = 0640) const;
  std::string path(std::string_view name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

}  // namespace bunraku::test_pki
