#include "io/credentials_chain.hpp"
#include "io/pem_file.hpp"
#include "io/shared_key.hpp"
#include "io/tls_verify.hpp"

#include <bunraku/enrolment.hpp>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <new>
#include <span>

namespace bunraku {
namespace {

using namespace io;
using time_point = std::chrono::sys_seconds;

problem error(const std::string& where, std::string what, std::string fix) {
  return {severity::error, where, std::move(what), std::move(fix)};
}

std::string clock_text(time_point now) { return " (local clock: " + text_of(now) + ")"; }

std::string hex_of(std::span<const unsigned char> digest) {
  static constexpr std::string_view digits = "0123456789ABCDEF";
  std::string out;
  for (const auto byte : digest) {
    if (!out.empty()) out += ':';
    out += digits[byte >> 4];
    out += digits[byte & 15];
  }
  return out;
}

// PEM of one object, as OpenSSL (and with it Puppet) writes it.
template <class Write>
std::string pem_of(Write write) {
  const bio_ptr bio(BIO_new(BIO_s_mem()));
  if (!bio || write(bio.get()) != 1) throw std::bad_alloc();
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

bool signed_itself(X509* ca) { return X509_self_signed(ca, 1) == 1; }

bool chains_to(X509* certificate, X509* root, const std::vector<x509_ptr>& all, time_point now) {
  const x509_store_ptr store(X509_STORE_new());
  const x509_store_ctx_ptr context(X509_STORE_CTX_new());
  STACK_OF(X509)* between = sk_X509_new_null();
  if (!store || !context || between == nullptr || X509_STORE_add_cert(store.get(), root) != 1) {
    sk_X509_free(between);
    throw std::bad_alloc();
  }
  for (const auto& one : all) sk_X509_push(between, one.get());
  bool good = X509_STORE_CTX_init(context.get(), store.get(), certificate, between) == 1;
  if (good) {
    X509_STORE_CTX_set_time(context.get(), 0, now.time_since_epoch().count());
    good = X509_verify_cert(context.get()) == 1;
  }
  sk_X509_free(between);
  ERR_clear_error();
  return good;
}

bool has_expired(const X509* ca, time_point now) {
  const auto ends = moment_of(X509_get0_notAfter(ca));
  return !ends || now > *ends;
}

// A clock that is wrong shows in every date, so it is named before anything else. A CA that ended may be left over from
// a rotation: that is one only if nothing else is there.
void check_dates(const credentials::parts& parts, time_point now, problems& found) {
  const bool all_expired =
      std::ranges::all_of(parts.ca, [&](const x509_ptr& ca) { return has_expired(ca.get(), now); });
  for (const auto& ca : parts.ca) {
    const auto begins = moment_of(X509_get0_notBefore(ca.get())), ends = moment_of(X509_get0_notAfter(ca.get()));
    const std::string who = "CA certificate " + subject_of(ca.get());
    if (!begins || !ends) found.push_back(error(parts.files.ca, who + " has unreadable dates", "mend the CA"));
    else if (now < *begins)
      found.push_back(error(parts.files.ca, who + " is not valid before " + text_of(*begins) + clock_text(now),
                            "set this host's clock right"));
    else if (all_expired)
      found.push_back(error(parts.files.ca, who + " expired on " + text_of(*ends) + clock_text(now),
                            "set this host's clock right, or renew the CA"));
  }
}

bool has_crl(X509* ca, const std::vector<x509_crl_ptr>& crls) {
  return std::ranges::any_of(crls, [&](const x509_crl_ptr& crl) {
    return X509_NAME_cmp(X509_CRL_get_issuer(crl.get()), X509_get_subject_name(ca)) == 0 &&
           X509_CRL_verify(crl.get(), X509_get0_pubkey(ca)) == 1;
  });
}

}  // namespace

ca_trust_reading ca_trust::read(std::string_view bundle, const credential_files& files, time_point now) {
  auto list = certificates_in(bundle);
  if (!list) return {std::nullopt, {error(files.ca, "the CA bundle cannot be used: " + list.error(), "get it anew")}};
  credentials::parts parts{};
  parts.files = files;
  parts.files.check = revocation::none;
  parts.ca = std::move(*list);
  problems found;
  for (const auto& ca : parts.ca)
    if (X509_check_ca(ca.get()) == 0)
      found.push_back(error(files.ca, "certificate " + subject_of(ca.get()) + " in the CA bundle is no CA's",
                            "get the bundle from the CA (/puppet-ca/v1/certificate/ca)"));
  if (std::ranges::none_of(parts.ca, [](const x509_ptr& ca) { return signed_itself(ca.get()); }))
    found.push_back(error(files.ca, "the CA bundle has no root: none of its certificates signed itself",
                          "have the CA serve its whole chain"));
  check_dates(parts, now, found);
  ERR_clear_error();
  if (has_error(found)) return {std::nullopt, std::move(found)};
  return {ca_trust(std::make_shared<const credentials>(std::move(parts)), files.check), std::move(found)};
}

ca_trust_reading ca_trust::with_crls(std::string_view bundle, time_point now) const {
  credentials::parts parts = native_->copy();
  const std::string& where = parts.files.crl;
  auto list = crls_in(bundle);
  if (!list) return {std::nullopt, {error(where, "the CRLs cannot be used: " + list.error(), "get them anew")}};
  parts.crls = std::move(*list);
  parts.files.check = check_;
  problems found;
  for (const auto& crl : parts.crls) {
    const auto issued = moment_of(X509_CRL_get0_lastUpdate(crl.get()));
    const auto ends = moment_of(X509_CRL_get0_nextUpdate(crl.get()));
    const std::string who = "the CRL of " + text_of(X509_CRL_get_issuer(crl.get()));
    if (issued && *issued >= now + crl_clock_skew)
      found.push_back(error(where, who + " is not valid before " + text_of(*issued) + clock_text(now),
                            "set this host's clock right"));
    else if (ends && now > *ends)
      found.push_back(error(where, who + " expired on " + text_of(*ends) + clock_text(now),
                            "set this host's clock right, or renew the CRL at the CA"));
  }
  const bool whole_chain = parts.files.check == revocation::chain;
  for (const auto& ca : parts.ca) {
    if (!whole_chain || has_expired(ca.get(), now) || has_crl(ca.get(), parts.crls)) continue;
    found.push_back(error(where,
                          "there is no CRL of " + subject_of(ca.get()) +
                              ", and certificate_revocation asks for "
                              "one of every CA",
                          "have the CA serve the CRLs of its whole chain, or set certificate_revocation = leaf"));
  }
  ERR_clear_error();
  if (has_error(found)) return {std::nullopt, std::move(found)};
  return {ca_trust(std::make_shared<const credentials>(std::move(parts)), check_), std::move(found)};
}

std::string ca_trust::ca_pem() const {
  std::string out;
  for (const auto& ca : native_->ca()) out += pem_of([&](BIO* to) { return PEM_write_bio_X509(to, ca.get()); });
  return out;
}

std::string ca_trust::crl_pem() const {
  std::string out;
  for (const auto& crl : native_->crls()) out += pem_of([&](BIO* to) { return PEM_write_bio_X509_CRL(to, crl.get()); });
  return out;
}

std::string ca_trust::fingerprint_of(std::string_view bundle) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(bundle.data()), bundle.size(), digest.data());
  return hex_of(digest);
}

