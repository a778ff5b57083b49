#include "io/credentials.hpp"

#include "io/credentials_chain.hpp"
#include "io/openssl_reason.hpp"
#include "io/pem_file.hpp"
#include "io/token_key.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <string_view>
#include <sys/stat.h>
#include <utility>

namespace bunraku::io {
namespace {

constexpr std::string_view enrol =
    "enrol this node first (bunraku enroll, or puppet ssl bootstrap), or set certname and ssldir right";
constexpr std::string_view fetch_again = "remove the file, so that the agent fetches it anew on its next run";

// The certificate's own; check_chain() sees to everything above it.
void check_own_dates(const credentials::parts& of, std::chrono::sys_seconds now, problems& found) {
  const auto add = [&](severity level, std::string what, std::string fix) {
    found.emplace_back(level, of.files.certificate, std::move(what), std::move(fix));
  };
  const std::string clock = " (local clock: " + text_of(now) + ")";
  if (now < of.not_before)
    add(severity::error, "the certificate is not valid before " + text_of(of.not_before) + clock,
        "set the clock right, or wait");
  else if (now > of.not_after)
    add(severity::error, "the certificate expired on " + text_of(of.not_after) + clock,
        "set the clock right, or get a new certificate: `puppetserver ca clean --certname " + of.certname +
            "` at the CA, then `puppet ssl clean` and `puppet ssl bootstrap` here");
  else if (of.not_after - now < expiry_warning)
    add(severity::warning, "the certificate expires on " + text_of(of.not_after) + clock,
        "renew it in time; agents do so by themselves where the CA allows automatic renewal");
}

class loader {
 public:
  loader(const credential_files& files, std::chrono::sys_seconds now) : now_(now) { parts_.files = files; }

  credentials_reading run() {
    read_certificate();
    read_key();
    check_pair();
    const bool has_ca = read_ca();
    const bool has_crls = read_crls();
    if (parts_.certificate && has_ca && has_crls) check_chain(parts_, now_, found_);
    ERR_clear_error();
    credentials_reading out{nullptr, std::move(found_), parts_.revoked};
    if (!has_error(out.found)) out.value = std::make_shared<const credentials>(std::move(parts_));
    return out;
  }

 private:
  void error(const std::string& where, std::string what, std::string_view fix) {
    found_.emplace_back(severity::error, where, std::move(what), std::string(fix));
  }
  void warning(const std::string& where, std::string what, std::string_view fix) {
    found_.emplace_back(severity::warning, where, std::move(what), std::string(fix));
  }

  // The file, or nothing and a problem. `setting` is what an empty path is called.
  std::optional<file_bytes> read(const std::string& path, std::string_view setting, std::string_view what_it_is,
                                 std::string_view how_to_get_it) {
    if (path.empty()) {
      error(std::string(setting), "no file is named for " + std::string(what_it_is), "set " + std::string(setting));
      return std::nullopt;
    }
    auto bytes = read_file(path, what_it_is, how_to_get_it);
    if (bytes) return std::move(*bytes);
    found_.push_back(std::move(bytes.error()));
    return std::nullopt;
  }

  std::string enrol_anew() const {
    return ", or enrol anew: `puppetserver ca clean --certname " + parts_.certname +
           "` at the CA, then `puppet ssl clean` here";
  }
  /// A new key would not fit the certificate that is there.
  std::string key_fix() const { return parts_.certificate ? "restore it" + enrol_anew() : std::string(enrol); }

  void read_certificate() {
    const std::string& path = parts_.files.certificate;
    const auto bytes = read(path, "hostcert", "this node's certificate", enrol);
    if (!bytes) return;
    x509_ptr leaf = first_certificate_in(bytes->view());
    if (!leaf) return error(path, "there is no readable PEM certificate in it", enrol);
    certificate_names names = names_of(leaf.get());
    parts_.certname = std::move(names.common_name);
    if (parts_.certname.empty() && !names.dns.empty()) parts_.certname = std::move(names.dns.front());
    const auto begins = moment_of(X509_get0_notBefore(leaf.get())), ends = moment_of(X509_get0_notAfter(leaf.get()));
    const auto spki = spki_of(leaf.get());
    if (!begins || !ends || !spki) return error(path, "the certificate has an unreadable date or key", enrol);
    parts_.not_before = *begins;
    parts_.not_after = *ends;
    parts_.spki_sha256 = *spki;
    parts_.certificate = std::move(leaf);
    check_own_dates(parts_, now_, found_);
    if (X509_check_purpose(parts_.certificate.get(), X509_PURPOSE_SSL_CLIENT, 0) != 1)
      warning(path, "the certificate is not meant for clients (its extended key usage lacks clientAuth)",
              "get one from Puppet's CA: masters and this node's own listener refuse this one from a client");
  }

  // The PIN's file, without the newline that editors leave at its end.
  void read_token_key() {
    const auto where = parse_token_uri(parts_.files.private_key);
    if (!where.mistake.empty())
      return error(where.value.key, "this is no good name of a key in a token: " + where.mistake,
                   "write it as in RFC 7512: pkcs11:token=NAME;object=NAME?pin-source=FILE");
    const auto& path = where.value.pin_file;
    if (path.empty()) return take_token_key(key_in_token(where.value, nullptr));
    const auto pin = read(path, "pin-source", "the PIN of the token", "write the PIN into it");
    if (!pin) return;
    if ((pin->mode() & (S_IROTH | S_IWOTH)) != 0)
      warning(path, "every user of this host can read or change the token's PIN", "chmod o= " + path);
    const auto secret = pin->view().substr(0, pin->view().find_first_of("\r\n"));
    take_token_key(key_in_token(where.value, &secret));
  }

