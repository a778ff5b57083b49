#include "support/pki.hpp"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include <cstdlib>
#include <ctime>
#include <fstream>
#include <stdexcept>
#include <sys/stat.h>
#include <utility>

namespace bunraku::test_pki {
namespace {

using bunraku::io::bio_ptr;
using bunraku::io::x509_crl_ptr;
using bunraku::io::x509_ptr;

template <class T>
T must(T result, const char* what) {
  if (result) return result;
  char reason[256];
  ERR_error_string_n(ERR_get_error(), reason, sizeof reason);
  throw std::runtime_error(std::string("test_pki: ") + what + ": " + reason);
}

template <class Write>
std::string pem_of(Write write) {
  const bio_ptr out(must(BIO_new(BIO_s_mem()), "memory BIO"));
  must(write(out.get()) == 1, "writing PEM");
  char* data = nullptr;
  const long length = BIO_get_mem_data(out.get(), &data);
  return {data, static_cast<std::size_t>(length)};
}

void set_time(ASN1_TIME* field, seconds from_now) {
  must(ASN1_TIME_adj(field, std::time(nullptr), 0, static_cast<long>(from_now.count())), "time");
}

void set_random_serial(X509* certificate) {
  unsigned char bytes[8];
  must(RAND_bytes(bytes, sizeof bytes) == 1, "random serial");
  bytes[0] &= 0x7f;
  BIGNUM* number = must(BN_bin2bn(bytes, sizeof bytes, nullptr), "serial");
  must(BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)), "serial");
  BN_free(number);
}

void set_subject(X509* certificate, const std::string& common_name) {
  if (common_name.empty()) return;
  must(X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8,
                                  reinterpret_cast<const unsigned char*>(common_name.data()),
                                  static_cast<int>(common_name.size()), -1, 0) == 1,
       "subject");
}

void add(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = must(X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()), value.c_str());
  must(X509_add_ext(certificate, extension, -1) == 1, "extension");
  X509_EXTENSION_free(extension);
}

std::string alternative_names(const request& what) {
  std::string out;
  const auto append = [&](const char* kind, const std::vector<std::string>& names) {
    for (const auto& name : names) out += (out.empty() ? "" : ",") + std::string(kind) + name;
  };
  append("DNS:", what.dns);
  append("IP:", what.ip);
  append("email:", what.email);
  return out;
}

x509_ptr begin(const std::string& common_name, const key& its_key, seconds not_before, seconds not_after) {
  x509_ptr out(must(X509_new(), "certificate"));
  must(X509_set_version(out.get(), X509_VERSION_3) == 1, "version");
  set_random_serial(out.get());
  set_time(X509_getm_notBefore(out.get()), not_before);
  set_time(X509_getm_notAfter(out.get()), not_after);
  set_subject(out.get(), common_name);
  must(X509_set_pubkey(out.get(), its_key.get()) == 1, "public key");
  return out;
}

certificate make_ca(const std::string& common_name, const key& its_key, seconds not_before, seconds not_after,
                    const certificate* issuer) {
  x509_ptr out = begin(common_name, its_key, not_before, not_after);
  X509* signer = issuer != nullptr ? issuer->get() : out.get();
  must(X509_set_issuer_name(out.get(), X509_get_subject_name(signer)) == 1, "issuer");
  add(out.get(), signer, NID_basic_constraints, "critical,CA:TRUE");
  add(out.get(), signer, NID_key_usage, "critical,keyCertSign,cRLSign");
  add(out.get(), signer, NID_subject_key_identifier, "hash");
  add(out.get(), signer, NID_authority_key_identifier, "keyid:always");
  const key& signing = issuer != nullptr ? issuer->its_key() : its_key;
  must(X509_sign(out.get(), signing.get(), EVP_sha256()) > 0, "signing");
  return {out.release(), its_key};
}

}  // namespace

key::key(EVP_PKEY* made) : key_(must(made, "making a key"), EVP_PKEY_free) {}
key key::rsa(unsigned bits) { return key(EVP_RSA_gen(bits)); }
key key::ec() { return key(EVP_EC_gen("P-256")); }

std::string key::pkcs8_pem() const {
  return pem_of(
      [&](BIO* out) { return PEM_write_bio_PKCS8PrivateKey(out, get(), nullptr, nullptr, 0, nullptr, nullptr); });
}
std::string key::traditional_pem() const {
  return pem_of([&](BIO* out) {
    return PEM_write_bio_PrivateKey_traditional(out, get(), nullptr, nullptr, 0, nullptr, nullptr);
  });
}
std::string key::encrypted_pkcs8_pem(std::string_view passphrase) const {
  return pem_of([&](BIO* out) {
    return PEM_write_bio_PKCS8PrivateKey(out, get(), EVP_aes_256_cbc(), passphrase.data(),
                                         static_cast<int>(passphrase.size()), nullptr, nullptr);
  });
}
std::string key::encrypted_traditional_pem(std::string_view passphrase) const {
  return pem_of([&](BIO* out) {
    return PEM_write_bio_PrivateKey_traditional(out, get(), EVP_aes_128_cbc(),
                                                reinterpret_cast<const unsigned char*>(passphrase.data()),
                                                static_cast<int>(passphrase.size()), nullptr, nullptr);
  });
}

