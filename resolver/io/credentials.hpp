#pragma once
#include "io/openssl_ptr.hpp"
#include "io/x509_text.hpp"

#include <bunraku/site.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace bunraku::io {

/// A CRL that claims to be issued in the future is believed this far ahead, as Puppet does: clocks differ a little.
inline constexpr std::chrono::minutes crl_clock_skew{5};

/// A node's certificate and key, and what it trusts: read and checked once, never changed after.
/// Threads: a const object may be used from any thread. The raw pointers live as long as the object.
class credentials {
 public:
  struct parts {
    credential_files files;
    x509_ptr certificate;
    evp_pkey_ptr private_key;
    std::vector<x509_ptr> ca;
    std::vector<x509_crl_ptr> crls;  ///< empty with revocation::none
    std::string certname;
    std::chrono::sys_seconds not_before, not_after, ca_not_after;
    std::optional<std::chrono::sys_seconds> crl_next_update;
    spki_digest spki_sha256;
    bool revoked = false;
  };
  explicit credentials(parts from) : parts_(std::move(from)) {}

  X509* certificate() const noexcept { return parts_.certificate.get(); }
  EVP_PKEY* private_key() const noexcept { return parts_.private_key.get(); }
  const std::vector<x509_ptr>& ca() const noexcept { return parts_.ca; }
  const std::vector<x509_crl_ptr>& crls() const noexcept { return parts_.crls; }

  /// The certificate's common name, which is what Puppet calls a node; its first dNSName when it has none.
  const std::string& certname() const noexcept { return parts_.certname; }
  std::chrono::sys_seconds not_before() const noexcept { return parts_.not_before; }
  std::chrono::sys_seconds not_after() const noexcept { return parts_.not_after; }
  /// The first moment at which a CA above our certificate, or one of their CRLs, runs out. Other CAs that may lie in
  /// the bundle (left over from a rotation) do not count. No value: no CRL is used, or none names its end.
  std::chrono::sys_seconds ca_not_after() const noexcept { return parts_.ca_not_after; }
  std::optional<std::chrono::sys_seconds> crl_next_update() const noexcept { return parts_.crl_next_update; }

  const spki_digest& spki_sha256() const noexcept { return parts_.spki_sha256; }
  /// Files, certificate with its dates, CAs and CRLs, without the key: to be judged again, or with something else.
  parts copy() const;
  revocation check() const noexcept { return parts_.files.check; }
  const credential_files& files() const noexcept { return parts_.files; }

 private:
  parts parts_;
};

/// `value` is there exactly when `found` holds no error.
struct credentials_reading {
  std::shared_ptr<const credentials> value;
  problems found;
  bool revoked = false;  ///< the certificate itself, by a CRL that is good
};

/// Reads and checks everything, and tells every problem at once with file, cause and fix.
/// Model:   the certificate file's first block is the leaf; text outside PEM blocks is ignored; files over 32 MiB and
///          things that are not regular files are refused. With revocation::none the CRL file is not opened.
/// Errors:  missing, unreadable or malformed files; key encrypted without its passphrase or not the certificate's;
///          certificate out of its time, not of this CA, or revoked; a CRL that `check` asks for missing or expired.
/// Warns:   private key open to every user; certificate, CA or CRL that ends within 30 days; left-over CAs and CRLs.
/// Threads: any; blocking file reads; leaves the thread's OpenSSL error queue empty.
credentials_reading load_credentials(const credential_files& files, std::chrono::sys_seconds now);

/// What load_credentials() would say of them at another time, of dates above all: nothing is read.
problems check_again(const credentials& loaded, std::chrono::sys_seconds now);

}  // namespace bunraku::io
