#include "io/openssl_memory.hpp"
#include "io/openssl_ptr.hpp"
#include "io/shared_key.hpp"
#include "puppet/utf8.hpp"

#include <bunraku/enrolment.hpp>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <new>

namespace bunraku {
namespace {

using namespace io;
using x509_req_ptr = std::unique_ptr<X509_REQ, openssl_free<X509_REQ_free>>;
using asn1_object_ptr = std::unique_ptr<ASN1_OBJECT, openssl_free<ASN1_OBJECT_free>>;
using octets_ptr = std::unique_ptr<ASN1_OCTET_STRING, openssl_free<ASN1_OCTET_STRING_free>>;
using utf8_ptr = std::unique_ptr<ASN1_UTF8STRING, openssl_free<ASN1_UTF8STRING_free>>;
using extension_ptr = std::unique_ptr<X509_EXTENSION, openssl_free<X509_EXTENSION_free>>;

struct free_extensions {
  void operator()(STACK_OF(X509_EXTENSION) * all) const noexcept {
    sk_X509_EXTENSION_pop_free(all, X509_EXTENSION_free);
  }
};
using extensions_ptr = std::unique_ptr<STACK_OF(X509_EXTENSION), free_extensions>;

void must(bool done) {
  if (done) return;
  ERR_clear_error();
  throw std::bad_alloc();
}

class request_maker {
 public:
  request_maker(const node_key& key, const request_contents& what) : key_(key.native().key.get()), what_(what) {}

  request_reading make() && {
    if (what_.certname.empty() || !puppet::is_utf8(what_.certname)) {
      out_.found.emplace_back(severity::error, "certname", "a request needs a name, in UTF-8",
                              "set certname in puppet.conf, or give the host a name");
      return std::move(out_);
    }
    request_.reset(X509_REQ_new());
    extensions_.reset(sk_X509_EXTENSION_new_null());
    must(request_ && extensions_ && X509_REQ_set_version(request_.get(), X509_REQ_VERSION_1) == 1);
    const auto* name = reinterpret_cast<const unsigned char*>(what_.certname.c_str());
    must(X509_NAME_add_entry_by_NID(X509_REQ_get_subject_name(request_.get()), NID_commonName, V_ASN1_UTF8STRING, name,
                                    static_cast<int>(what_.certname.size()), -1, 0) == 1);
    must(X509_REQ_set_pubkey(request_.get(), key_) == 1);
    for (const auto& one : what_.attributes) add_attribute(one);
    for (const auto& one : what_.extensions) add_extension(one);
    add_alt_names();
    if (!out_.found.empty()) return std::move(out_);
    if (sk_X509_EXTENSION_num(extensions_.get()) != 0)
      must(X509_REQ_add_extensions(request_.get(), extensions_.get()) == 1);
    must(X509_REQ_sign(request_.get(), key_, EVP_sha256()) > 0);
    const bio_ptr bio(BIO_new(BIO_s_mem()));
    must(bio && PEM_write_bio_X509_REQ(bio.get(), request_.get()) == 1);
    char* text = nullptr;
    const long size = BIO_get_mem_data(bio.get(), &text);
    out_.pem.assign(text, static_cast<std::size_t>(size));
    return std::move(out_);
  }

 private:
  // Null, with a problem added, if there is no such thing.
  asn1_object_ptr object_of(const request_contents::named_value& one) {
    asn1_object_ptr object(OBJ_txt2obj(one.oid.c_str(), 0));
    ERR_clear_error();
    if (!object)
      out_.found.emplace_back(
          severity::error, one.where, "`" + one.oid + "` is neither an OID nor a name of one",
          "write the dotted number, such as 1.3.6.1.4.1.34380.1.2.1, or one of Puppet's short names");
    return object;
  }

  void refuse_again(const request_contents::named_value& one) {
    out_.found.emplace_back(severity::error, one.where, "`" + one.oid + "` is in the request already",
                            "ask for it once; a name and its number are the same");
  }

  void add_attribute(const request_contents::named_value& one) {
    const auto object = object_of(one);
    if (!object) return;
    // That is the one which holds the extensions.
    if (OBJ_obj2nid(object.get()) == NID_ext_req || X509_REQ_get_attr_by_OBJ(request_.get(), object.get(), -1) >= 0)
      return refuse_again(one);
    // Puppet marks every value so, whatever characters it has.
    must(X509_REQ_add1_attr_by_OBJ(request_.get(), object.get(), V_ASN1_PRINTABLESTRING,
                                   reinterpret_cast<const unsigned char*>(one.value.data()),
                                   static_cast<int>(one.value.size())) == 1);
  }

  void add_extension(const request_contents::named_value& one) {
    const auto object = object_of(one);
    if (!object) return;
    if (X509v3_get_ext_by_OBJ(extensions_.get(), object.get(), -1) >= 0) return refuse_again(one);
    const utf8_ptr text(ASN1_UTF8STRING_new());
    must(text && ASN1_STRING_set(text.get(), one.value.data(), static_cast<int>(one.value.size())) == 1);
    unsigned char* der = nullptr;
    const int length = i2d_ASN1_UTF8STRING(text.get(), &der);
    const openssl_memory_ptr<unsigned char> owner(der);
    must(length > 0);
    const octets_ptr octets(ASN1_OCTET_STRING_new());
    must(octets && ASN1_OCTET_STRING_set(octets.get(), der, length) == 1);
    push(X509_EXTENSION_create_by_OBJ(nullptr, object.get(), 0, octets.get()));
  }

  void add_alt_names() {
    if (what_.alt_names.empty()) return;
    auto all = what_.alt_names;
    all.push_back("DNS:" + what_.certname);
    std::ranges::sort(all);
    all.erase(std::ranges::unique(all).begin(), all.end());
    const general_names_ptr names(sk_GENERAL_NAME_new_null());
    must(names != nullptr);
    for (const auto& one : all) {
      GENERAL_NAME* const made = alt_name(one);
      if (made != nullptr) must(sk_GENERAL_NAME_push(names.get(), made) > 0);
      else
        out_.found.emplace_back(severity::error, "dns_alt_names", "`" + one + "` cannot be put into a request",
                                "write names and IP:addresses, separated by commas");
    }
    push(X509V3_EXT_i2d(NID_subject_alt_name, 0, names.get()));
  }

  /// Null if it is none. Not by X509V3_EXT_conf_nid: what that reads is a language, and some of it needs a file of
  /// configuration that is not there.
  static GENERAL_NAME* alt_name(const std::string& one) {
    const bool is_address = one.starts_with("IP:");
    if (!is_address && !one.starts_with("DNS:")) return nullptr;
    const auto value = one.substr(is_address ? 3 : 4);
    if (value.empty() || !std::ranges::all_of(value, [](char c) { return c > ' ' && c < 0x7f && c != ','; }))
      return nullptr;
    auto* const made = a2i_GENERAL_NAME(nullptr, nullptr, nullptr, is_address ? GEN_IPADD : GEN_DNS, value.c_str(), 0);
    ERR_clear_error();
    return made;
  }

  void push(X509_EXTENSION* made) {
    extension_ptr one(made);
    must(one && sk_X509_EXTENSION_push(extensions_.get(), one.get()) > 0);
    (void)one.release();
  }

  EVP_PKEY* key_;
  const request_contents& what_;
  x509_req_ptr request_;
  extensions_ptr extensions_;
  request_reading out_;
};

}  // namespace

request_reading make_request(const node_key& key, const request_contents& what) {
  return request_maker(key, what).make();
}

}  // namespace bunraku
