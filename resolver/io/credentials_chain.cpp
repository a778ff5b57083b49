#include "io/credentials_chain.hpp"

#include "io/openssl_reason.hpp"
#include "io/tls_verify.hpp"

#include <openssl/err.h>

#include <algorithm>
#include <new>
#include <string>

namespace bunraku::io {
namespace {

struct finding {
  int error;
  int depth;
  errc code;
  std::string text;
};

struct collection {
  trust_view trust;
  std::vector<finding> findings;
  bool out_of_memory = false;
};

// Called by OpenSSL for every step; a failure is written down and passed over, so that all of them come to light.
int collect(int good, X509_STORE_CTX* context) noexcept {
  if (good == 1) return 1;
  auto& into = *static_cast<collection*>(X509_STORE_CTX_get_app_data(context));
  try {
    if (!is_forgiven(context)) {
      const int error = X509_STORE_CTX_get_error(context);
      into.findings.push_back(
          {error, X509_STORE_CTX_get_error_depth(context), code_of(error), describe_failure(context, into.trust)});
    }
  } catch (...) {
    into.out_of_memory = true;
  }
  X509_STORE_CTX_set_error(context, X509_V_OK);
  return 1;
}

bool same_key(const X509* a, const X509* b) {
  const auto key = spki_of(a);
  return key && key == spki_of(b) && X509_NAME_cmp(X509_get_subject_name(a), X509_get_subject_name(b)) == 0;
}

// The CRL of this CA that lasts longest: an older one may lie beside it. Null: there is none.
const X509_CRL* crl_of(X509* ca, const std::vector<x509_crl_ptr>& crls) {
  const X509_CRL* best = nullptr;
  std::optional<std::chrono::sys_seconds> best_end;
  for (const auto& crl : crls) {
    if (X509_NAME_cmp(X509_CRL_get_issuer(crl.get()), X509_get_subject_name(ca)) != 0) continue;
    if (X509_CRL_verify(crl.get(), X509_get0_pubkey(ca)) != 1) continue;
    const auto end = moment_of(X509_CRL_get0_nextUpdate(crl.get()));
    if (best != nullptr && (!best_end || (end && *end <= *best_end))) continue;
    best = crl.get();
    best_end = end;
  }
  return best;
}

class chain_check {
 public:
  chain_check(credentials::parts& parts, std::chrono::sys_seconds now, problems& found)
      : parts_(parts), now_(now), found_(found) {}

  void run() {
    verify();
    parts_.ca_not_after = std::chrono::sys_seconds::max();
    for (const auto& ca : parts_.ca) {
      const auto position =
          std::find_if(chain_.begin(), chain_.end(), [&](const x509_ptr& c) { return same_key(c.get(), ca.get()); });
      const bool ours = position != chain_.end();
      check_dates(ca.get(), ours);
      // With `leaf`, only the CRL of the CA that issued our certificate is looked at.
      const bool wanted = parts_.files.check == revocation::chain ||
                          (parts_.files.check == revocation::leaf && position == chain_.begin() && ours);
      if (wanted) check_crl(ca.get(), ours);
    }
  }

 private:
  void verify() {
    collection collected{{parts_.ca, parts_.crls, parts_.files}, {}};
    const x509_store_ptr store = make_store(collected.trust);
    const x509_store_ctx_ptr context(X509_STORE_CTX_new());
    if (!context || X509_STORE_CTX_init(context.get(), store.get(), parts_.certificate.get(), nullptr) != 1)
      throw std::bad_alloc();
    X509_STORE_CTX_set_time(context.get(), 0, now_.time_since_epoch().count());
    X509_STORE_CTX_set_app_data(context.get(), &collected);
    X509_STORE_CTX_set_verify_cb(context.get(), collect);
    const int finished = X509_verify_cert(context.get());
    if (collected.out_of_memory) throw std::bad_alloc();
    report(collected.findings);
    if (finished != 1 && collected.findings.empty()) {
      add(severity::error, parts_.files.ca, "the certificate cannot be verified: " + openssl_reason(ERR_peek_error()),
          "have the CA's bundle fetched anew; if that does not help, enrol this node anew");
    }
    const STACK_OF(X509)* chain = X509_STORE_CTX_get0_chain(context.get());
    for (int i = 1; i < sk_X509_num(chain); ++i) {
      X509* ca = sk_X509_value(chain, i);
      if (X509_up_ref(ca) == 1) chain_.emplace_back(ca);
    }
  }

