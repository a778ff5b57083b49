#include "certificate_authority.hpp"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <sstream>

namespace lab {
namespace {

namespace fs = std::filesystem;
using number_ptr = std::unique_ptr<BIGNUM, freed_by<BN_free>>;
using extension_ptr = std::unique_ptr<X509_EXTENSION, freed_by<X509_EXTENSION_free>>;
using integer_ptr = std::unique_ptr<ASN1_INTEGER, freed_by<ASN1_INTEGER_free>>;
using time_ptr = std::unique_ptr<ASN1_TIME, freed_by<ASN1_TIME_free>>;
using revoked_ptr = std::unique_ptr<X509_REVOKED, freed_by<X509_REVOKED_free>>;

constexpr long day = 24L * 3600;

void check(bool ok, const char* what) {
  if (!ok) openssl_failure(what);
}

// Random serial numbers: several processes may issue from one directory.
void set_random_serial(X509* certificate) {
  number_ptr serial(BN_new());
  check(BN_rand(serial.get(), 63, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) == 1, "no random serial");
  BN_to_ASN1_INTEGER(serial.get(), X509_get_serialNumber(certificate));
}

void add_name(X509_NAME* name, const std::string& common_name) {
  check(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                                   reinterpret_cast<const unsigned char*>(common_name.c_str()), -1, -1, 0) == 1,
        "cannot set a subject");
}

void add_extension(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  extension_ptr extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
  if (!extension) openssl_failure("cannot make the extension " + value);
  X509_add_ext(certificate, extension.get(), -1);
}

certificate_ptr blank(EVP_PKEY* public_key, const std::string& common_name, int from_days, int to_days) {
  certificate_ptr certificate(X509_new());
  X509_set_version(certificate.get(), X509_VERSION_3);
  set_random_serial(certificate.get());
  add_name(X509_get_subject_name(certificate.get()), common_name);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), from_days * day);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), to_days * day);
  check(X509_set_pubkey(certificate.get(), public_key) == 1, "cannot set a public key");
  return certificate;
}

certificate_ptr make_authority(EVP_PKEY* key, const std::string& name, X509* issuer, EVP_PKEY* issuer_key) {
  auto certificate = blank(key, name, -1, 15 * 365);
  X509* signer = issuer ? issuer : certificate.get();
  X509_set_issuer_name(certificate.get(), X509_get_subject_name(signer));
  add_extension(certificate.get(), signer, NID_basic_constraints, "critical,CA:TRUE");
  add_extension(certificate.get(), signer, NID_key_usage, "critical,keyCertSign,cRLSign");
  add_extension(certificate.get(), signer, NID_subject_key_identifier, "hash");
  add_extension(certificate.get(), signer, NID_authority_key_identifier, "keyid:always");
  check(X509_sign(certificate.get(), issuer_key, EVP_sha256()) > 0, "cannot sign a CA certificate");
  return certificate;
}

struct revocation {
  std::string serial;  // hexadecimal
};

std::vector<revocation> revocations(const fs::path& file) {
  std::vector<revocation> found;
  if (!fs::exists(file)) return found;
  std::istringstream lines(read_file(file));
  for (std::string line; std::getline(lines, line);) found.push_back({line});
  return found;
}

std::string make_crl(X509* issuer, EVP_PKEY* key, const std::vector<revocation>& revoked) {
  crl_ptr crl(X509_CRL_new());
  X509_CRL_set_version(crl.get(), X509_CRL_VERSION_2);
  X509_CRL_set_issuer_name(crl.get(), X509_get_subject_name(issuer));
  time_ptr now(X509_gmtime_adj(nullptr, -day));
  time_ptr next(X509_gmtime_adj(nullptr, 5L * 365 * day));
  X509_CRL_set1_lastUpdate(crl.get(), now.get());
  X509_CRL_set1_nextUpdate(crl.get(), next.get());
  for (const auto& entry : revoked) {
    BIGNUM* raw = nullptr;
    check(BN_hex2bn(&raw, entry.serial.c_str()) > 0, "bad serial in revoked.txt");
    number_ptr number(raw);
    integer_ptr serial(BN_to_ASN1_INTEGER(number.get(), nullptr));
    revoked_ptr item(X509_REVOKED_new());
    X509_REVOKED_set_serialNumber(item.get(), serial.get());
    X509_REVOKED_set_revocationDate(item.get(), now.get());
    check(X509_CRL_add0_revoked(crl.get(), item.get()) == 1, "cannot add to a CRL");
    (void)item.release();
  }
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, nullptr, nullptr, crl.get(), 0);
  extension_ptr identifier(X509V3_EXT_conf_nid(nullptr, &context, NID_authority_key_identifier, "keyid:always"));
  X509_CRL_add_ext(crl.get(), identifier.get(), -1);
  integer_ptr number(ASN1_INTEGER_new());
  ASN1_INTEGER_set(number.get(), static_cast<long>(revoked.size()) + 1);
  X509_CRL_add1_ext_i2d(crl.get(), NID_crl_number, number.get(), 0, 0);
  X509_CRL_sort(crl.get());
  check(X509_CRL_sign(crl.get(), key, EVP_sha256()) > 0, "cannot sign a CRL");
  return to_pem(crl.get());
}

}  // namespace

bool is_certname(std::string_view name) {
  return !name.empty() && name.size() < 256 && name.front() != '.' &&
         std::ranges::all_of(
             name,
             [](char c) {
               return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
             });
}

