#pragma once
#include <bunraku/problem.hpp>
#include <bunraku/site.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <string>

namespace bunraku {

namespace io {
class credentials;
}

struct identity_reading;

/// Who this node is and whom it trusts: certificate, key, CAs and CRLs, read and checked once. When a file changes,
/// load anew and replace it; what was begun with the old one goes on with it.
///
/// Threads: immutable; a const object may be used from any thread.
class identity {
 public:
  /// Blocking file reads; throws nothing but std::bad_alloc. Problems: every one at once, with file, cause and fix.
  static identity_reading load(const credential_files& files);

  explicit identity(std::shared_ptr<const io::credentials> native) noexcept;
  ~identity();
  identity(const identity&) = delete;
  identity& operator=(const identity&) = delete;

  const std::string& certname() const noexcept;
  std::chrono::sys_seconds certificate_not_before() const noexcept;
  std::chrono::sys_seconds certificate_not_after() const noexcept;
  std::string certificate_serial() const;                  ///< as Puppet prints it: "0x001F"
  std::chrono::sys_seconds ca_not_after() const noexcept;  ///< earliest of the CAs above our certificate
  /// Earliest end of a CRL in use; nothing when no CRL is used, or none names its end.
  std::optional<std::chrono::sys_seconds> crl_next_update() const noexcept;
  /// SHA-256 of our public key (subjectPublicKeyInfo), 64 hexadecimal digits: the pin that a renewal keeps.
  std::string spki_sha256() const;
  const credential_files& files() const noexcept;
  /// What is another than in `before`, for the log: "certificate with serial 0x001F until ..., private key". Empty:
  /// nothing.
  std::string differs_from(const identity& before) const;
  /// What load() would say of it now, without the files: errors for what has run out meanwhile or, by a clock that was
  /// set, is not valid yet; warnings for what ends within 30 days. `now` from 1970 to 9999.
  problems check(std::chrono::sys_seconds now) const;

  /// For the library's own use.
  const std::shared_ptr<const io::credentials>& native() const noexcept { return native_; }

 private:
  std::shared_ptr<const io::credentials> native_;
};

/// The identity, or why there is none. `value` is there exactly when `found` holds no error; warnings may come with it.
struct identity_reading {
  std::shared_ptr<const identity> value;
  problems found;
  bool revoked = false;  ///< the node's own certificate is on the CRL: there is no value, and masters refuse it
};

}  // namespace bunraku