  void take_token_key(std::expected<evp_pkey_ptr, problem> key) {
    if (key) parts_.private_key = std::move(*key);
    else found_.push_back(std::move(key.error()));
  }

  void read_key() {
    const std::string& path = parts_.files.private_key;
    if (is_token_uri(path)) return read_token_key();
    const auto bytes = read(path, "hostprivkey", "this node's private key", key_fix());
    if (!bytes) return;
    if ((bytes->mode() & (S_IROTH | S_IWOTH)) != 0)
      warning(path, "every user of this host can read or change the private key", "chmod o= " + path);
    key_reading reading = private_key_in(bytes->view(), nullptr);
    std::string with;
    if (reading.why == key_reading::failure::needs_passphrase && !parts_.files.passphrase_file.empty()) {
      with = parts_.files.passphrase_file;
      const auto secret = read(with, "passfile", "the passphrase file of the encrypted key " + path,
                               "write the passphrase into it, or store the key without one");
      if (!secret) return;
      const std::string_view passphrase = secret->view();
      reading = private_key_in(bytes->view(), &passphrase);
    }
    if (!reading.key) return explain_key(reading.why, path, with);
    parts_.private_key = std::move(reading.key);
  }

  void explain_key(key_reading::failure why, const std::string& path, const std::string& with) {
    using failure = key_reading::failure;
    switch (why) {
      case failure::none: return;
      case failure::no_key: return error(path, "there is no PEM private key in it", key_fix());
      case failure::damaged:
        return error(path, "the private key is damaged or of an unknown kind",
                     "restore it, or enrol this node anew; RSA and EC keys in PKCS#1, SEC1 or PKCS#8 can be read");
      case failure::needs_passphrase:
        return error(path, "the private key is encrypted and no passphrase file is named", "set passfile");
      case failure::passphrase_too_long:
        return error(with, "the passphrase is longer than OpenSSL takes (1024 bytes)",
                     "store the key with a shorter one");
      case failure::wrong_passphrase:
        return error(with, "the passphrase does not open the private key " + path,
                     "the whole file is the passphrase, a newline at its end included: check both");
    }
  }

  void check_pair() {
    if (!parts_.certificate || !parts_.private_key) return;
    if (X509_check_private_key(parts_.certificate.get(), parts_.private_key.get()) != 1)
      return error(parts_.files.private_key,
                   "the private key does not belong to the certificate in " + parts_.files.certificate,
                   "restore the one that does" + enrol_anew());
    // OpenSSL's own limits (its security level may be set for the whole host) are asked for rather than guessed.
    const ssl_ctx_ptr trial(SSL_CTX_new(TLS_method()));
    ERR_clear_error();
    if (trial && SSL_CTX_use_certificate(trial.get(), parts_.certificate.get()) == 1 &&
        SSL_CTX_use_PrivateKey(trial.get(), parts_.private_key.get()) == 1)
      return;
    error(parts_.files.certificate,
          "OpenSSL on this host does not use the certificate or its key: " + openssl_reason(ERR_peek_error()),
          "enrol anew with a stronger key, or lower the host's OpenSSL security level");
  }

  bool read_ca() {
    const auto bytes = read(parts_.files.ca, "localcacert", "the CA bundle", enrol);
    if (!bytes) return false;
    auto list = certificates_in(bytes->view());
    if (list) parts_.ca = std::move(*list);
    else error(parts_.files.ca, list.error(), fetch_again);
    return list.has_value();
  }

  bool read_crls() {
    if (parts_.files.check == revocation::none) return true;
    const auto bytes = read(parts_.files.crl, "hostcrl", "the CRL bundle",
                            "let the agent fetch it, or set certificate_revocation = false");
    if (!bytes) return false;
    auto list = crls_in(bytes->view());
    if (list) parts_.crls = std::move(*list);
    else error(parts_.files.crl, list.error(), fetch_again);
    return list.has_value();
  }

  std::chrono::sys_seconds now_;
  credentials::parts parts_{};
  problems found_;
};

}  // namespace

credentials_reading load_credentials(const credential_files& files, std::chrono::sys_seconds now) {
  return loader(files, now).run();
}

problems check_again(const credentials& loaded, std::chrono::sys_seconds now) {
  problems found;
  credentials::parts parts = loaded.copy();
  check_own_dates(parts, now, found);
  check_chain(parts, now, found);
  ERR_clear_error();
  return found;
}

credentials::parts credentials::copy() const {
  parts out{};
  out.files = parts_.files;
  if (parts_.certificate) out.certificate = io::share<x509_ptr>(parts_.certificate.get(), X509_up_ref);
  for (const auto& one : parts_.ca) out.ca.push_back(io::share<x509_ptr>(one.get(), X509_up_ref));
  for (const auto& one : parts_.crls) out.crls.push_back(io::share<x509_crl_ptr>(one.get(), X509_CRL_up_ref));
  out.certname = parts_.certname;
  out.not_before = parts_.not_before;
  out.not_after = parts_.not_after;
  return out;
}

}  // namespace bunraku::io