  void report(const std::vector<finding>& findings) {
    // Without a chain, everything else that was found only follows from that.
    const auto broken = std::find_if(findings.begin(), findings.end(),
                                     [](const finding& f) { return f.code == errc::certificate_untrusted; });
    if (broken != findings.end()) return report(*broken);
    std::vector<std::string> told;
    for (const finding& f : findings) {
      const bool own_dates = f.depth == 0 && f.code == errc::certificate_expired;
      if (own_dates || std::find(told.begin(), told.end(), f.text) != told.end()) continue;
      told.push_back(f.text);
      report(f);
    }
  }

  void report(const finding& f) {
    const credential_files& files = parts_.files;
    const std::string fetch = "remove the file, so that the agent fetches it anew on its next run";
    switch (f.code) {
      case errc::certificate_revoked:
        parts_.revoked = parts_.revoked || f.depth == 0;
        if (f.depth == 0)
          return add(severity::error, files.certificate, "this node's certificate is revoked: " + f.text,
                     "enrol anew: `puppet ssl clean` and `puppet ssl bootstrap`, and sign the request at the CA");
        return add(severity::error, files.ca, f.text, "get the new CA bundle and enrol this node anew");
      case errc::crl_missing:
        return add(severity::error, files.crl, f.text, fetch + "; or set certificate_revocation to leaf or false");
      case errc::crl_expired:
        return add(severity::error, files.crl, f.text,
                   "set the clock right, or " + fetch + " (if it is no newer at the CA, renew it there)");
      case errc::certificate_expired:
        return add(severity::error, files.ca, f.text, "set the clock right, or get the renewed CA bundle: " + fetch);
      case errc::certificate_untrusted:
        return add(severity::error, files.certificate, "not signed by our CA: " + f.text,
                   "get the CA bundle that belongs to it (remove " + files.ca +
                       "), or enrol this node anew (puppet ssl clean)");
      default: return add(severity::error, files.ca, f.text, "get the CA bundle anew, or enrol this node anew");
    }
  }

  void check_dates(const X509* ca, bool ours) {
    const auto ends = moment_of(X509_get0_notAfter(ca));
    if (!ends) return;
    if (ours) parts_.ca_not_after = std::min(parts_.ca_not_after, *ends);
    if (now_ > *ends) {
      if (!ours)
        add(severity::warning, parts_.files.ca,
            "CA certificate " + subject_of(ca) + " expired on " + text_of(*ends) + "; our certificate does not need it",
            "take it out of the bundle");
    } else if (*ends - now_ < expiry_warning) {
      add(severity::warning, parts_.files.ca, "CA certificate " + subject_of(ca) + " expires on " + text_of(*ends),
          "renew the CA in time");
    }
  }

  void check_crl(X509* ca, bool ours) {
    const X509_CRL* crl = crl_of(ca, parts_.crls);
    if (crl == nullptr) {
      if (!ours)
        add(severity::warning, parts_.files.crl,
            "no CRL of " + subject_of(ca) + ": masters whose certificates it signed will be refused",
            "take the CA out of " + parts_.files.ca + " if it is not used, else get its CRL");
      return;
    }
    const auto ends = moment_of(X509_CRL_get0_nextUpdate(crl));
    if (!ends) return;
    if (ours && (!parts_.crl_next_update || *ends < *parts_.crl_next_update)) parts_.crl_next_update = ends;
    if (now_ <= *ends && *ends - now_ < expiry_warning)
      add(severity::warning, parts_.files.crl, "the CRL of " + subject_of(ca) + " expires on " + text_of(*ends),
          "have the CA renew it in time");
    else if (now_ > *ends && !ours)
      add(severity::warning, parts_.files.crl,
          "the CRL of " + subject_of(ca) + " expired on " + text_of(*ends) + "; our certificate does not need it",
          "take it and its CA out of the bundles if they are not used, else get it anew");
  }

  void add(severity level, const std::string& where, std::string what, std::string fix) {
    found_.emplace_back(level, where, std::move(what), std::move(fix));
  }

  credentials::parts& parts_;
  std::chrono::sys_seconds now_;
  problems& found_;
  std::vector<x509_ptr> chain_;  // the CAs above our certificate, its issuer first
};

}  // namespace

void check_chain(credentials::parts& parts, std::chrono::sys_seconds now, problems& found) {
  chain_check(parts, now, found).run();
}

}  // namespace bunraku::io