request node(std::string name) {
  request out;
  out.dns = {name};
  out.common_name = std::move(name);
  return out;
}

certificate::certificate(X509* made, key its_key) : certificate_(made, X509_free), key_(std::move(its_key)) {}
std::string certificate::pem() const {
  return pem_of([&](BIO* out) { return PEM_write_bio_X509(out, get()); });
}

authority::authority(std::string common_name, key its_key, seconds not_before, seconds not_after)
    : own_(make_ca(common_name, its_key, not_before, not_after, nullptr)) {}

authority authority::intermediate(std::string common_name, key its_key, seconds not_before, seconds not_after) const {
  return authority(make_ca(common_name, its_key, not_before, not_after, &own_));
}

certificate authority::issue(const request& what, key its_key) const {
  x509_ptr out = begin(what.common_name, its_key, what.not_before, what.not_after);
  X509* signer = own_.get();
  must(X509_set_issuer_name(out.get(), X509_get_subject_name(signer)) == 1, "issuer");
  add(out.get(), signer, NID_basic_constraints, "critical,CA:FALSE");
  add(out.get(), signer, NID_key_usage, "critical,digitalSignature,keyEncipherment");
  if (what.server_auth || what.client_auth)
    add(out.get(), signer, NID_ext_key_usage,
        std::string("critical,") + (what.server_auth ? "serverAuth" : "") +
            (what.server_auth && what.client_auth ? "," : "") + (what.client_auth ? "clientAuth" : ""));
  add(out.get(), signer, NID_subject_key_identifier, "hash");
  add(out.get(), signer, NID_authority_key_identifier, "keyid:always");
  if (const std::string names = alternative_names(what); !names.empty())
    add(out.get(), signer, NID_subject_alt_name, names);
  must(X509_sign(out.get(), own_.its_key().get(), EVP_sha256()) > 0, "signing");
  return {out.release(), std::move(its_key)};
}

std::string authority::crl(const std::vector<certificate>& revoked, crl_times times) const {
  const x509_crl_ptr out(must(X509_CRL_new(), "CRL"));
  must(X509_CRL_set_version(out.get(), X509_CRL_VERSION_2) == 1, "version");
  must(X509_CRL_set_issuer_name(out.get(), X509_get_subject_name(own_.get())) == 1, "issuer");
  ASN1_TIME* moment = must(ASN1_TIME_new(), "time");
  set_time(moment, times.last_update);
  must(X509_CRL_set1_lastUpdate(out.get(), moment) == 1, "lastUpdate");
  for (const auto& one : revoked) {
    X509_REVOKED* entry = must(X509_REVOKED_new(), "entry");
    must(X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(one.get())) == 1, "serial");
    must(X509_REVOKED_set_revocationDate(entry, moment) == 1, "date");
    must(X509_CRL_add0_revoked(out.get(), entry) == 1, "entry");
  }
  set_time(moment, times.next_update);
  must(X509_CRL_set1_nextUpdate(out.get(), moment) == 1, "nextUpdate");
  ASN1_TIME_free(moment);
  X509V3_CTX context;
  X509V3_set_ctx(&context, own_.get(), nullptr, nullptr, out.get(), 0);
  X509_EXTENSION* id =
      must(X509V3_EXT_conf_nid(nullptr, &context, NID_authority_key_identifier, "keyid:always"), "key id");
  must(X509_CRL_add_ext(out.get(), id, -1) == 1, "key id");
  X509_EXTENSION_free(id);
  must(X509_CRL_sort(out.get()) == 1, "sorting");
  must(X509_CRL_sign(out.get(), own_.its_key().get(), EVP_sha256()) > 0, "signing");
  return pem_of([&](BIO* bio) { return PEM_write_bio_X509_CRL(bio, out.get()); });
}

directory::directory() {
  std::string pattern = (std::filesystem::temp_directory_path() / "bunraku-pki-XXXXXX").string();
  path_ = must(mkdtemp(pattern.data()), "temporary directory");
}

directory::~directory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string directory::write(std::string_view name, std::string_view content, unsigned mode) const {
  const std::string path = this->path(name);
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out.write(content.data(), static_cast<std::streamsize>(content.size()));
  out.close();
  if (!out || chmod(path.c_str(), mode) != 0) throw std::runtime_error("test_pki: cannot write " + path);
  return path;
}

}  // namespace bunraku::test_pki
