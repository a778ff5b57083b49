#pragma once
#include <bunraku/connection.hpp>
#include <bunraku/dialled.hpp>
#include <bunraku/problem.hpp>
#include <bunraku/site.hpp>

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/async_result.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// What a node needs before it has an identity: a key, a signing request, and CAs to trust. Nothing here writes a file.
/// Threads: any; const objects are immutable. Throws nothing but std::bad_alloc. Times from 1970 to 9999.

namespace bunraku {

namespace io {
class credentials;
struct shared_key;
}  // namespace io

struct node_key_reading;

/// A node's private key. Copies share it.
class node_key {
 public:
  /// RSA of `key_length` bits, or EC on `named_curve`. RSA takes a second or more. Problems: settings that OpenSSL does
  /// not take, or that puppetserver would refuse.
  static node_key_reading generate(const enrolment_settings& how);
  /// Reads the file, and the passphrase file if the key is encrypted. Neither a value nor a problem: there is no such
  /// file. Errors: as identity::load's, and a key that every user of the host can read or change.
  static node_key_reading load(const credential_files& files);

  /// PEM as Puppet writes it: PKCS#1 or SEC1, encrypted (AES-128-CBC) if there is a passphrase. Overwrite it after use.
  std::string pem(const std::optional<std::string>& passphrase) const;

  explicit node_key(std::shared_ptr<const io::shared_key> native) noexcept : native_(std::move(native)) {}
  /// For the library's own use.
  const io::shared_key& native() const noexcept { return *native_; }

 private:
  std::shared_ptr<const io::shared_key> native_;
};

struct node_key_reading {
  std::optional<node_key> value;
  problems found;
};

/// What a signing request asks for.
struct request_contents {
  struct named_value {
    std::string oid;  ///< dotted numbers, or a name that OpenSSL knows
    std::string value;
    std::string where;  ///< for problems: "file:line"
  };
  std::string certname;
  std::vector<named_value> attributes;  ///< of the request itself, such as challengePassword
  std::vector<named_value> extensions;  ///< wanted in the certificate
  std::vector<std::string> alt_names;   ///< "DNS:name" or "IP:address"; empty: none are asked for
};

struct request_reading {
  std::string pem;  ///< empty exactly when `found` has an error
  problems found;
};
/// A PKCS#10 request as Puppet makes it: attributes as PrintableString, extensions as UTF8String, signed with SHA-256.
/// Errors: a certname that is empty or no UTF-8, an unknown OID, one that is there twice, alternative names that are
/// none. Values are not judged.
request_reading make_request(const node_key& key, const request_contents& what);

struct ca_trust_reading;

/// CAs that are trusted, with their CRLs as soon as these are known. Immutable; copies share everything.
class ca_trust {
 public:
  /// A bundle that came or that was found. `files` names the places for messages; its revocation mode counts from
  /// with_crls on. Errors: no PEM, damaged, no root in it, out of its time (with a word about the clock).
  static ca_trust_reading read(std::string_view bundle, const credential_files& files, std::chrono::sys_seconds now);
  /// The same with CRLs, as `files.check` asks for them. Errors: no PEM, damaged, one that is asked for is missing.
  ca_trust_reading with_crls(std::string_view bundle, std::chrono::sys_seconds now) const;

  std::string ca_pem() const;   ///< the certificates alone, as Puppet writes them
  std::string crl_pem() const;  ///< likewise; empty without CRLs
  /// SHA-256, upper case with colons: of the text, which is what Puppet's ca_fingerprint means, ...
  static std::string fingerprint_of(std::string_view bundle);
  /// ... and of the root's certificate, as `openssl x509 -fingerprint -sha256` prints it. Empty unless the bundle has
  /// exactly one root, and every other certificate of it is a CA below that root: only then does it speak for all.
  std::string root_fingerprint(std::chrono::sys_seconds now) const;

  explicit ca_trust(std::shared_ptr<const io::credentials> native, revocation check) noexcept
      : native_(std::move(native)), check_(check) {}
  /// For the library's own use.
  const std::shared_ptr<const io::credentials>& native() const noexcept { return native_; }

 private:
  std::shared_ptr<const io::credentials> native_;
  revocation check_;  // what CRLs are for once they are known
};

struct ca_trust_reading {
  std::optional<ca_trust> value;
  problems found;
};

struct node_certificate {
  std::string pem;  ///< the leaf alone
  std::string serial;
  std::chrono::sys_seconds not_after;
};
struct node_certificate_reading {
  std::optional<node_certificate> value;
  problems found;
  bool of_another_key = false;  ///< the one error that says: somebody else enrolled under this name
};
/// Is this the certificate of that key and name, and good as `trust` has it? `where` it is or whence it came.
node_certificate_reading check_node_certificate(std::string_view pem, const std::string& where, const node_key& key,
                                                const std::string& certname, const ca_trust& trust,
                                                std::chrono::sys_seconds now);

/// TLS towards a CA for a node that has no certificate to show.
class enrolment_tls {
 public:
  /// Chain, revocation as far as `trust` has CRLs, purpose and name are verified.
  explicit enrolment_tls(const ca_trust& trust);
  /// Nothing is: whatever comes over it must be proven otherwise, and nothing may be told over it.
  static enrolment_tls unverified();

  /// Signature: void(error_code, std::string reason, connection); `reason` is one sentence when there is an error.
  /// Errors: certificate_*, crl_*, tls_timeout, tls_failed, the system's.
  template <class CompletionToken>
  auto async_connect(dialled to, std::chrono::milliseconds timeout, CompletionToken&& token) const {
    return boost::asio::async_initiate<CompletionToken, void(boost::system::error_code, std::string, connection)>(
        [](auto handler, enrolment_tls self, dialled d, std::chrono::milliseconds limit) {
          self.start_connect(std::move(d), limit, std::move(handler));
        },
        token, *this, std::move(to), timeout);
  }

 private:
  using connect_handler = boost::asio::any_completion_handler<void(boost::system::error_code, std::string, connection)>;
  void start_connect(dialled to, std::chrono::milliseconds timeout, connect_handler handler) const;

  struct context;
  enrolment_tls() = default;
  std::shared_ptr<const context> context_;
};

}  // namespace bunraku