std::string ca_trust::root_fingerprint(time_point now) const {
  const auto& all = native_->ca();
  const auto is_root = [](const x509_ptr& ca) { return signed_itself(ca.get()); };
  const auto root = std::ranges::find_if(all, is_root);
  if (root == all.end() || std::ranges::count_if(all, is_root) != 1) return {};
  for (const auto& one : all)
    if (!chains_to(one.get(), root->get(), all, now)) return {};
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned length = 0;
  if (X509_digest(root->get(), EVP_sha256(), digest.data(), &length) != 1) throw std::bad_alloc();
  return hex_of(std::span(digest).first(length));
}

node_certificate_reading check_node_certificate(std::string_view pem, const std::string& where, const node_key& key,
                                                const std::string& certname, const ca_trust& trust, time_point now) {
  node_certificate_reading out;
  x509_ptr leaf = first_certificate_in(pem);
  if (!leaf) {
    out.found.push_back(error(where, "this is no PEM certificate", "get it anew: remove the file, or mend the CA"));
    return out;
  }
  const bool of_this_key = X509_check_private_key(leaf.get(), key.native().key.get()) == 1;
  ERR_clear_error();
  if (!of_this_key) {
    out.of_another_key = true;
    out.found.push_back(
        error(where,
              "the certificate of " + certname + " (serial " + serial_of(leaf.get()) + ") is for another key than " +
                  trust.native()->files().private_key,
              "if this host was set up anew, clean the old one at the CA (puppetserver ca clean --certname " +
                  certname + ") and enrol again; if not, another host uses this name: give this one another certname"));
    return out;
  }
  const auto names = names_of(leaf.get());
  if (names.common_name != certname)
    out.found.push_back(error(where, "the certificate is for `" + names.common_name + "`, not for " + certname,
                              "set certname right, or clean the certificate at the CA"));
  const auto begins = moment_of(X509_get0_notBefore(leaf.get())), ends = moment_of(X509_get0_notAfter(leaf.get()));
  if (!begins || !ends) out.found.push_back(error(where, "the certificate has unreadable dates", "mend the CA"));
  else if (now < *begins)
    out.found.push_back(error(where, "the certificate is not valid before " + text_of(*begins) + clock_text(now),
                              "set this host's clock right, or the CA's"));
  else if (now > *ends)
    out.found.push_back(error(where, "the certificate expired on " + text_of(*ends) + clock_text(now),
                              "set this host's clock right, or clean the certificate at the CA and enrol again"));
  credentials::parts parts = trust.native()->copy();
  parts.files.certificate = where;
  parts.certificate = share<x509_ptr>(leaf.get(), X509_up_ref);
  parts.certname = certname;
  check_chain(parts, now, out.found);
  ERR_clear_error();
  if (has_error(out.found)) return out;
  out.value = node_certificate{pem_of([&](BIO* to) { return PEM_write_bio_X509(to, leaf.get()); }),
                               serial_of(leaf.get()), *ends};
  return out;
}

}  // namespace bunraku