key_ptr new_key(key_choice choice) {
  key_ptr key(choice.kind == key_kind::ec ? EVP_EC_gen("P-256") : EVP_RSA_gen(choice.bits));
  if (!key) openssl_failure("cannot make a key");
  return key;
}

certificate_authority certificate_authority::open_or_create(const fs::path& directory, key_choice choice,
                                                            const std::string& name) {
  certificate_authority authority(directory);
  if (!fs::exists(directory / "inter.key")) authority.create(choice, name);
  authority.load();
  return authority;
}

certificate_authority certificate_authority::open(const fs::path& directory) {
  certificate_authority authority(directory);
  authority.load();
  return authority;
}

void certificate_authority::create(key_choice choice, const std::string& name) {
  const auto root_key = new_key(choice);
  const auto inter_key = new_key(choice);
  const auto root = make_authority(root_key.get(), name + " root", nullptr, root_key.get());
  const auto inter = make_authority(inter_key.get(), name, root.get(), root_key.get());
  fs::create_directories(directory_ / "signed");
  fs::create_directories(directory_ / "requests");
  write_file(directory_ / "root.pem", to_pem(root.get()), mode_public);
  write_file(directory_ / "root.key", private_pem(root_key.get()), mode_key);
  write_file(directory_ / "inter.pem", to_pem(inter.get()), mode_public);
  write_file(directory_ / "ca_crt.pem", to_pem(inter.get()) + to_pem(root.get()), mode_public);
  write_file(directory_ / "inter.key", private_pem(inter_key.get()), mode_key);
  load();
  write_crls();
}

void certificate_authority::load() {
  auto key = [this](const char* name) { return key_from_pem(read_file(directory_ / name), directory_ / name); };
  auto certificate = [this](const char* name) {
    return certificate_from_pem(read_file(directory_ / name), directory_ / name);
  };
  root_key_ = key("root.key");
  inter_key_ = key("inter.key");
  root_ = certificate("root.pem");
  inter_ = certificate("inter.pem");
}

void certificate_authority::write_crls() const {
  write_file(directory_ / "ca_crl.pem",
             make_crl(inter_.get(), inter_key_.get(), revocations(directory_ / "revoked.txt")) +
                 make_crl(root_.get(), root_key_.get(), {}),
             mode_public);
}

certificate_ptr certificate_authority::issue(EVP_PKEY* public_key, const leaf& wanted) const {
  auto certificate = blank(public_key, wanted.common_name, wanted.valid_from_days, wanted.valid_to_days);
  X509_set_issuer_name(certificate.get(), X509_get_subject_name(inter_.get()));
  auto extend = [&](int nid, const std::string& value) { add_extension(certificate.get(), inter_.get(), nid, value); };
  extend(NID_netscape_comment, "Puppet Server Internal Certificate");
  extend(NID_authority_key_identifier, "keyid:always");
  extend(NID_basic_constraints, "critical,CA:FALSE");
  std::string usage = "critical";
  if (wanted.server_auth) usage += ",serverAuth";
  if (wanted.client_auth) usage += ",clientAuth";
  extend(NID_ext_key_usage, usage);
  extend(NID_key_usage, "critical,digitalSignature,keyEncipherment");
  extend(NID_subject_key_identifier, "hash");
  std::string names;
  for (const auto& name : wanted.names) names += (names.empty() ? "DNS:" : ",DNS:") + name;
  if (!names.empty()) extend(NID_subject_alt_name, names);
  check(X509_sign(certificate.get(), inter_key_.get(), EVP_sha256()) > 0, "cannot sign a certificate");
  return certificate;
}

void certificate_authority::revoke(X509* certificate) const {
  number_ptr serial(ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), nullptr));
  const std::unique_ptr<char, decltype([](char* text) { OPENSSL_free(text); })> hex(BN_bn2hex(serial.get()));
  const auto file = directory_ / "revoked.txt";
  const auto before = fs::exists(file) ? read_file(file) : std::string();
  write_file(file, before + hex.get() + "\n", mode_public);
  write_crls();
}

std::string certificate_authority::certificates() const { return read_file(directory_ / "ca_crt.pem"); }
std::string certificate_authority::crls() const { return read_file(directory_ / "ca_crl.pem"); }

std::optional<std::string> certificate_authority::signed_certificate(const std::string& certname) const {
  const auto file = directory_ / "signed" / (certname + ".pem");
  if (!fs::exists(file)) return std::nullopt;
  return read_file(file);
}

bool certificate_authority::has_request(const std::string& certname) const {
  return fs::exists(directory_ / "requests" / (certname + ".pem"));
}

void certificate_authority::keep_request(const std::string& certname, const std::string& pem) const {
  write_file(directory_ / "requests" / (certname + ".pem"), pem, mode_public);
}

void certificate_authority::keep_signed(const std::string& certname, X509* certificate) const {
  write_file(directory_ / "signed" / (certname + ".pem"), to_pem(certificate), mode_public);
}

void certificate_authority::sign_request(const std::string& certname) const {
  const auto file = directory_ / "requests" / (certname + ".pem");
  const auto request = request_from_pem(read_file(file), file);
  if (X509_REQ_verify(request.get(), X509_REQ_get0_pubkey(request.get())) != 1) {
    openssl_failure(file.string() + ": bad signature");
  }
  const auto certificate = issue(X509_REQ_get0_pubkey(request.get()), {.common_name = certname, .names = {certname}});
  keep_signed(certname, certificate.get());
  fs::remove(file);
}

}  // namespace lab
