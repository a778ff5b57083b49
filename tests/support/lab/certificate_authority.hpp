// A certificate authority as `puppetserver ca setup` makes one: a root, an intermediate that signs everything, a CRL of
// each. All of its state is files in one directory, so that the command line and a serving master may share it:
//   root.pem root.key inter.pem inter.key  ca_crt.pem ca_crl.pem (bundles)  revoked.txt  signed/NAME.pem
//   requests/NAME.pem
#pragma once

#include "openssl_handles.hpp"

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace lab {

enum class key_kind { rsa, ec };

struct key_choice {
  key_kind kind = key_kind::rsa;
  unsigned bits = 2048;  // RSA only
};

key_ptr new_key(key_choice choice);

// What makes one leaf different from another. The defaults are an ordinary Puppet certificate.
struct leaf {
  std::string common_name{};
  std::vector<std::string> names{};  // subjectAltName DNS entries
  bool server_auth = true;
  bool client_auth = true;
  int valid_from_days = -1;  // days from now
  int valid_to_days = 5 * 365;
};

class certificate_authority {
 public:
  // Opens the authority kept in `directory`, or makes one there with keys of that choice.
  static certificate_authority open_or_create(const std::filesystem::path& directory, key_choice choice,
                                              const std::string& name);
  // Opens; throws when there is none.
  static certificate_authority open(const std::filesystem::path& directory);

  certificate_ptr issue(EVP_PKEY* public_key, const leaf& wanted) const;

  // Adds the certificate to the intermediate's CRL and writes the bundle anew.
  void revoke(X509* certificate) const;

  // Both CAs, intermediate first, as an agent's certs/ca.pem; and both CRLs, as its crl.pem.
  std::string certificates() const;
  std::string crls() const;

  // Certificate requests by certname. A request is kept until it is signed.
  std::optional<std::string> signed_certificate(const std::string& certname) const;
  bool has_request(const std::string& certname) const;
  void keep_request(const std::string& certname, const std::string& pem) const;
  void keep_signed(const std::string& certname, X509* certificate) const;
  void sign_request(const std::string& certname) const;

  const std::filesystem::path& directory() const { return directory_; }

 private:
  explicit certificate_authority(std::filesystem::path directory) : directory_(std::move(directory)) {}
  void create(key_choice choice, const std::string& name);
  void load();
  void write_crls() const;

  std::filesystem::path directory_;
  key_ptr root_key_, inter_key_;
  certificate_ptr root_, inter_;
};

// Certnames come from request paths: lower-case letters, digits, dot, dash, underscore.
bool is_certname(std::string_view name);

}  // namespace lab
